"""A machine where the scripts of containers run, with programs that note what they are told."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

OPS = Path(__file__).parents[3] / "ops"
SERVERS = "postgres-primary:standby0 postgres-replica:standby1 more:standby2"
NOTE = '#!/bin/sh\necho "$(basename "$0") $*" >> "$NOTES"\n'
# What a server answers is in the file that has its host's name and the first word of the question.
PSQL = (
    NOTE
    + r"""
for word; do
    case $word in
    --dbname=*) host=$(echo "$word" | sed 's/--dbname=host=\([^ ]*\).*/\1/') ;;
    --command=*) asked=${word#--command=} ;;
    esac
done
case $asked in
*in_hot_standby*) kind=hot ;;
IDENTIFY_SYSTEM) kind=identity ;;
READ_*) kind=slot ;;
*pg_promote*) kind=promote ;;
*timeline_id*NOT*) kind=writer ;;
*timeline_id*) kind=received ;;
*pg_is_in_recovery*) kind=recovery ;;
*) exit 0 ;;
esac
cat "$ANSWERS/$host.$kind"
"""
)


@dataclass(kw_only=True)
class Scene:
    """A machine with a volume, where programs note what they are told, and servers that answer."""

    folder: Path
    answers: dict[str, str] = field(default_factory=dict)
    leader: str = ""

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a shell script that may source the scripts of `ops` from here."""
        for name, text in self.answers.items():
            (self.folder / "answers" / name).write_text(f"{text}\n")
        if self.leader:
            (self.folder / "leader").write_text(f"{self.leader}\n")
        known = {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.defpath}",
            "NOTES": str(self.folder / "notes"),
            "ANSWERS": str(self.folder / "answers"),
            "SERVERS": SERVERS,
            **environment,
        }
        # What reads a device that has no end shall not take the machine with it.
        bounded = f"ulimit -v 1000000\n{script}"
        return subprocess.run(
            ["sh", "-euc", bounded], env=known, capture_output=True, text=True, check=False
        )

    def at_home(self, text: str) -> str:
        """Return a script's text with the container's folders replaced by ours."""
        places = {
            "/var/lib/messaging": self.folder,
            "/var/lib/postgresql/data": self.folder / "volume",
            "/tmp/messaging": self.folder / "run",
            "/run/secrets": self.folder / "secrets",
            "/ops": self.folder / "ops",
        }
        for there, here in places.items():
            text = text.replace(there, str(here))
        return text

    @property
    def notes(self) -> list[str]:
        """Which programs ran, in order, without their arguments."""
        path = self.folder / "notes"
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def write(program: Path, text: str) -> None:
    """Write a program."""
    program.write_text(text)
    program.chmod(0o755)
