"""Server-sent events are read as the HTML standard says, wherever the chunks are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_client.sse import EventParser, ServerSentEvent

pytestmark = pytest.mark.unit

_LINE_ENDS = ("\n", "\r", "\r\n")
# Never a carriage return before a line feed that ends another line: together they end one.
_MIXED_ENDS = (("\n", "\r\n"), ("\r", "\r\n"))
_LINE = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=12)
_EVENTS = st.lists(
    st.builds(
        ServerSentEvent,
        type=_LINE.filter(bool),
        data=st.lists(_LINE, min_size=1, max_size=3).map("\n".join),
        id=_LINE.filter(bool),
    ),
    max_size=6,
)


def _parse(*chunks: bytes) -> list[ServerSentEvent]:
    parser = EventParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


@given(
    events=_EVENTS,
    ends=st.sampled_from(_MIXED_ENDS).flatmap(
        lambda ends: st.lists(st.sampled_from(ends), min_size=1, max_size=4)
    ),
    cuts=st.lists(st.integers(0, 400), max_size=12),
    mark=st.booleans(),
)
def test_whatever_is_written_is_read_however_it_is_cut(
    events: list[ServerSentEvent], ends: list[str], cuts: list[int], *, mark: bool
) -> None:
    lines = [": beginning"]
    for event in events:
        data = [f"data: {line}" for line in event.data.split("\n")]
        lines += [f"id: {event.id}", f"event: {event.type}", ": beat", *data, ""]
    # A last line that nothing ends, so that a carriage return before it is not left open.
    text = "".join(line + ends[number % len(ends)] for number, line in enumerate(lines)) + ":"
    raw = (b"\xef\xbb\xbf" if mark else b"") + text.encode()
    bounds = sorted({0, len(raw), *(min(cut, len(raw)) for cut in cuts)})
    chunks = [raw[a:b] for a, b in pairwise(bounds)]
    assert _parse(*chunks) == events


@pytest.mark.parametrize("end", _LINE_ENDS)
def test_byte_by_byte(end: str) -> None:
    text = f"event: e{end}data: \u00e9\u00e9{end}data:  two{end}id: 7{end}{end}:"
    chunks = [bytes([one]) for one in text.encode()]
    assert _parse(*chunks) == [ServerSentEvent(type="e", data="\u00e9\u00e9\n two", id="7")]


def test_the_examples_of_the_standard() -> None:
    assert _parse(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [
        ServerSentEvent(type="message", data="YHOO\n+2\n10", id="")
    ]
    first = b": test stream\n\ndata: first event\nid: 1\n\n"
    assert _parse(first, b"data:second event\nid\n\ndata:  third\n\n") == [
        ServerSentEvent(type="message", data="first event", id="1"),
        ServerSentEvent(type="message", data="second event", id=""),
        ServerSentEvent(type="message", data=" third", id=""),
    ]
    assert [event.data for event in _parse(b"data\n\ndata\ndata\n\ndata:")] == ["", "\n"]


def test_an_event_without_data_moves_the_id_alone() -> None:
    parser = EventParser()
    assert list(parser.feed(b"event: beat\nid: 8\n\ndata: x\nid: 9\n")) == []
    assert parser.last_event_id == "8"
    (event,) = parser.feed(b"\n")
    assert (event.type, event.id, parser.last_event_id) == ("message", "9", "9")


def test_an_id_with_nul_is_ignored_and_the_last_one_stays() -> None:
    assert [event.id for event in _parse(b"id: 1\ndata: x\n\nid: a\0b\ndata: y\n\n")] == ["1", "1"]


@pytest.mark.parametrize(
    ("line", "expected"), [("retry: 1500", 1.5), ("retry: 1.5", None), ("retry: \u0661", None)]
)
def test_the_time_to_reconnect_is_digits(line: str, expected: float | None) -> None:
    parser = EventParser()
    list(parser.feed(f"{line}\n".encode()))
    assert parser.retry_s == expected


def test_what_is_no_utf8_is_replaced() -> None:
    assert [event.data for event in _parse(b"data: a\xff", b"b\n\n")] == ["a\ufffdb"]
