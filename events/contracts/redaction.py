"""Taking a person's text out of events: the ids stay, and what is left can still be read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from events.contracts.envelope import READERS, attributes_of
from runtime.ids import AccountId

TEXT_FIELDS = ("body", "subject", "changes")

_HEX = rb"[0-9a-fA-F]"
_NAMED = re.compile(rb'"actor"\s*:\s*"(%b{8}(?:-%b{4}){3}-%b{12})' % (_HEX, _HEX, _HEX))


def without_text(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's fields as the log keeps them once their text is gone, if they had any."""
    if not payload.keys() & set(TEXT_FIELDS):
        return dict(payload)
    kept = {name: value for name, value in payload.items() if name not in TEXT_FIELDS}
    return {**kept, "redacted": True}


def authors_of(entry: bytes) -> set[AccountId]:
    """Return the account whose entry this is; all that it may be where that cannot be read."""
    own = _own_author(attributes_of(entry))
    return {own} if own else {AccountId(UUID(hex=name.decode())) for name in _NAMED.findall(entry)}


def redact_entry(entry: bytes, actor_id: AccountId) -> bytes | None:
    """Return a queue's entry without its text; None where it is no entry of this actor.

    An entry of a known contract, of whatever version, can still be decoded and decided on.
    """
    if actor_id not in authors_of(entry):
        return None
    attributes = attributes_of(entry)
    if _own_author(attributes) is None:
        # What cannot be read cannot be cut: nothing of it may stay.
        return b'{"redacted":true}'
    data = attributes.get("data")
    if not isinstance(data, dict) or str(attributes.get("type")) not in READERS:
        return orjson.dumps({**attributes, "data": {"redacted": True}})
    return orjson.dumps({**attributes, "data": without_text(data)})


def _own_author(attributes: Mapping[str, Any]) -> AccountId | None:
    named = attributes.get("actor")
    try:
        return AccountId(UUID(named)) if isinstance(named, str) else None
    except ValueError:
        return None
