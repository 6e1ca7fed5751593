"""One conversation as each of its two people sees it: read through the query API as each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cli.demo.accounts import Accounts
from cli.demo.client import Request
from cli.demo.errors import DemoError
from cli.demo.outgoing import Pair
from cli.demo.sending import SentConversation
from cli.demo.waiting import freshness

_MOST_CONVERSATIONS = 200


@dataclass(frozen=True, kw_only=True)
class Line:
    """A message in a view."""

    position: int
    sent_at: str
    sender: str
    body: str
    unread: bool


@dataclass(frozen=True, kw_only=True)
class View:
    """A conversation as one of its two sees it.

    Attributes:
        username: Who looks.
        peer: The other.
        last_position: How many messages the conversation has.
        unread: How many of them the viewer has yet to read.
        unread_in_all: How many messages of anybody the viewer has yet to read.
        unread_conversations: In how many conversations these are.
        lines: The last messages.
    """

    username: str
    peer: str
    last_position: int
    unread: int
    unread_in_all: int
    unread_conversations: int
    lines: tuple[Line, ...]


def liveliest(conversations: Mapping[Pair, SentConversation]) -> Pair:
    """Return the conversation in which the two took turns most often."""
    return max(conversations, key=lambda pair: conversations[pair].turns)


def views(
    accounts: Accounts, pair: Pair, conversation: SentConversation, *, lines: int
) -> tuple[View, View]:
    """Return what each of the two sees of their conversation, the last so many messages of it."""
    one, other = pair
    token = conversation.token
    return (
        _Viewer(accounts, one, token).view(other, lines),
        _Viewer(accounts, other, token).view(one, lines),
    )


class _Viewer:
    """Reads as one person."""

    def __init__(self, accounts: Accounts, name: str, token: str) -> None:
        self._accounts = accounts
        self._name = name
        self._token = token

    def view(self, peer: str, lines: int) -> View:
        """Return how this person sees the conversation with `peer`."""
        username = self._accounts.username(peer)
        unread = self._get("/query/v1/unread")
        listed = self._listed(username)
        path = f"/query/v1/conversations/{quote(username, safe='')}/messages?limit={lines}"
        return View(
            username=self._accounts.username(self._name),
            peer=username,
            last_position=listed["last_position"],
            unread=listed["unread_count"],
            unread_in_all=unread["total"],
            unread_conversations=len(unread["conversations"]),
            lines=tuple(_line(item, username) for item in self._get(path)["items"]),
        )

    def _listed(self, peer: str) -> Mapping[str, int]:
        """Return the entry of the conversation in this person's list."""
        link = f"/query/v1/conversations?limit={_MOST_CONVERSATIONS}"
        while link:
            page = self._get(link)
            for item in page["items"]:
                if item["with"] == peer:
                    found: Mapping[str, int] = item
                    return found
            link = page["next"]
        raise DemoError(f"The conversations of {self._name} lack that with {peer}.")

    def _get(self, path: str) -> Any:
        request = Request(method="GET", path=path, headers=freshness(self._token))
        return self._accounts.send(self._name, request).json()


def _line(item: Mapping[str, Any], peer: str) -> Line:
    return Line(
        position=item["position"],
        sent_at=item["sent_at"],
        sender=item["from"],
        body=item["body"],
        unread=item["from"] == peer and item["read_at"] is None,
    )
