"""Peers: guesses which account has a username, so that one statement can answer a question.

A conversation's id follows from its two accounts, so a statement that starts from a username
needs the account first. It takes a guess and returns who really has the name in its snapshot:
a wrong guess costs one more statement, and never a wrong answer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from uuid import UUID

from query_api.reads.errors import NothingFoundError
from query_api.reads.replica import Rows
from runtime.ids import AccountId, ConversationId, conversation_of
from web.usernames import UsernameInvalidError, prepare_username

MOST_NAMES = 50_000
_NOBODY = str(UUID(int=0))


class Peers:
    """A bounded memory of the accounts behind usernames."""

    def __init__(self, *, most: int = MOST_NAMES) -> None:
        """Remember `most` names; forget all beyond that, which costs a statement a name."""
        self._most = most
        self._known: dict[str, str] = {}

    def rows(self, username: str, ask: Callable[[str, str], Rows]) -> tuple[Rows, str]:
        """Return the rows that `ask` gives for whoever has `username`, and the prepared name.

        Args:
            username: As the client spells it.
            ask: Runs a statement for a prepared username and a guessed account; its third
                column is the account that really has the name, or null.

        Raises:
            NothingFoundError: Nobody has this username.
        """
        try:
            name = prepare_username(username)
        except UsernameInvalidError:
            raise NothingFoundError from None
        while True:
            guess = self._known.get(name, _NOBODY)
            rows = ask(name, guess)
            account = rows[0][2]
            if account == guess:
                return rows, name
            if account is None:
                self._known.pop(name, None)
                raise NothingFoundError
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[name] = account


@lru_cache(maxsize=10_000)
def conversation_with(me: AccountId, peer: str) -> ConversationId:
    """Return the id of my conversation with the account `peer`."""
    return conversation_of(me, AccountId(UUID(peer)))
