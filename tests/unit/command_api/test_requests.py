"""What a request carries beside its body."""

from __future__ import annotations

import pytest

from command_api.routes.requests import (
    IdempotencyKeyInvalidError,
    fingerprint,
    read_key,
    well_formed_trace,
)

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        (" abc\t", "abc"),
        ('"a b"', "a b"),
        ("a b", "a b"),
        ('"\\""', '"'),
        ('"\\\\"', "\\"),
        ("a,b;c=d", "a,b;c=d"),
        ("x" * 255, "x" * 255),
    ],
)
def test_a_key_is_read_quoted_or_bare(header: str, key: str) -> None:
    assert read_key(header) == key


@pytest.mark.parametrize(
    "header", ["", " ", '""', '"', '"a', '"a"b', '"a";b=1', '"\\a"', "é", "a\x7f", "x" * 256]
)
def test_a_key_that_is_none_is_refused(header: str) -> None:
    with pytest.raises(IdempotencyKeyInvalidError):
        read_key(header)


def test_the_same_command_has_one_fingerprint_whatever_the_order_of_its_members() -> None:
    one = fingerprint("POST", "/x", {"a": 1, "b": [1, None]})
    assert one == fingerprint("POST", "/x", {"b": [1, None], "a": 1})
    assert len(one) == 64


@pytest.mark.parametrize(
    ("method", "path", "payload"),
    [
        ("PATCH", "/x", {"a": 1}),
        ("POST", "/y", {"a": 1}),
        ("POST", "/x", {"a": "1"}),
        ("POST", "/x", {"a": True}),
        ("POST", "/x", {"a": 1, "b": None}),
        ("POST", "/x", {}),
    ],
)
def test_another_command_has_another_fingerprint(
    method: str, path: str, payload: dict[str, object]
) -> None:
    assert fingerprint(method, path, payload) != fingerprint("POST", "/x", {"a": 1})


def test_whatever_json_can_say_has_a_fingerprint() -> None:
    assert fingerprint("POST", "/batch", {"commands": ["\ud800", 2**70, 1.5, {"": []}]})


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        TRACE.upper(),
        TRACE + "-00",
        TRACE.replace("00-", "ff-", 1),
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
        TRACE + "\n",
    ],
)
def test_only_a_well_formed_trace_is_kept(header: str | None) -> None:
    assert well_formed_trace(TRACE) == TRACE
    assert well_formed_trace(header) is None
