"""The commands that a runbook shows, run one after the other."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.running_stack import MESSAGING, RunningStack

_PAGES = Path(__file__).parents[2] / "docs/runbooks"
_BLOCK = re.compile(r"^( *)```bash\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_PUBLIC = "http://127.0.0.1:8080"


class Page:
    """A runbook; `next` runs its commands in their order, and none may be left over."""

    def __init__(self, name: str, stack: RunningStack, backups: Path) -> None:
        text = (_PAGES / name).read_text(encoding="utf-8")
        blocks = [block[2].splitlines() for block in _BLOCK.finditer(text)]
        self._left = [line.strip() for block in blocks for line in block]
        self._stack = stack
        self._backups = backups

    def next(
        self,
        known: str,
        *,
        code: int | None = 0,
        given: tuple[str, str] = ("", ""),
        on: RunningStack | None = None,
    ) -> str:
        """Run the next command, which must contain `known`; return what it prints.

        Args:
            known: A part of the command.
            code: Its exit code; None for any: what only looks may find something wrong.
            given: What stands for something, and what it stands for.
            on: Another stack than the page's.
        """
        shown = self._left.pop(0)
        assert known in shown, f"the page goes on with: {shown}"
        stack = on or self._stack
        command = self._here(shown.replace(*given) if given[0] else shown, stack)
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            env=stack.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert code in {None, ran.returncode}, f"{shown}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout + ran.stderr

    def all(self, *known: str) -> str:
        """Run the next commands, as `next` does; return what the last one prints."""
        printed = ""
        for part in known:
            printed = self.next(part, code=None if _only_looks(part) else 0)
        return printed

    def end(self) -> None:
        """Fail where the page shows a command that was not run."""
        assert self._left == []

    def _here(self, shown: str, stack: RunningStack) -> str:
        there = (
            shown.replace(".venv/bin/messaging", str(MESSAGING))
            .replace("/var/backups", str(self._backups))
            .replace(" .messaging/", f" {stack.state}/")
        )
        # A stack that was never started has no address yet.
        return there.replace(_PUBLIC, stack.url) if _PUBLIC in there else there


def _only_looks(command: str) -> bool:
    return command.startswith(("status", "logs", "stack show"))
