"""Programs of Debian that tests need and the project does not: the system's, else unpacked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

_PATIENCE_S = 120
# Entered by the servers' user as well, who cannot enter root's home.
_CACHE = Path("/var/cache/messaging" if os.geteuid() == 0 else Path.home() / ".cache/messaging")


class NotToBeHadError(Exception):
    """A package is neither installed here nor to be downloaded; the message says why."""


def program(name: str) -> list[str]:
    """Return the command that starts the program `name` of the package of this name.

    Raises:
        NotToBeHadError: It is not installed, and apt cannot get it.
    """
    found = shutil.which(name)
    if found:
        return [found]
    root = unpacked(name)
    libraries = ":".join(str(folder) for folder in root.glob("usr/lib/*-linux-gnu*"))
    return ["env", f"LD_LIBRARY_PATH={libraries}", str(root / "usr/bin" / name)]


def faketime_library() -> Path:
    """Return the library that makes a program with threads believe in another time.

    Raises:
        NotToBeHadError: apt cannot get it.
    """
    pattern = "usr/lib/*-linux-gnu*/faketime/libfaketimeMT.so.1"
    for root in (Path("/"), unpacked("libfaketime")):
        for found in root.glob(pattern):
            return found
    raise NotToBeHadError("the package libfaketime holds no library")


def unpacked(package: str) -> Path:
    """Return the folder in which `package` lies, with the libraries that are missing here.

    Raises:
        NotToBeHadError: There is no apt, or it cannot get the package.
    """
    target = _CACHE / f"debian-{package}"
    if target.exists():
        return target
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise NotToBeHadError("there is no apt-get here")
    _CACHE.mkdir(parents=True, exist_ok=True, mode=0o755)
    with tempfile.TemporaryDirectory(dir=_CACHE) as name:
        root = _fetch(package, Path(name))
        root.chmod(0o755)
        if not target.exists():  # Another process may have been faster.
            root.rename(target)
    return target


def _fetch(package: str, work: Path) -> Path:
    for folder in ("lists/partial", "cache/archives/partial", "debs", "root"):
        (work / folder).mkdir(parents=True)
    own = ["apt-get", "-o", f"Dir::State::lists={work}/lists", "-o", f"Dir::Cache={work}/cache"]
    own += ["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", "-qq"]
    # Some other source of the system may be out of reach: what counts is the download.
    _run([*own, "update"], work)
    plan = _run([*own, "-s", "--no-install-recommends", "install", package], work)
    named = re.findall(r"^Inst (\S+)", plan.stdout, re.MULTILINE)
    if _run([*own, "download", *(named or [package])], work / "debs").returncode:
        raise NotToBeHadError(f"apt-get cannot download {package}")
    for deb in (work / "debs").glob("*.deb"):
        _run(["dpkg-deb", "-x", str(deb), str(work / "root")], work)
    return work / "root"


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
