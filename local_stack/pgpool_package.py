"""Finds PGPool: the system's own, else unpacked from Debian packages, which needs no root."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from local_stack import files
from local_stack.accounts import Account, can_reach
from local_stack.context import PgpoolProgram

_SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
_UPDATE_S = 90
_DOWNLOAD_S = 120
_CHECK_S = 10
_PROGRAM = "usr/sbin/pgpool"


def installed(account: Account | None) -> PgpoolProgram | None:
    """Return the system's PGPool, if there is one that `account` can run."""
    found = shutil.which("pgpool", path=_SEARCH)
    if found is None or not can_reach(account, Path(found)):
        return None
    return PgpoolProgram(path=found)


def unpacked(folder: Path, account: Account | None) -> PgpoolProgram | None:
    """Return the PGPool that `unpack` put below `folder`, if it is there and runs."""
    root = folder.resolve() / "root"
    return _runnable(root) if can_reach(account, root / _PROGRAM) else None


def cache(environment: dict[str, str]) -> Path:
    """Return where unpacked packages are kept for all stacks of this user."""
    if os.geteuid() == 0:
        # The servers' user cannot enter root's home.
        return Path("/var/cache/messaging/pgpool")
    base = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "messaging/pgpool"


def unpack(folder: Path) -> str:
    """Download PGPool with the system's own apt and unpack it below `folder`.

    Returns:
        Nothing if it worked, else why not, in a few words.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return "there is no apt-get here"
    files.folder(folder.parent, mode=0o755)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        work = Path(name)
        work.chmod(0o755)
        try:
            why = _download(work) or _extract(work)
        except subprocess.TimeoutExpired:
            return "its packages did not come in time"
        if why or _runnable(work / "root") is None:
            return why or "the unpacked program does not run"
        return _put(work, folder)


def _put(work: Path, folder: Path) -> str:
    # A link is replaced in one step: another stack may be starting, or running, from the old one.
    target = folder.with_name(f"{folder.name}-{time.time_ns()}")
    target.mkdir(mode=0o755)
    (work / "root").rename(target / "root")
    link = work / "link"
    link.symlink_to(target.name)
    link.replace(folder)
    return ""


def _download(work: Path) -> str:
    for name in ("lists/partial", "cache/archives/partial", "debs"):
        (work / name).mkdir(parents=True)
    own = ["-o", f"Dir::State::lists={work / 'lists'}", "-o", f"Dir::Cache={work / 'cache'}"]
    own += ["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", "-qq"]
    # Some other source of the system may be out of reach: what counts is the download.
    _run(["apt-get", *own, "update"], work, _UPDATE_S)
    plan = _run(["apt-get", *own, "-s", "--no-install-recommends", "install", "pgpool2"], work, 30)
    wanted = _packages(plan.stdout)
    got = _run(["apt-get", *own, "download", *wanted], work / "debs", _DOWNLOAD_S)
    if got.returncode != 0:
        return "its packages cannot be downloaded"
    return ""


def _packages(plan: str) -> list[str]:
    """Return PGPool and the libraries that apt would install with it; scripts are not needed."""
    named = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
    libraries = [name for name in named if name.startswith("lib") and not name.endswith("-perl")]
    return ["pgpool2", *libraries]


def _extract(work: Path) -> str:
    for package in sorted((work / "debs").glob("*.deb")):
        done = _run(["dpkg-deb", "-x", str(package), str(work / "root")], work, _DOWNLOAD_S)
        if done.returncode != 0:
            return f"{package.name} cannot be unpacked"
    return ""


def _runnable(root: Path) -> PgpoolProgram | None:
    program = root / _PROGRAM
    libraries = [*sorted((root / "usr/lib").glob("*-linux-gnu*")), root / "usr/lib"]
    found = PgpoolProgram(path=str(program), libraries=os.pathsep.join(map(str, libraries)))
    if not program.is_file():
        return None
    done = subprocess.run(
        [found.path, "--version"],
        env={"LD_LIBRARY_PATH": found.libraries},
        capture_output=True,
        timeout=_CHECK_S,
        check=False,
    )
    return found if done.returncode == 0 else None


def _run(command: Sequence[str], folder: Path, seconds: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
