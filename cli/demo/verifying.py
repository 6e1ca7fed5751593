"""Reads every conversation through the query API and says whether all of it is as it was sent."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cli.demo.accounts import Accounts
from cli.demo.outgoing import Pair
from cli.demo.parallel import Stop, for_each
from cli.demo.sending import SentConversation
from cli.demo.verdict import Seen, judge
from messaging_client import MessagingClient

_THREADS = 4
_LIMIT = 200
# Clocks of the service's parts may differ by less.
_MARGIN = timedelta(seconds=60)


@dataclass(kw_only=True)
class Findings:
    """What is visible of what was sent, and everything that is wrong with it."""

    visible: int = 0
    problems: list[str] = field(default_factory=list)


def verify(
    accounts: Accounts,
    conversations: Mapping[Pair, SentConversation],
    done: Callable[[], None],
    *,
    began_at: datetime,
    stop: Stop,
) -> Findings:
    """Return what the query API shows of `conversations`, calling `done` after each.

    Args:
        accounts: Reads in the people's names.
        conversations: What was accepted.
        done: Is told of progress.
        began_at: When the demo began, by the service's clock.
        stop: Ends it early.
    """
    findings = Findings()
    lock = threading.Lock()
    readers = _readers(conversations)

    def check(pair: Pair) -> None:
        sent, reader = conversations[pair], readers[pair]
        seen = _read(accounts, reader, _peer(pair, reader), sent, began_at)
        verdict = judge(sent.receipts, seen, began_at)
        with lock:
            findings.visible += verdict.visible
            names = " and ".join(accounts.username(name) for name in pair)
            findings.problems += [f"{names}: {problem}" for problem in verdict.problems]
        done()

    # One reader after the other, so that few access tokens must be renewed.
    for_each(sorted(readers, key=lambda pair: readers[pair]), check, threads=_THREADS, stop=stop)
    return findings


def _readers(conversations: Mapping[Pair, SentConversation]) -> dict[Pair, str]:
    """Return who reads which conversation: few people who have sent something, for all of them."""
    senders = {sent.receipts[0].sender for sent in conversations.values()}
    busy = Counter(name for pair in conversations for name in pair if name in senders)
    return {pair: max(pair, key=lambda name: busy[name]) for pair in conversations}


def _peer(pair: Pair, reader: str) -> str:
    return pair[1] if pair[0] == reader else pair[0]


def _read(
    accounts: Accounts, reader: str, peer: str, sent: SentConversation, began_at: datetime
) -> list[Seen]:
    """Return the conversation by position, from well before `began_at` or its beginning on."""
    ours = {receipt.message_id for receipt in sent.receipts}
    username = accounts.username(peer)

    def read(client: MessagingClient) -> list[Seen]:
        seen: list[Seen] = []
        listed = client.messages(username, include_deleted=True, limit=_LIMIT, token=sent.token)
        for page in listed.pages():
            seen = [*map(Seen.of, page.items), *seen]
            oldest = seen[0] if seen else None
            if oldest and oldest.sent_at < began_at - _MARGIN and oldest.message_id not in ours:
                break
        return seen

    return accounts.act(reader, read)
