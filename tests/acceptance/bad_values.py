"""What a body must not be, made from the schema that says what it may be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.acceptance.operations import Schema, types_of

# One value of each JSON type; 1.0 is a number, and no integer here.
_ONE_OF_EACH: Mapping[str, Any] = {
    "null": None,
    "boolean": True,
    "integer": 1,
    "number": 1.0,
    "string": "1",
    "array": [],
    "object": {},
}
_BEYOND_64_BITS = (2**63, -(2**63) - 1, 2**64, 10**30)
_UNSTORABLE = ("nul \0", "\ud800", "x\udfff", "\udfff\ud800")
_FORMATS: Mapping[str, tuple[str, ...]] = {
    "uuid": ("1", "x" * 36, "01990f5e7c1a7b3e9f602f1c5d7a8e11", "{" + "0" * 34 + "}"),
    "email": ("nobody", "a@b@c.org", "a b@example.org", "@example.org"),
    "password": ("password1",),
}
# A password that is only compared may be anything.
_CHOSEN = 8
_REFUSED, _INVALID = (400, "malformed-json"), (422, "invalid-fields")


def bad_values(schema: Schema) -> Iterator[Any]:
    """Give values that a field of this schema must refuse."""
    allowed = types_of(schema)
    for kind, value in _ONE_OF_EACH.items():
        if kind not in allowed:
            yield value
    if "string" in allowed:
        yield from _bad_texts(schema)
    if "integer" in allowed:
        yield from (schema["minimum"] - 1, *_BEYOND_64_BITS)
    if "array" in allowed:
        yield from ([], [None] * (schema["maxItems"] + 1))


def _bad_texts(schema: Schema) -> Iterator[str]:
    yield from _UNSTORABLE
    if "enum" in schema:
        yield from ("1", "", schema["enum"][0].upper())
    if "maxLength" in schema:
        yield "x" * (schema["maxLength"] + 1)
    if "minLength" in schema:
        yield "x" * (schema["minLength"] - 1)
    if schema.get("format") != "password" or schema["minLength"] == _CHOSEN:
        yield from _FORMATS.get(schema.get("format", ""), ())


def bad_texts(base: Mapping[str, Any]) -> Iterator[tuple[bytes, tuple[int, str]]]:
    """Give bytes that are no body, made from a good one, with status and type of the refusal."""
    good = json.dumps(base)
    field, value = next(iter(base.items()))
    for text in (*_no_json(good), *_twice(field, value), *_bad_value_texts(field)):
        yield text.encode(), _REFUSED
    for encoding in ("utf-16", "utf-32"):
        yield good.encode(encoding), _REFUSED
    for raw in (b'{"\xff": 1}', b'{"\xed\xa0\x80": 1}'):
        yield raw, _REFUSED
    for text in ("[]", "null", "true", "1", '"text"', "{}", f"[{good}]", f'{{"{field}": 1e999}}'):
        yield text.encode(), _INVALID
    for text in ('{"\\u0000": 1}', '{"\\ud800": 1}', good[:-1] + ', "nobody-knows": 1}'):
        yield text.encode(), _INVALID


def _no_json(good: str) -> Iterator[str]:
    yield from ("", " ", "{", good[:-1], good + "x", good + good, good.replace('"', "'"))
    yield from (good[:-1] + ",}", good + "// no", f"/**/{good}", "\ufeff" + good, "undefined")
    yield from ("[" * 100_000, '{"a":' * 20_000)


def _twice(field: str, value: object) -> Iterator[str]:
    member = f'"{field}": {json.dumps(value)}'
    escaped = f'"\\u{ord(field[0]):04x}{field[1:]}": {json.dumps(value)}'
    for twice in (f"{member}, {member}", f"{member}, {escaped}"):
        yield from (f"{{{twice}}}", f'{{"x": {{{twice}}}}}')


def _bad_value_texts(field: str) -> Iterator[str]:
    values = ["NaN", "Infinity", "-Infinity", "01", "0x1", ".5", "9" * 10_000]
    values += ['"a\nb"', '"\\x"', '"\\u12"', '"\0"', "[" * 32 + "]" * 32]
    for value in values:
        yield f'{{"{field}": {value}}}'
