"""Sends messages: conversations side by side, each one's messages in their order, each once."""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cli.demo.accounts import Accounts
from cli.demo.outgoing import Outgoing, Pair
from cli.demo.parallel import Stop, for_each
from messaging_client import MessageReceipt as Accepted
from messaging_client import MessagingClient, RecipientUnknownError

# Each waits for the disk most of the time.
_THREADS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """A message that was accepted: its id, and what it must look like when read.

    Attributes:
        message_id: Its id.
        sender: The person who sent it.
        username: Under which name.
        fingerprint: Of its body.
    """

    message_id: str
    sender: str
    username: str
    fingerprint: bytes


@dataclass(kw_only=True, slots=True)
class SentConversation:
    """What was accepted of a conversation, in order.

    Attributes:
        receipts: The messages.
        token: The newest consistency token.
        turns: How often the other of the two took the word.
    """

    receipts: list[Receipt] = field(default_factory=list)
    token: str = ""
    turns: int = 0

    def add(self, receipt: Receipt, token: str) -> None:
        """Note the next message."""
        last = self.receipts[-1] if self.receipts else None
        self.turns += last is not None and last.sender != receipt.sender
        self.receipts.append(receipt)
        self.token = token


@dataclass(frozen=True, kw_only=True)
class Sent:
    """All that was accepted, and how long it took."""

    conversations: dict[Pair, SentConversation]
    seconds: float

    @property
    def messages(self) -> int:
        """How many messages were accepted."""
        return sum(len(one.receipts) for one in self.conversations.values())

    @property
    def per_second(self) -> float:
        """How many messages were accepted in a second."""
        return self.messages / self.seconds if self.seconds else 0.0


def fingerprint(body: str) -> bytes:
    """Return a digest of a body, short to remember."""
    return hashlib.blake2b(body.encode(), digest_size=12).digest()


class Sender:
    """Sends messages in the people's names."""

    def __init__(
        self,
        accounts: Accounts,
        *,
        run: str,
        stop: Stop,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Send as `accounts`; `run` tells this demo's messages from any other's."""
        self._accounts = accounts
        self._run = run
        self._stop = stop
        self._clock = clock
        # A conversation is always in the same lane, so each entry has one thread that writes it.
        self._conversations: dict[Pair, SentConversation] = {}

    @property
    def accepted(self) -> int:
        """How many messages have been accepted so far."""
        return sum(len(one.receipts) for one in list(self._conversations.values()))

    def send_all(self, messages: Iterable[Outgoing], done: Callable[[], None]) -> Sent:
        """Send `messages`, calling `done` after each, and return what was accepted.

        Raises:
            DemoError: One was refused, or the service was away for too long.
        """
        began = self._clock()

        def send(message: Outgoing) -> None:
            self._send(message)
            done()

        for_each(messages, send, threads=_THREADS, stop=self._stop, lane_of=_lane)
        return Sent(conversations=self._conversations, seconds=self._clock() - began)

    def _send(self, message: Outgoing) -> None:
        accepted = self._post(message)
        receipt = Receipt(
            message_id=str(accepted.message_id),
            sender=message.sender,
            username=self._accounts.username(message.sender),
            fingerprint=fingerprint(message.body),
        )
        conversation = self._conversations.setdefault(message.pair, SentConversation())
        conversation.add(receipt, accepted.consistency_token)

    def _post(self, message: Outgoing) -> Accepted:
        try:
            return self._post_once(message)
        except RecipientUnknownError:
            # The account of an earlier demo has been deleted.
            self._accounts.register(message.recipient)
        return self._post_once(message)

    def _post_once(self, message: Outgoing) -> Accepted:
        to = self._accounts.username(message.recipient)
        # The line's number makes the key the same in every attempt, whatever dies between.
        key = f"demo-{self._run}-{message.number}"

        def post(client: MessagingClient) -> Accepted:
            return client.send_message(to, message.body, key=key)

        return self._accounts.act(message.sender, post)


def _lane(message: Outgoing) -> int:
    return zlib.crc32("\n".join(message.pair).encode())
