"""Strict schemas: marshmallow fields that coerce nothing, and no field that nobody knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from web.problems import InvalidFieldsError
from web.storable import MARKS_MESSAGE, UNSTORABLE_MESSAGE, is_storable, is_stream_safe, shown
from web.usernames import UsernameInvalidError, prepare_username

_INT64 = 2**63
_USERNAME = {
    "minLength": 1,
    "description": "RFC 8265 UsernameCaseMapped, 1 to 64 characters once prepared.",
}
_DIGITS = re.compile(r"[0-9]{1,20}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def load(schema: ma.Schema, value: object) -> Any:  # what the schema makes
    """Return `value` as `schema` loads it.

    Raises:
        InvalidFieldsError: The value breaks the schema; each field is named by its path.
    """
    try:
        return schema.load(value)  # type: ignore[arg-type]  # marshmallow refuses a non-object itself
    except ma.ValidationError as error:
        flat = dict(_flat(error.messages))
        # What concerns the whole body belongs to no field.
        whole = flat.pop("", None)
        raise InvalidFieldsError(flat, " ".join(whole) if whole and not flat else None) from error


class StrictSchema(ma.Schema):
    """A schema that refuses fields it does not know."""

    class Meta:
        """Unknown fields are errors."""

        unknown = ma.RAISE

    error_messages = {  # noqa: RUF012  # marshmallow's own spelling
        "type": "A JSON object is expected.",
        "unknown": "There is no such field.",
    }


class Text(fields.String):
    """A stream-safe string of `least` to `most` characters that Postgres and UTF-8 can hold."""

    def __init__(
        self, *, least: int = 0, most: int | None = None, **kwargs: Any
    ) -> None:  # field options
        """Count characters as Unicode code points."""
        validators = kwargs.pop("validate", [])
        listed = list(validators) if isinstance(validators, list | tuple) else [validators]
        if least or most is not None:
            listed.insert(0, validate.Length(min=least or None, max=most))
        super().__init__(validate=listed, **kwargs)

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if not is_storable(value):
            raise ma.ValidationError(UNSTORABLE_MESSAGE)
        if not is_stream_safe(value):
            raise ma.ValidationError(MARKS_MESSAGE)
        return value


class UsernameField(Text):
    """A username, loaded in its prepared form."""

    def __init__(self, **kwargs: Any) -> None:  # field options
        """Take no bounds: 64 characters hold after preparation."""
        super().__init__(metadata={**_USERNAME, **kwargs.pop("metadata", {})}, **kwargs)

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        try:
            return prepare_username(super()._deserialize(value))
        except UsernameInvalidError as error:
            raise ma.ValidationError(str(error)) from error


class StrictInteger(fields.Integer):
    """A JSON integer of 64 bits; `true`, `1.0` and `"1"` are none."""

    def __init__(
        self, *, least: int = -_INT64, most: int = _INT64 - 1, **kwargs: Any
    ) -> None:  # field options
        """Accept `least` to `most`, both included."""
        super().__init__(strict=True, validate=validate.Range(min=least, max=most), **kwargs)

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> int:
        if type(value) is not int:
            raise self.make_error("invalid")
        return value


class QueryInteger(StrictInteger):
    """An integer in a query: digits alone."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> int:
        if not isinstance(value, str) or not _DIGITS.fullmatch(value):
            raise self.make_error("invalid")
        return int(value)


class StrictUuid(fields.UUID):
    """A UUID in its usual spelling with four hyphens."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> UUID:
        if not isinstance(value, str) or not _UUID.fullmatch(value):
            raise self.make_error("invalid_uuid")
        return UUID(value)


def _flat(messages: object, path: str = "") -> Iterator[tuple[str, list[str]]]:
    if isinstance(messages, dict):
        for key, inner in messages.items():
            # A field can have the empty name; an empty path means the whole body.
            step = "" if key == ma.exceptions.SCHEMA else shown(str(key)) or '""'
            yield from _flat(inner, ".".join(filter(None, (path, step))))
    elif isinstance(messages, list):
        yield path, [str(message) for message in messages]
    else:
        yield path, [str(messages)]
