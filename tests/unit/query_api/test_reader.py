"""How long a read waits, and when it gives up."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from sqlalchemy import literal_column, select

from events.contracts.offsets import Offset
from query_api.reads.errors import NotYetVisibleError
from query_api.reads.freshness import Freshness, Query
from query_api.reads.places_to_wait import PlacesToWait
from query_api.reads.reader import Reader
from query_api.reads.replica import Rows
from query_api.reads.statements import Statement
from runtime.ids import AccountId, Epoch, EventId, Partition, new_id
from web.consistency import ConsistencyToken, ConsistencyTokenInvalidError

QUERY = Query(
    lambda head: select(head.c.visible, head.c.epoch, literal_column("'row'").label("found"))
)


class Node:
    """A replica that becomes fresh after some looks, and the time that passes meanwhile."""

    def __init__(self, *, fresh_after: int = 0, epoch: int | None = 7) -> None:
        self.asked: list[Statement] = []
        self.parameters: Mapping[str, object] = {}
        self.pauses: list[float] = []
        self.now = 0.0
        self._fresh_after = fresh_after
        self._epoch = epoch

    def select(self, statement: Statement, parameters: Mapping[str, object]) -> Rows:
        self.asked.append(statement)
        self.parameters = parameters
        return [(len(self.asked) > self._fresh_after, self._epoch, "row")]

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def reader(self, places: PlacesToWait | None = None) -> Reader:
        places = places or PlacesToWait(most=1, most_of_account=1)
        return Reader(self, places, clock=self.clock, sleep=self.sleep)


def token(*, epoch: int = 7, partition: int = 3, ms: int = 5) -> ConsistencyToken:
    return ConsistencyToken(
        epoch=Epoch(epoch),
        partition=Partition(partition),
        offset=Offset(ms, 1),
        event_id=EventId(new_id()),
        account_id=AccountId(new_id()),
    )


def test_without_a_token_one_untested_statement_is_asked() -> None:
    node = Node()
    assert node.reader().read(QUERY, {"me": "x"}, Freshness()) == [(True, 7, "row")]
    assert node.asked == [QUERY.at_once]
    assert node.parameters == {"me": "x"}


def test_tokens_become_parameters_of_the_test() -> None:
    node = Node()
    tokens = (token(partition=3, ms=5), token(epoch=8, partition=1, ms=6))
    node.reader().latest(QUERY, {"me": "x"}, Freshness(tokens=tokens, seconds=1))
    assert node.parameters == {
        "me": "x",
        "partitions": [3, 1],
        "offsets": [Offset(5, 1).sortable(), Offset(6, 1).sortable()],
        "epoch": 8,
    }


def test_pauses_grow_and_end_with_the_time_to_wait() -> None:
    node = Node(fresh_after=1_000)
    with pytest.raises(NotYetVisibleError):
        node.reader().read(QUERY, {}, Freshness(tokens=(token(),), seconds=0.3))
    assert node.pauses[:5] == [0.002, 0.004, 0.008, 0.016, 0.032]
    assert set(node.pauses[5:-1]) == {0.05}
    assert sum(node.pauses) == pytest.approx(0.3)
    assert len(node.asked) == len(node.pauses) + 1


def test_waiting_ends_as_soon_as_the_node_is_fresh() -> None:
    node = Node(fresh_after=2)
    rows = node.reader().read(QUERY, {}, Freshness(tokens=(token(),), seconds=10))
    assert rows == [(True, 7, "row")]
    assert node.pauses == [0.002, 0.004]


def test_with_no_time_to_wait_one_look_decides() -> None:
    node = Node(fresh_after=1)
    with pytest.raises(NotYetVisibleError):
        node.reader().read(QUERY, {}, Freshness(tokens=(token(),)))
    assert len(node.asked) == 1


def test_a_token_of_a_lost_queue_is_refused_without_waiting() -> None:
    node = Node(fresh_after=1_000, epoch=8)
    with pytest.raises(ConsistencyTokenInvalidError):
        node.reader().read(QUERY, {}, Freshness(tokens=(token(),), seconds=10))
    assert node.pauses == []


def test_a_token_of_a_lost_queue_is_refused_beside_one_of_the_present_that_is_visible() -> None:
    tokens = (token(epoch=6), token())
    for given in (tokens, tokens[::-1]):
        with pytest.raises(ConsistencyTokenInvalidError):
            Node().reader().read(QUERY, {}, Freshness(tokens=given, seconds=10))


@pytest.mark.parametrize("epoch", [None, 6])
def test_a_node_that_is_behind_is_waited_for(epoch: int | None) -> None:
    node = Node(fresh_after=1_000, epoch=epoch)
    with pytest.raises(NotYetVisibleError):
        node.reader().read(QUERY, {}, Freshness(tokens=(token(),), seconds=0.1))
    assert node.now == pytest.approx(0.1)


def test_the_latest_rows_are_returned_even_if_they_are_not_fresh() -> None:
    node = Node(fresh_after=1_000)
    rows = node.reader().latest(QUERY, {}, Freshness(tokens=(token(),), seconds=0.1))
    assert rows == [(False, 7, "row")]


def test_where_all_places_to_wait_are_taken_the_first_look_decides() -> None:
    places = PlacesToWait(most=1, most_of_account=1)
    behind = Node(fresh_after=1)
    tokens = (token(),)
    with places.place("somebody"), pytest.raises(NotYetVisibleError):
        behind.reader(places).read(QUERY, {}, Freshness(tokens=tokens, seconds=10))
    assert (len(behind.asked), behind.pauses) == (1, [])
    # What is there already needs no place.
    with places.place("somebody"):
        fresh = Node().reader(places)
        assert fresh.read(QUERY, {}, Freshness(tokens=tokens, seconds=10))


def test_an_account_takes_no_more_than_its_share_of_the_places() -> None:
    places = PlacesToWait(most=3, most_of_account=2)
    with places.place("a") as first, places.place("a") as second, places.place("a") as third:
        assert (first, second, third) == (True, True, False)
        with places.place("b") as others, places.place("c") as beyond:
            assert (others, beyond) == (True, False)
    with places.place("a") as again:
        assert again


def test_a_place_is_given_back_by_a_read_that_fails() -> None:
    places = PlacesToWait(most=1, most_of_account=1)
    node = Node(fresh_after=1_000)
    for _ in range(2):
        with pytest.raises(NotYetVisibleError):
            node.reader(places).read(QUERY, {}, Freshness(tokens=(token(),), seconds=0.1))
    assert node.now == pytest.approx(0.2)
