"""What the chaos suite calls lost, doubled, misordered and invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from messaging_client import Message
from runtime.ids import new_id
from tests.chaos.suite.audit import Findings, conversation
from tests.chaos.suite.outages import Strike, by_kind
from tests.chaos.suite.runner import schedule
from tests.chaos.suite.traffic import Lane

CONVERSATION = new_id()
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def message(position: int, sender: str, body: str) -> Message:
    return Message(
        id=new_id(),
        conversation_id=CONVERSATION,
        position=position,
        sender=sender,
        recipient="somebody",
        subject=None,
        body=body,
        sent_at=NOON,
        edited_at=None,
        deleted_at=None,
        read_at=None,
    )


def lanes() -> tuple[Lane, Lane]:
    one, other = Lane(sender="ann", recipient="bob"), Lane(sender="bob", recipient="ann")
    one.acknowledged = one.more(3)
    other.acknowledged = other.more(1)
    return one, other


def shown(*bodies: str) -> list[Message]:
    return [message(at, body.split()[0], body) for at, body in enumerate(bodies, 1)]


def test_a_conversation_that_shows_all_once_and_in_order_is_sound() -> None:
    found = conversation(shown("ann 1", "bob 1", "ann 2", "ann 3"), *lanes())
    assert found == Findings(acknowledged=4, visible=4)
    assert found.is_sound


def test_what_was_sent_and_not_acknowledged_may_be_there_once() -> None:
    one, other = lanes()
    one.more(1)
    assert conversation(shown("ann 1", "ann 2", "ann 3", "ann 4", "bob 1"), one, other).is_sound
    assert conversation(shown("ann 1", "ann 2", "ann 3", "bob 1"), one, other).is_sound


@pytest.mark.parametrize(
    ("bodies", "name"),
    [
        (("ann 1", "ann 3", "bob 1"), "lost"),
        (("ann 1", "ann 2", "ann 2", "ann 3", "bob 1"), "doubled"),
        (("ann 2", "ann 1", "ann 3", "bob 1"), "misordered"),
        (("ann 1", "ann 2", "ann 3", "bob 1", "bob 2"), "invented"),
        (("ann 1", "ann 2", "ann 3", "bob 1", "eve 1"), "invented"),
    ],
)
def test_each_broken_promise_is_found(bodies: tuple[str, ...], name: str) -> None:
    found = conversation(shown(*bodies), *lanes())
    broken = {each: value for each, value in vars(found).items() if value}
    assert broken == {"acknowledged": 4, "visible": broken.get("visible"), name: 1}
    assert not found.is_sound


def test_a_position_that_is_missing_or_given_twice_is_found() -> None:
    sound = shown("ann 1", "ann 2", "ann 3", "bob 1")
    missing = [*sound[:3], replace(sound[3], position=5)]
    twice = [*sound[:3], replace(sound[3], position=3)]
    assert not conversation(missing, *lanes()).is_sound
    assert not conversation(twice, *lanes()).is_sound


def test_findings_are_added_up() -> None:
    assert Findings(lost=1, parked=2) + Findings(lost=3) == Findings(lost=4, parked=2)


def test_the_worst_gap_around_a_fault_counts_for_its_kind() -> None:
    strikes = [
        Strike(kind="kill", began=10.0, ended=12.0),
        Strike(kind="kill", began=20.0, ended=21.0),
        Strike(kind="flush", began=30.0, ended=30.5),
    ]
    commands = [9.0, 9.5, 12.5, 13.0, 19.9, 20.5, 21.2, 29.9, 30.1, 31.0]
    kill = by_kind(strikes, commands, [])[1]
    assert (kill.kind, kill.strikes, kill.commands_s, kill.queries_s) == ("kill", 2, 3.0, 0.0)


def test_a_seed_makes_the_same_schedule_again_with_all_kinds_in_each_round() -> None:
    kinds = ["a", "b", "c"]
    made = schedule(7, 5, kinds)
    assert made == schedule(7, 5, kinds)
    assert [sorted(made[:3]), sorted(made[3:6])] == [kinds, kinds]
    assert len(made) == 7
