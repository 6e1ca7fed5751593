"""Waits until the query API shows everything that the command API accepted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from cli.demo.accounts import Accounts
from cli.demo.client import ApiError, Request
from cli.demo.errors import DemoError
from cli.demo.sending import SentConversation

PATIENCE_S = 300.0
NOT_YET_VISIBLE = "not-yet-visible"
# So many consistency tokens of 100 characters fit into a header.
_TOKENS = 60


def wait_until_visible(
    accounts: Accounts,
    conversations: Sequence[SentConversation],
    done: Callable[[int], None],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Return once the query API shows all of `conversations`; `done` is told how many more it does.

    Raises:
        DemoError: They do not become visible.
    """
    for group in _groups(conversations):
        given_up_at = clock() + PATIENCE_S
        while not _is_visible(accounts, group):
            if clock() > given_up_at:
                raise DemoError(
                    f"What was accepted is not visible after {PATIENCE_S:.0f} s; nothing is lost:"
                    " it waits in the event queue. See `messaging status` and `messaging logs`."
                )
        done(len(group))


def freshness(*tokens: str) -> dict[str, str]:
    """Return the headers that ask for an answer which shows what `tokens` stand for."""
    return {"Consistency-Token": ",".join(tokens), "Prefer": "wait=10"}


def _groups(conversations: Sequence[SentConversation]) -> Iterator[Sequence[SentConversation]]:
    for start in range(0, len(conversations), _TOKENS):
        yield conversations[start : start + _TOKENS]


def _is_visible(accounts: Accounts, group: Sequence[SentConversation]) -> bool:
    # Tokens of others may be waited for; what is read with them does not matter.
    request = Request(
        method="GET",
        path="/query/v1/conversations",
        params={"limit": 1},
        headers=freshness(*(one.token for one in group)),
        refusals=frozenset({NOT_YET_VISIBLE}),
    )
    try:
        accounts.send(group[0].receipts[0].sender, request)
    except ApiError as error:
        if error.slug != NOT_YET_VISIBLE:
            raise
        return False
    return True
