"""What of a chat file is sent: by whom to whom, and what is left out and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from cli.demo.chat_file import ChatLine
from cli.demo.errors import ChatFileError
from cli.demo.people import substitute, username_of

LONGEST_BODY = 10_000
# What Postgres or UTF-8 cannot hold, and the service therefore refuses.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Fate = Literal["sent", "shortened", "to_self", "empty", "unstorable"]
SKIPPED: tuple[Fate, ...] = ("to_self", "empty", "unstorable")
Pair = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """A message to be sent; `number` is its line in the file."""

    number: int
    sender: str
    recipient: str
    body: str

    @property
    def pair(self) -> Pair:
        """The two of the conversation, whoever writes."""
        return pair_of(self.sender, self.recipient)


def pair_of(one: str, other: str) -> Pair:
    """Return two usernames in the order that names their conversation."""
    return (one, other) if one < other else (other, one)


@dataclass(kw_only=True)
class Census:
    """Who and how much is in a chat file, counted before anything is sent.

    Attributes:
        people: Of each whether they send anything, in the order in which they first appear.
        pairs: The conversations.
        nicknames: The people as the file calls them.
        fates: How many messages become what; those shortened are not counted as sent.
    """

    people: dict[str, bool] = field(default_factory=dict)
    pairs: set[Pair] = field(default_factory=set)
    nicknames: set[str] = field(default_factory=set)
    fates: Counter[Fate] = field(default_factory=Counter)

    @property
    def read(self) -> int:
        """How many messages the file gave."""
        return self.fates.total()

    @property
    def sendable(self) -> int:
        """How many of them can be sent."""
        return self.fates["sent"] + self.fates["shortened"]

    @property
    def senders(self) -> list[str]:
        """Who sends anything."""
        return [name for name, sends in self.people.items() if sends]

    @property
    def renamed(self) -> int:
        """How many nicknames are no usernames."""
        return sum(username_of(nickname) == substitute(nickname) for nickname in self.nicknames)

    def add(self, line: ChatLine) -> None:
        """Count one more message."""
        fate = fate_of(line)
        self.fates[fate] += 1
        if fate not in SKIPPED:
            sender, recipient = username_of(line.sender), username_of(line.recipient)
            self.nicknames |= {line.sender, line.recipient}
            self.people[sender] = True
            self.people.setdefault(recipient, False)
            self.pairs.add(pair_of(sender, recipient))


def fate_of(line: ChatLine) -> Fate:
    """Return what becomes of a message of the file."""
    if username_of(line.sender) == username_of(line.recipient):
        return "to_self"
    if not line.body:
        return "empty"
    if _UNSTORABLE.search(line.body):
        return "unstorable"
    return "shortened" if len(line.body) > LONGEST_BODY else "sent"


def outgoing(lines: Iterable[ChatLine]) -> Iterator[Outgoing]:
    """Yield the messages of `lines` that can be sent, those too long cut off."""
    for line in lines:
        if fate_of(line) not in SKIPPED:
            yield Outgoing(
                number=line.number,
                sender=username_of(line.sender),
                recipient=username_of(line.recipient),
                body=line.body[:LONGEST_BODY],
            )


def take_census(lines: Iterable[ChatLine]) -> Census:
    """Return who and how much `lines` hold, having read them all.

    Raises:
        ChatFileError: A line is wrong, or there is nothing to send.
    """
    census = Census()
    for line in lines:
        census.add(line)
    if not census.sendable:
        raise ChatFileError("The chat file holds no message that can be sent.")
    return census
