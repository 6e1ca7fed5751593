"""The demo from its beginning to its end, whoever shows it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from cli.demo.accounts import Accounts
from cli.demo.outgoing import Census, Outgoing
from cli.demo.parallel import Stop, for_each
from cli.demo.progress import DemoScreen, Stage
from cli.demo.report import Outcome
from cli.demo.sending import Sender, Sent
from cli.demo.verifying import Findings, verify
from cli.demo.views import View, liveliest, views
from cli.demo.waiting import wait_until_visible

_THREADS = 8
# At 20 a second these take 150 s, so that no access token, good for 300, expires before its use.
# Who comes later logs in when the first message is due.
_LOGINS_AHEAD = 3_000
_LINES_SHOWN = 12


class Demo:
    """Lets the people of a chat file write to each other, and looks whether all of it arrives."""

    def __init__(
        self, accounts: Accounts, screen: DemoScreen, *, stop: Stop, began_at: datetime
    ) -> None:
        """Act as `accounts` and tell `screen`; `began_at` is now by the service's clock."""
        self._accounts = accounts
        self._screen = screen
        self._stop = stop
        self._began_at = began_at
        self._seconds: dict[str, float] = {}
        self._sender = Sender(accounts, run=secrets.token_hex(6), stop=stop)

    @property
    def accepted(self) -> int:
        """How many messages have been accepted so far."""
        return self._sender.accepted

    def run(self, census: Census, messages: Iterable[Outgoing]) -> Outcome:
        """Send `messages`, which `census` counted, and return what came of it.

        Raises:
            DemoError: The service refused something, or was away for too long.
        """
        registered = self._register(census)
        self._log_in(census)
        sent = self._send(census, messages)
        self._await(sent)
        findings = self._verify(sent)
        return Outcome(
            registered=registered,
            accepted=sent.messages,
            visible=findings.visible,
            problems=tuple(findings.problems),
            seconds=self._seconds,
            views=self._views(sent),
        )

    @contextmanager
    def _stage(self, name: str, title: str, total: int) -> Iterator[Stage]:
        with self._screen.stage(title, total) as stage:
            yield stage
            self._seconds[name] = stage.seconds

    def _register(self, census: Census) -> int:
        strangers = [name for name in census.people if not self._accounts.is_known(name)]
        with self._stage("registering", "Registering people", len(strangers)) as stage:

            def register(name: str) -> None:
                self._accounts.register(name)
                stage.advance()

            for_each(strangers, register, threads=_THREADS, stop=self._stop)
        return len(strangers)

    def _log_in(self, census: Census) -> None:
        first = census.senders[:_LOGINS_AHEAD]
        with self._stage("logging_in", "Logging in", len(first)) as stage:

            def log_in(name: str) -> None:
                self._accounts.log_in(name)
                stage.advance()

            for_each(first, log_in, threads=_THREADS, stop=self._stop)

    def _send(self, census: Census, messages: Iterable[Outgoing]) -> Sent:
        with self._stage("sending", "Sending messages", census.sendable) as stage:
            return self._sender.send_all(messages, stage.advance)

    def _await(self, sent: Sent) -> None:
        conversations = list(sent.conversations.values())
        total = len(conversations)
        with self._stage("until_visible", "Waiting until visible", total) as stage:
            wait_until_visible(self._accounts, conversations, stage.advance)

    def _verify(self, sent: Sent) -> Findings:
        total = len(sent.conversations)
        with self._stage("verifying", "Verifying conversations", total) as stage:
            return verify(
                self._accounts,
                sent.conversations,
                stage.advance,
                began_at=self._began_at,
                stop=self._stop,
            )

    def _views(self, sent: Sent) -> tuple[View, ...]:
        pair = liveliest(sent.conversations)
        return views(self._accounts, pair, sent.conversations[pair], lines=_LINES_SHOWN)
