"""Strict JSON: what a body may be, and the marshmallow fields that coerce nothing."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, NoReturn
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from web.problems import CATALOGUE, InvalidFieldsError, ProblemError
from web.usernames import UsernameInvalidError, prepare_username

DEEPEST = 32
_INT64 = 2**63
# A lone surrogate cannot come out of valid UTF-8, nor a raw NUL out of strict JSON: only escapes.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_UNSTORABLE_MESSAGE = "May not hold NUL or lone surrogates."
# UAX #15, stream-safe text: no language needs more. To put thousands in their order takes any
# normalisation the square of the time, and each message is normalised for search.
_MOST_MARKS = 30
_MARKS_MESSAGE = f"May not hold more than {_MOST_MARKS} combining marks in a row."
_USERNAME = {
    "minLength": 1,
    "description": "RFC 8265 UsernameCaseMapped, 1 to 64 characters once prepared.",
}
_DIGITS = re.compile(r"[0-9]{1,20}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


class MalformedJsonError(ProblemError):
    """The body is no JSON text in UTF-8."""

    def __init__(self, detail: str) -> None:
        """Say in `detail` what is wrong and where."""
        super().__init__(CATALOGUE["malformed-json"], detail)


def parse(body: bytes, *, strings_checked: bool = True) -> Any:  # any JSON value
    """Return the JSON value that `body` is.

    Args:
        body: The bytes received.
        strings_checked: Whether one bad string makes all of it bad; where not, the caller
            gives `check_strings` the parts that are to be told apart.

    Raises:
        MalformedJsonError: It is no JSON in UTF-8, gives a key twice, or is nested too deeply.
        InvalidFieldsError: A string in it holds NUL or a lone surrogate.
    """
    if not body:
        raise MalformedJsonError("The body is empty: a JSON object is expected.")
    try:
        text = body.decode("utf-8")
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise MalformedJsonError(f"The body is not UTF-8 at byte {error.start}.") from error
    except json.JSONDecodeError as error:
        raise MalformedJsonError(
            f"No JSON at line {error.lineno}, column {error.colno}: {error.msg}."
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:  # An integer of thousands of digits.
        raise MalformedJsonError("A number has too many digits.") from error
    if text.count("[") + text.count("{") > DEEPEST:
        _check_depth(value)
    if strings_checked and "\\u" in text:
        check_strings(value)
    return value


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
        if _UNSTORABLE.search(value):
            raise ma.ValidationError(_UNSTORABLE_MESSAGE)
        if not value.isascii() and _has_long_run_of_marks(value):
            raise ma.ValidationError(_MARKS_MESSAGE)
        return value


def _has_long_run_of_marks(value: str) -> bool:
    run = 0
    for character in value:
        run = run + 1 if unicodedata.combining(character) else 0
        if run > _MOST_MARKS:
            return True
    return False


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


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise MalformedJsonError("An object gives the same key twice.")
    return made


def _no_constant(name: str) -> NoReturn:
    raise MalformedJsonError(f"{name} is no JSON.")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)


def _too_deep() -> MalformedJsonError:
    return MalformedJsonError(f"The body is nested more than {DEEPEST} levels deep.")


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _children(outer)]
        if not level:
            return
    if any(isinstance(inner, dict | list) for inner in level):
        raise _too_deep()


def _children(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def check_strings(value: object) -> None:
    """Let a JSON value pass whose strings Postgres and UTF-8 can hold.

    Raises:
        InvalidFieldsError: A string in it holds NUL or a lone surrogate.
    """
    bad = {path: [_UNSTORABLE_MESSAGE] for path in _unstorable(value, "")}
    if bad:
        # A body that is itself a string has no field to name.
        bad.pop("", None)
        raise InvalidFieldsError(bad, _UNSTORABLE_MESSAGE)


def _unstorable(value: object, path: str) -> Iterator[str]:
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            yield path
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _unstorable(inner, f"{path}.{number}" if path else str(number))
    elif isinstance(value, dict):
        for key, inner in value.items():
            shown = _shown(key)
            inside = f"{path}.{shown}" if path else shown
            if shown is not key:
                yield inside
            yield from _unstorable(inner, inside)


def _shown(key: str) -> str:
    # An answer is UTF-8: what cannot be in it is shown by its escape.
    return json.dumps(key)[1:-1] if _UNSTORABLE.search(key) else key


def _flat(messages: object, path: str = "") -> Iterator[tuple[str, list[str]]]:
    if isinstance(messages, dict):
        for key, inner in messages.items():
            # A field can have the empty name; an empty path means the whole body.
            step = "" if key == ma.exceptions.SCHEMA else _shown(str(key)) or '""'
            yield from _flat(inner, ".".join(filter(None, (path, step))))
    elif isinstance(messages, list):
        yield path, [str(message) for message in messages]
    else:
        yield path, [str(messages)]
