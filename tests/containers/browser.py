"""Pages as a browser shows them: a headless Chromium, and what it complains about."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, Request, sync_playwright

_PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome")
# The longest wait for anything that a page is to show.
_WAIT_MS = 60_000


def program() -> str | None:
    """Return the path of this machine's Chromium, if it has one."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run it; its pages are closed at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program())
        yield browser
        browser.close()


@dataclass(frozen=True, kw_only=True)
class Tab:
    """A page, and each error that its console showed: what failed, was refused or is missing."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def note(self, *words: object) -> None:
        """Add a complaint, but not of another container that came or went on this machine."""
        said = " ".join(map(str, words))
        if "net::ERR_NETWORK_CHANGED" not in said:
            self.complaints.append(said)

    def watch(self) -> None:
        """Collect complaints from now on."""
        page = self.page
        page.on("console", lambda said: self.note(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.note("uncaught:", error))
        page.on("requestfailed", lambda sent: _note_failure(self, sent))
        page.on(
            "response", lambda got: self.note(got.status, got.url) if got.status >= 400 else None
        )


def _note_failure(tab: Tab, sent: Request) -> None:
    # What a page itself cancels when it is left is no failure.
    if sent.failure != "net::ERR_ABORTED":
        tab.note(sent.url, sent.failure)


@contextmanager
def tab(browser: Browser, address: str, *, password: str | None = None) -> Iterator[Tab]:
    """Open a page of the site at `address`; a `password` answers for the user `operator`."""
    known = {"username": "operator", "password": password} if password else None
    context = browser.new_context(base_url=address, http_credentials=known)  # type: ignore[arg-type]  # a TypedDict
    context.set_default_timeout(_WAIT_MS)
    opened = Tab(page=context.new_page())
    opened.watch()
    yield opened
    context.close()
