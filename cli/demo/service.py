"""Finds the service that the demo uses, and where it remembers whom it registered there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from cli.demo.errors import DemoError
from local_stack import files
from local_stack import state as states

_FOLDER = "demo"
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Service:
    """A messaging service.

    Attributes:
        url: Its address, without a path.
        book: The folder in which its people are remembered.
        is_local: Whether it is the stack of this machine.
    """

    url: str
    book: Path
    is_local: bool


def find(environ: Mapping[str, str], url: str | None) -> Service:
    """Return the service at `url`, else the stack that `environ` names.

    Raises:
        DemoError: `url` is no address, or there is no stack.
    """
    state = states.look(environ)
    port = state.record.ports.get("nginx") if state else None
    local = f"http://127.0.0.1:{port}" if port else None
    if url is None and local is None:
        raise DemoError("There is no stack here: run `make up` first, or give --url.")
    folder = states.enter(environ) / _FOLDER
    files.folder(folder)
    asked = local if url is None else _origin(url)
    if asked == local or (state is not None and asked == state.url):
        return Service(url=str(asked), book=folder, is_local=True)
    assert asked is not None  # noqa: S101  # local is no None where it was not refused above
    book = folder / re.sub(r"[^a-z0-9.]+", "_", asked)
    return Service(url=asked, book=book, is_local=False)


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username:
        raise DemoError(f"--url {url} is no address like http://127.0.0.1:8080.")
    return f"{parts.scheme}://{parts.netloc}".lower()


def greet(http: httpx.Client, service: Service) -> datetime:
    """Return a time by the clock of the service, which must be there: now, or a second later.

    Raises:
        DemoError: Nothing answers, or something else does.
    """
    try:
        answer = http.get("/readyz")
        parts = answer.json()
        known = isinstance(parts, dict) and "status" in parts
    except httpx.TransportError as error:
        mend = "run `make up` first" if service.is_local else "is it up?"
        raise DemoError(f"Nothing answers at {service.url} ({error}): {mend}.") from None
    except ValueError:
        known = False
    if not known:
        raise DemoError(f"What answers at {service.url} is no messaging service.")
    date = answer.headers.get("Date")
    # Whole seconds: an earlier demo may have sent something in the one that it names.
    return parsedate_to_datetime(date) + _SECOND if date else datetime.now(UTC)
