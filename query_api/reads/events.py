"""Reads what became of a command, for the account that gave it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import CTE, Select, and_, literal_column, select

from database.models import DeadLetter, LoggedEvent
from events.contracts.envelope import attributes_of
from events.contracts.offsets import Offset
from query_api.reads.answers import EventStatus
from query_api.reads.errors import NothingFoundError, NotYetVisibleError
from query_api.reads.freshness import Freshness, Query
from query_api.reads.reader import Reader
from query_api.reads.replica import Row, Rows
from query_api.reads.statements import ME, as_rfc3339, uuid_parameter
from runtime.clock import rfc3339
from runtime.ids import AccountId, EventId
from web.consistency import ConsistencyToken

_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_STATUSES = {"applied": "applied", "rejected": "rejected", "parked": "failed"}
# Why an event was set aside speaks of our insides: that is for operators.
_SET_ASIDE = "set-aside"
# visible and epoch, then what the log says, then what the dead letter says.
_LOGGED = slice(2, 7)
_ASIDE = slice(7, 9)


class Events:
    """Reads the fate of events."""

    def __init__(self, reader: Reader) -> None:
        """Read by `reader`."""
        self._reader = reader

    def status(
        self,
        me: AccountId,
        event_id: EventId,
        *,
        token: ConsistencyToken | None,
        freshness: Freshness,
    ) -> EventStatus:
        """Return what became of an event of mine, which the log need not know yet.

        Args:
            me: Its author.
            event_id: Which event.
            token: What is said to come from its command: waited for, not insisted on.
            freshness: What must be visible beside it, and how long to wait.

        Raises:
            NothingFoundError: There is none, or it is not mine.
            NotYetVisibleError: A token of another command is not visible in time.
            ConsistencyTokenInvalidError: A token is of an event queue that was lost.
        """
        tokens = freshness.tokens if token is None else (*freshness.tokens, token)
        given = replace(freshness, tokens=tokens)
        rows = self._reader.latest(_EVENT, {"me": str(me), "event": str(event_id)}, given)
        visible, epoch = rows[0][:2]
        receipt = next((t for t in tokens if t.event_id == event_id and t.account_id == me), None)
        freshness.check_epoch(epoch)
        others = any(other != receipt for other in freshness.tokens)
        if others and not visible:
            raise NotYetVisibleError
        found = _logged(rows[0][_LOGGED]) or _set_aside(me, rows, receipt)
        if found is None:
            given.check_epoch(epoch)
            found = _accepted(receipt)
        return {"event_id": str(event_id), **found}


def _logged(columns: Row) -> EventStatus | None:
    type_, outcome, reason, accepted_at, recorded_at = columns
    if outcome is None:
        return None
    status: EventStatus = {"type": type_, "status": _STATUSES[outcome]}
    if outcome != "applied":
        status["reason"] = reason if outcome == "rejected" else _SET_ASIDE
    status["accepted_at"] = accepted_at
    if outcome == "applied":
        status["applied_at"] = recorded_at
    return status


def _set_aside(me: AccountId, rows: Rows, receipt: ConsistencyToken | None) -> EventStatus | None:
    for row in rows:
        offset, entry = row[_ASIDE]
        if offset is None:
            continue
        attributes = attributes_of(entry)
        if receipt is not None or attributes.get("actor") == str(me):
            known = attributes.get("type")
            return {
                "type": known if isinstance(known, str) else None,
                "status": "failed",
                "reason": _SET_ASIDE,
                "accepted_at": _accepted_at(Offset.parse(offset)),
            }
    return None


def _accepted(receipt: ConsistencyToken | None) -> EventStatus:
    if receipt is None:
        raise NothingFoundError
    return {"type": None, "status": "accepted", "accepted_at": _accepted_at(receipt.offset)}


def _accepted_at(offset: Offset) -> str:
    return rfc3339(_1970 + timedelta(milliseconds=offset.ms))


def _select(head: CTE) -> Select[Any]:
    event, letter = LoggedEvent.__table__.alias("e"), DeadLetter.__table__.alias("d")
    named = uuid_parameter("event")
    set_aside = letter.c.state.in_([literal_column("'parked'"), literal_column("'discarded'")])
    return select(
        head.c.visible,
        head.c.epoch,
        event.c.type,
        event.c.outcome,
        event.c.reason,
        as_rfc3339(event.c.occurred_at, "accepted_at"),
        as_rfc3339(event.c.recorded_at, "recorded_at"),
        letter.c.offset,
        letter.c.entry,
    ).select_from(
        head.outerjoin(event, and_(event.c.id == named, event.c.actor_id == ME)).outerjoin(
            letter, and_(letter.c.event_id == named, set_aside)
        )
    )


_EVENT = Query(_select)
