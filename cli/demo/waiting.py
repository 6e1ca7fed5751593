"""Waits until the query API shows everything that the command API accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cli.demo.accounts import Accounts
from cli.demo.errors import DemoError
from cli.demo.sending import SentConversation
from cli.demo.troubles import VISIBLE_WITHIN_S
from messaging_client import MOST_TOKENS, MessagingClient, NotYetVisibleError


def wait_until_visible(
    accounts: Accounts,
    conversations: Sequence[SentConversation],
    done: Callable[[int], None],
) -> None:
    """Return once the query API shows all of `conversations`; `done` is told how many more it does.

    Raises:
        DemoError: They do not become visible.
    """
    for group in _groups(conversations):
        tokens = ",".join(one.token for one in group)
        try:
            accounts.act(group[0].receipts[0].sender, _looking(tokens))
        except NotYetVisibleError:
            raise DemoError(
                f"What was accepted is not visible after {VISIBLE_WITHIN_S:.0f} s; nothing is lost:"
                " it waits in the event queue. See `messaging status` and `messaging logs`."
            ) from None
        done(len(group))


def _groups(conversations: Sequence[SentConversation]) -> Iterator[Sequence[SentConversation]]:
    for start in range(0, len(conversations), MOST_TOKENS):
        yield conversations[start : start + MOST_TOKENS]


def _looking(tokens: str) -> Callable[[MessagingClient], object]:
    # Tokens of others may be waited for; what is read with them does not matter.
    return lambda client: client.conversations(limit=1, token=tokens).first_page()
