"""How events and dead letters are printed: what people wrote only if it was asked for."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

from events.contracts.envelope import attributes_of
from events.contracts.redaction import TEXT_FIELDS
from events.letters import Letter
from events.selection import Logged
from runtime.clock import rfc3339
from runtime.words import printable

HIDDEN = "(hidden: see it with --show-text)"
_QUOTED = re.compile(r"^(DETAIL|CONTEXT|HINT|QUERY|WHERE|LINE \d+):", re.MULTILINE)


def event(logged: Logged, *, text: bool) -> dict[str, Any]:
    """Return a row of the event log as JSON."""
    return {
        "place": str(logged.place),
        "partition": logged.place.partition,
        "offset": str(logged.place.offset),
        "id": str(logged.id),
        "type": logged.type,
        "conversation_id": _text(logged.conversation_id),
        "actor_id": str(logged.actor_id),
        "position": logged.position,
        "outcome": logged.outcome,
        "reason": logged.reason,
        "occurred_at": rfc3339(logged.occurred_at),
        "recorded_at": rfc3339(logged.recorded_at),
        "request_id": logged.request_id,
        "traceparent": logged.traceparent,
        "data": logged.data if text else hide(logged.data),
    }


def letter(found: Letter) -> dict[str, Any]:
    """Return a dead letter as JSON, without its entry and traceback."""
    return {
        "place": str(found.place),
        "partition": found.place.partition,
        "offset": str(found.place.offset),
        "event_id": _text(found.event_id),
        "type": found.type or _text(attributes_of(found.entry).get("type")),
        "conversation_id": _text(found.conversation_id),
        "actor_id": _text(found.actor_id),
        "state": found.state,
        "reason": found.reason,
        "attempts": found.attempts,
        "parked_at": rfc3339(found.parked_at),
        "updated_at": rfc3339(found.updated_at),
        "edited": found.original_entry is not None,
    }


def whole_letter(found: Letter, *, text: bool) -> dict[str, Any]:
    """Return a dead letter as JSON, with entries and traceback."""
    return {
        **letter(found),
        "traceback": found.traceback if text else _without_detail(found.traceback),
        "entry": entry(found.entry, text=text),
        "original_entry": found.original_entry and entry(found.original_entry, text=text),
    }


def entry(found: bytes, *, text: bool) -> Any:
    """Return an entry as JSON; base64 where it is none."""
    try:
        attributes = orjson.loads(found)
    except orjson.JSONDecodeError:
        return {"base64": base64.b64encode(found).decode() if text else HIDDEN}
    if text:
        return attributes
    if not isinstance(attributes, dict):
        return HIDDEN
    data = attributes.get("data")
    # Of what type it may be: an unreadable one may hold its text anywhere.
    return {**attributes, "data": hide(data) if isinstance(data, dict) else HIDDEN}


def hide(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an event or of a row without a person's text."""
    return {name: hidden(name, value) for name, value in data.items()}


def hidden(name: str, value: Any) -> Any:
    """Return a field's value, or that a person's text is hidden; that there is none is shown."""
    return HIDDEN if name in TEXT_FIELDS and value is not None else value


def as_json(found: object, *, indent: int | None = None) -> str:
    """Return `found` as JSON that steers no terminal, whatever it holds."""
    return printable(json.dumps(found, indent=indent, ensure_ascii=False))


def _without_detail(traceback: str | None) -> str | None:
    """Return a traceback up to where Postgres quotes the row that it refused, line feeds and all.

    Those of today hold nothing of the row: this is for what an earlier release set aside. What the
    row held ends nobody knows where.
    """
    if traceback is None:
        return None
    quoted = _QUOTED.search(traceback)
    return f"{traceback[: quoted.start()]}{HIDDEN}" if quoted else traceback


def _text(found: object) -> str | None:
    return None if found is None else str(found)
