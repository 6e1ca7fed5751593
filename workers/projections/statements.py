"""How projections speak to Postgres: one statement for a whole batch, its rows as one JSON text."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import orjson
from sqlalchemy import TextClause, text

LIVE = "read_model"
Row = dict[str, Any]


@cache
def statement(template: str, schema: str) -> TextClause:
    """Return `template` for one read model's schema: the live one or a rebuild's."""
    if not schema.isidentifier():
        raise ValueError(f"{schema!r} is no schema")
    return text(template.format(schema=schema))


def as_json(rows: Iterable[Row]) -> str:
    """Return rows for `json_to_recordset`; UUIDs and datetimes become text."""
    return orjson.dumps(list(rows)).decode()
