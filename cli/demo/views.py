"""One conversation as each of its two people sees it: read through the query API as each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cli.demo.accounts import Accounts
from cli.demo.errors import DemoError
from cli.demo.outgoing import Pair
from cli.demo.sending import SentConversation
from messaging_client import Conversation, Message, MessagingClient

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
    return (
        _view(accounts, one, other, token=conversation.token, lines=lines),
        _view(accounts, other, one, token=conversation.token, lines=lines),
    )


def _view(accounts: Accounts, name: str, peer: str, *, token: str, lines: int) -> View:
    """Return how `name` sees the conversation with `peer`."""
    username = accounts.username(peer)

    def look(client: MessagingClient) -> View:
        unread = client.unread(token=token)
        listed = _listed(client, username, token)
        page = client.messages(username, limit=lines, token=token).first_page()
        return View(
            username=accounts.username(name),
            peer=username,
            last_position=listed.last_position,
            unread=listed.unread_count,
            unread_in_all=unread.total,
            unread_conversations=len(unread.conversations),
            lines=tuple(_line(message, username) for message in page.items),
        )

    return accounts.act(name, look)


def _listed(client: MessagingClient, peer: str, token: str) -> Conversation:
    """Return the entry of the conversation with `peer` in the client's list."""
    for conversation in client.conversations(limit=_MOST_CONVERSATIONS, token=token):
        if conversation.peer == peer:
            return conversation
    raise DemoError(f"A list of conversations lacks that with {peer}.")


def _line(message: Message, peer: str) -> Line:
    return Line(
        position=message.position,
        sent_at=message.sent_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        sender=message.sender or "",
        body=message.body or "",
        unread=message.sender == peer and message.read_at is None,
    )
