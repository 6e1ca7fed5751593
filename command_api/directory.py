"""Who is who: a bounded memory of usernames, so that no command waits for the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import ARRAY, Engine, Text, bindparam, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from command_api.last_known import LastKnownNames
from runtime.errors import MessagingError, UnavailableError
from runtime.ids import AccountId
from runtime.logging import get_logger
from web.usernames import UsernameInvalidError, prepare_username

_log = get_logger(__name__)

LONGEST_MEMORY_S = 60.0
MOST_NAMES = 100_000
# A database that neither answers nor refuses holds up one thread, and each of the others once.
_LONGEST_WAIT_S = 3.0
_READ = text("SELECT username, id FROM identity.directory WHERE username = ANY(:names)").bindparams(
    bindparam("names", type_=ARRAY(Text()))
)


class RecipientUnknownError(MessagingError):
    """No account has this username."""


class DirectoryUnavailableError(UnavailableError):
    """Whether this account exists cannot be found out just now; nothing was accepted. Try again."""


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """The accounts found for some usernames.

    Attributes:
        ids: Of each account found its id, by the username as it was asked for.
        complete: Whether a username that is missing is really nobody's.
    """

    ids: Mapping[str, AccountId]
    complete: bool = True

    def of(self, username: str) -> AccountId:
        """Return the account that has this username.

        Raises:
            RecipientUnknownError: Nobody has it.
            DirectoryUnavailableError: Nobody can tell just now.
        """
        found = self.ids.get(username)
        if found is not None:
            return found
        raise RecipientUnknownError if self.complete else DirectoryUnavailableError


class Directory:
    """Finds accounts by username: in memory, else in the view `identity.directory`.

    What is remembered is at most a minute old, unless the database is away: then an old answer is
    better than none, for commands are accepted all the same, and what any process was told last
    goes before what this one remembers. A name that nobody has is not remembered, so that an
    account is found as soon as it is registered.
    """

    def __init__(
        self,
        engine: Engine,
        last_known: LastKnownNames,
        *,
        most: int = MOST_NAMES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read through `engine`, which must lead to the primary; remember `most` names.

        Whatever is read is kept in `last_known` too, which is asked while the primary is away.
        """
        self._engine = engine
        self._last_known = last_known
        self._most = most
        self._clock = clock
        # Of each prepared name the account and when it was read, the longest unread first.
        self._known: dict[str, tuple[AccountId, float]] = {}
        self._reading = threading.Lock()
        self._away = False

    def find(self, usernames: Iterable[str]) -> Accounts:
        """Return the accounts that have these usernames, given in any form that prepares to one."""
        prepared = {name: as_stored for name in usernames if (as_stored := _prepared(name))}
        found = self._remembered(prepared.values(), since=self._clock() - LONGEST_MEMORY_S)
        complete = True
        missing = {name for name in prepared.values() if name not in found}
        if missing:
            complete = self._read(missing)
            found |= self._remembered(missing)
            if not complete:
                found |= self._last_known.find(missing)
        return Accounts(
            ids={name: found[stored] for name, stored in prepared.items() if stored in found},
            complete=complete,
        )

    def _remembered(
        self, names: Iterable[str], *, since: float = float("-inf")
    ) -> dict[str, AccountId]:
        entries = ((name, self._known.get(name)) for name in names)
        return {name: entry[0] for name, entry in entries if entry and entry[1] >= since}

    def _read(self, names: Collection[str]) -> bool:
        """Remember anew who has `names`; False where the database cannot tell."""
        was_away = self._away
        # While the database is away one thread at a time finds out whether it is back; the
        # others do not wait for it.
        if not self._reading.acquire(timeout=0 if was_away else _LONGEST_WAIT_S):
            self._away = True
            return False
        try:
            if self._away and not was_away:
                return False
            self._refresh(names)
        except SQLAlchemyError as error:
            self._away = True
            _log.warning("directory.unreachable", reason=type(error).__name__, cause=str(error))
            return False
        finally:
            self._reading.release()
        self._away = False
        return True

    def _refresh(self, names: Collection[str]) -> None:
        now = self._clock()
        # Whoever held the lock before may have read the same names.
        fresh = self._remembered(names, since=now - LONGEST_MEMORY_S)
        wanted = [name for name in names if name not in fresh]
        if not wanted:
            return
        found = _select(self._engine, wanted)
        self._last_known.keep(wanted, found)
        for name in wanted:
            self._known.pop(name, None)
            if name in found:
                self._known[name] = (found[name], now)
        while len(self._known) > self._most:
            del self._known[next(iter(self._known))]


def _prepared(username: str) -> str | None:
    try:
        return prepare_username(username)
    except UsernameInvalidError:
        return None


def _select(engine: Engine, names: list[str]) -> dict[str, AccountId]:
    try:
        return _select_once(engine, names)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        # The connection died after the pool had checked it: the next one is new.
        return _select_once(engine, names)


def _select_once(engine: Engine, names: list[str]) -> dict[str, AccountId]:
    with engine.connect() as connection:
        rows = connection.execute(_READ, {"names": names})
        return {row.username: AccountId(row.id) for row in rows}
