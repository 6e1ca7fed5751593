"""Strict JSON: everything that is JSON and storable passes unchanged, everything else is named."""

from __future__ import annotations

import json
from typing import Any

import marshmallow as ma
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import fields

from web.problems import InvalidFieldsError
from web.strict_json import DEEPEST, MalformedJsonError, parse
from web.strict_schemas import (
    QueryInteger,
    StrictInteger,
    StrictSchema,
    StrictUuid,
    Text,
    UsernameField,
    load,
)

pytestmark = pytest.mark.unit

_STORABLE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _STORABLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_STORABLE, inner, max_size=4),
    max_leaves=20,
)


class NodeSchema(StrictSchema):
    to = UsernameField()
    body = Text(least=1, most=3)
    number = StrictInteger()
    page = QueryInteger(least=1, most=200)
    id = StrictUuid()
    inner = fields.List(fields.Nested("NodeSchema"))


def errors_of(value: object) -> dict[str, Any]:
    with pytest.raises(InvalidFieldsError) as caught:
        load(NodeSchema(), value)
    return dict(caught.value.errors or {})


@given(value=_VALUES, ascii_only=st.booleans())
def test_whatever_is_json_and_storable_is_parsed_unchanged(value: object, ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(body=st.binary(max_size=200))
def test_any_bytes_are_either_parsed_or_refused_by_name(body: bytes) -> None:
    try:
        parse(body)
    except (MalformedJsonError, InvalidFieldsError):
        return


@given(text=st.text(max_size=200))
def test_what_python_itself_cannot_parse_is_refused(text: str) -> None:
    body = text.encode("utf-8", "surrogatepass")
    try:
        json.loads(body)
    except ValueError:
        with pytest.raises(MalformedJsonError):
            parse(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1} 2',
        b'{"a": 01}',
        b"nul",
        b"\xef\xbb\xbf{}",
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\n"}',
        b'{"a": "\x00"}',
        b'{"a": "\\u12"}',
        '{"a": 1}'.encode("utf-16"),
    ],
)
def test_what_is_no_json_in_utf_8_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedJsonError):
        parse(body)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_lacks_are_malformed(word: str) -> None:
    with pytest.raises(MalformedJsonError, match=word):
        parse(f'{{"a": {word}}}'.encode())


@pytest.mark.parametrize(
    "body", ['{"a":1,"a":1}', '{"b":{"a":1,"a":2}}', '[{"a":1,"\\u0061":2}]', '{"":1,"":2}']
)
def test_a_key_given_twice_is_malformed_at_any_depth(body: str) -> None:
    with pytest.raises(MalformedJsonError, match="same key twice"):
        parse(body.encode())


@pytest.mark.parametrize("depth", [DEEPEST + 1, 500, 50_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_deep_nesting_is_malformed(depth: int, opening: str, closing: str) -> None:
    body = opening * depth + "1" + closing * depth
    with pytest.raises(MalformedJsonError, match="nested"):
        parse(body.encode())


def test_nesting_up_to_the_limit_is_fine() -> None:
    parse(("[" * DEEPEST + "1" + "]" * DEEPEST).encode())
    assert len(parse(b"[" + b"[],[1,{}]," * 500 + b"[]]")) == 1001


def test_an_integer_of_thousands_of_digits_is_malformed() -> None:
    with pytest.raises(MalformedJsonError, match="digits"):
        parse(b'{"a": ' + b"9" * 5_000 + b"}")


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800", "\\udfff", "\\ud800x", "\\udc00\\ud800"])
def test_nul_and_lone_surrogates_are_refused_and_the_field_is_named(escape: str) -> None:
    with pytest.raises(InvalidFieldsError) as caught:
        parse(f'{{"a": {{"b": ["x", "{escape}"]}}}}'.encode())
    assert caught.value.errors == {"a.b.1": ["May not hold NUL or lone surrogates."]}


def test_nul_and_lone_surrogates_are_refused_in_keys_too() -> None:
    with pytest.raises(InvalidFieldsError) as caught:
        parse(b'{"a": {"b\\u0000": 1, "\\ud800": 1}}')
    assert set(caught.value.errors or {}) == {"a.b\\u0000", "a.\\ud800"}


def test_strings_may_be_checked_later_and_an_unknown_key_is_still_shown() -> None:
    value = parse(b'{"body": "\\u0000", "\\ud800": 1}', strings_checked=False)
    assert set(errors_of(value)) == {"body", "\\ud800"}


def test_a_surrogate_pair_is_one_character() -> None:
    assert parse(b'{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


def test_control_characters_other_than_nul_are_kept() -> None:
    assert load(NodeSchema(), parse(b'{"body": "\\u0001\\u007f\\n"}')) == {"body": "\x01\x7f\n"}


@pytest.mark.parametrize("value", [True, 1.0, "1", None, [], 2**63, -(2**63) - 1, 10**30])
def test_only_integers_of_64_bits_are_integers(value: object) -> None:
    assert set(errors_of({"number": value})) == {"number"}


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 0])
def test_every_integer_of_64_bits_is_one(value: int) -> None:
    assert load(NodeSchema(), {"number": value}) == {"number": value}


@pytest.mark.parametrize(
    "value", ["", "-1", "+1", " 1", "1 ", "1.0", "1e1", "0x1", "\u0661", "0", "201"]
)
def test_an_integer_in_a_query_is_digits_within_bounds(value: str) -> None:
    assert set(errors_of({"page": value})) == {"page"}


def test_an_integer_in_a_query_may_have_leading_zeros() -> None:
    assert load(NodeSchema(), {"page": "007"}) == {"page": 7}


@pytest.mark.parametrize("value", [1, True, None, [], {}, "", "xxxx", "a\0b", "\ud800"])
def test_text_is_a_storable_string_within_bounds(value: object) -> None:
    assert set(errors_of({"body": value})) == {"body"}


@pytest.mark.parametrize("mark", ["\u0300", "\u05b0", "\u0e38", "\U0001d165"])
def test_text_has_no_more_marks_in_a_row_than_a_language_needs(mark: str) -> None:
    field = Text(most=100)
    borne = f"a{mark * 30}b{mark * 30}"
    assert field.deserialize(borne) == borne
    with pytest.raises(ma.ValidationError, match="more than 30 combining marks in a row"):
        field.deserialize(f"a{mark * 31}b")


def test_text_is_counted_in_code_points() -> None:
    assert load(NodeSchema(), {"body": "\U0001f600" * 3})


@pytest.mark.parametrize("value", ["x", "{00000000-0000-0000-0000-000000000001}", "0" * 32, 1])
def test_a_uuid_has_one_spelling(value: object) -> None:
    assert set(errors_of({"id": value})) == {"id"}


def test_a_username_is_loaded_prepared() -> None:
    assert load(NodeSchema(), {"to": "Alice"}) == {"to": "alice"}
    assert set(errors_of({"to": "a b"})) == {"to"}


def test_fields_at_fault_are_named_by_their_path() -> None:
    value = {"inner": [{}, {"body": "", "unknown": 1, "inner": [{"to": 1}]}], "x": 1}
    assert set(errors_of(value)) == {"inner.1.body", "inner.1.unknown", "inner.1.inner.0.to", "x"}
    assert errors_of({"": 1}).keys() == {'""'}


@pytest.mark.parametrize("value", [[], "x", 1, None, True])
def test_what_is_no_object_is_refused_as_a_whole(value: object) -> None:
    with pytest.raises(InvalidFieldsError, match="A JSON object is expected") as caught:
        load(NodeSchema(), value)
    assert not caught.value.errors
