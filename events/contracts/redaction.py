"""Taking a person's text out of events: the ids stay, and what is left can still be read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from events.contracts.envelope import READERS
from runtime.ids import AccountId

TEXT_FIELDS = ("body", "subject", "changes")


def without_text(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's fields as the log keeps them once their text is gone, if they had any."""
    if not payload.keys() & set(TEXT_FIELDS):
        return dict(payload)
    kept = {name: value for name, value in payload.items() if name not in TEXT_FIELDS}
    return {**kept, "redacted": True}


def redact_entry(entry: bytes, actor_id: AccountId) -> bytes | None:
    """Return a queue's entry without its text; None where it is no entry of this actor.

    An entry of a known contract, of whatever version, can still be decoded and decided on.
    """
    try:
        attributes = orjson.loads(entry)
    except orjson.JSONDecodeError:
        # What cannot be read cannot be cut: nothing of it may stay.
        theirs = re.search(rb'"actor"\s*:\s*"' + str(actor_id).encode(), entry)
        return b'{"redacted":true}' if theirs else None
    if not isinstance(attributes, dict) or attributes.get("actor") != str(actor_id):
        return None
    data = attributes.get("data")
    if not isinstance(data, dict) or str(attributes.get("type")) not in READERS:
        return orjson.dumps({**attributes, "data": {"redacted": True}})
    return orjson.dumps({**attributes, "data": without_text(data)})
