"""An export as a file: what is out of place, altered or missing is told before its end."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest

from events.archive import (
    ArchiveError,
    End,
    Header,
    checkpoint_line,
    event_line,
    header_line,
    letter_line,
)
from events.archive_file import Sealed, read
from events.archive_reading import Item
from events.checkpoints import Checkpoint
from events.contracts.offsets import Offset
from events.letters import Letter
from events.selection import Logged, Place
from runtime.ids import Partition, new_id

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = Header(id=UUID(int=1), partitions=2, events=6, complete=True, made_at=NOW)


def place(partition: int, ms: int) -> Place:
    return Place(Partition(partition), Offset(ms, 0))


def checkpoint(partition: int, ms: int) -> bytes:
    reached = Checkpoint(partition=Partition(partition), offset=Offset(ms, 0), number=ms)
    return checkpoint_line(reached, HEADER)


def event(partition: int, ms: int) -> bytes:
    row = Logged(
        place=place(partition, ms),
        id=new_id(),
        type="message.sent.v1",
        conversation_id=new_id(),
        actor_id=new_id(),
        message_id=None,
        position=ms,
        outcome="applied",
        reason=None,
        data={"body": f"words {ms}"},
        request_id=None,
        traceparent=None,
        occurred_at=NOW,
        recorded_at=NOW,
    )
    return event_line(row)


def letter(partition: int, ms: int) -> bytes:
    found = Letter(
        place=place(partition, ms),
        event_id=None,
        conversation_id=None,
        type=None,
        actor_id=None,
        state="parked",
        reason="unreadable",
        traceback=None,
        attempts=1,
        parked_at=NOW,
        updated_at=NOW,
        entry=b"-",
        original_entry=None,
    )
    return letter_line(found)


LINES = [
    *(header_line(HEADER), checkpoint(0, 4), event(0, 1), event(0, 2), event(0, 4)),
    *(letter(0, 2), letter(0, 3)),
    *(checkpoint(1, 9), event(1, 1), event(1, 2), event(1, 3), letter(1, 9)),
]


def sealed(lines: list[bytes], *, events: int = 6, letters: int = 3) -> bytes:
    """Return `lines` with a last one that fits them, as only who means harm would make it."""
    out = io.BytesIO()
    file = Sealed(out)
    file.write(lines)
    file.end(HEADER, events=events, letters=letters)
    return out.getvalue()


def without(index: int) -> list[bytes]:
    return [*LINES[:index], *LINES[index + 1 :]]


def moved(index: int, to: int) -> list[bytes]:
    lines = without(index)
    return [*lines[:to], LINES[index], *lines[to:]]


def replaced(index: int, line: bytes) -> list[bytes]:
    return [*LINES[:index], line, *LINES[index + 1 :]]


def test_what_was_written_is_read_with_its_length() -> None:
    lines = list(read(io.BytesIO(sealed(LINES))))
    assert [line.size for line in lines[:-1]] == list(map(len, LINES))
    assert lines[0].item == HEADER
    assert isinstance(lines[-1].item, End)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(moved(2, 4), id="an event behind a later one"),
        pytest.param(moved(8, 2), id="an event in another's partition"),
        pytest.param(moved(5, 3), id="a letter between events"),
        pytest.param(moved(5, 6), id="a letter behind a later one"),
        pytest.param(moved(1, 4), id="a checkpoint behind its events"),
        pytest.param([LINES[0], *LINES[7:], *LINES[1:7]], id="partitions the wrong way round"),
        pytest.param(replaced(3, LINES[2]), id="a copy of an earlier line"),
        pytest.param(replaced(1, checkpoint(0, 3)), id="a checkpoint below its events"),
        pytest.param(replaced(7, checkpoint(1, 8)), id="a checkpoint below its letters"),
        pytest.param(replaced(7, checkpoint(0, 9)), id="two checkpoints of a partition"),
        pytest.param(replaced(7, checkpoint(2, 9)), id="a partition that is not there"),
        pytest.param(without(3), id="an event too few"),
        pytest.param(without(6), id="a letter too few"),
        pytest.param([*LINES, event(1, 10)], id="an event too many"),
        pytest.param([*LINES[:7], *LINES[8:]], id="a checkpoint too few"),
        pytest.param([LINES[0], *LINES], id="two headers"),
        pytest.param(LINES[1:], id="no header"),
        pytest.param([], id="nothing"),
    ],
)
def test_a_line_in_the_wrong_place_is_told_though_the_checksum_fits(lines: list[bytes]) -> None:
    with pytest.raises(ArchiveError):
        list(read(io.BytesIO(sealed(lines))))


def test_counts_must_be_those_of_the_header_too() -> None:
    with pytest.raises(ArchiveError, match="it holds"):
        list(read(io.BytesIO(sealed(without(3), events=5))))


WHOLE = sealed(LINES)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda whole: whole.replace(b"words 2", b"words 3", 1), id="altered"),
        pytest.param(lambda whole: whole.replace(b'"unreadable"', b'"readable"', 1), id="reason"),
        pytest.param(lambda whole: whole + b"\n", id="more behind"),
        pytest.param(lambda whole: whole[:-20], id="torn"),
        pytest.param(lambda whole: b"".join(LINES), id="cut"),
        pytest.param(lambda whole: whole.replace(b"ended.v2", b"ended.v1"), id="older"),
        pytest.param(lambda whole: b"[]\n" + whole, id="foreign"),
    ],
)
def test_no_end_is_given_of_what_is_not_as_it_was_written(spoil: Callable[[bytes], bytes]) -> None:
    given: list[Item] = []
    with pytest.raises(ArchiveError):
        given.extend(line.item for line in read(io.BytesIO(spoil(WHOLE))))
    assert not any(isinstance(item, End) for item in given)


def test_a_selection_has_no_checkpoints_and_may_begin_anywhere() -> None:
    header = Header(id=HEADER.id, partitions=2, events=60, complete=False, made_at=NOW)
    out = io.BytesIO()
    file = Sealed(out)
    file.write([header_line(header), event(0, 7), event(1, 3)])
    file.end(header, events=2, letters=0)
    assert len(list(read(io.BytesIO(out.getvalue())))) == 4
