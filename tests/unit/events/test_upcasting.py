"""Upcasting: every version ever written is read as the current contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import orjson
import pytest
from hypothesis import given

from events.contracts.accounts import AccountDeleted
from events.contracts.base import Event, Payload, PoisonEventError, as_text, read_field
from events.contracts.envelope import CONTRACTS, READERS, Envelope, read_event
from events.contracts.upcasting import Upcasters, readers, upcasts
from tests.unit.events.samples import deletions, golden

pytestmark = pytest.mark.unit


@dataclass(frozen=True, kw_only=True)
class Painted(Event):
    """A contract that has had two forerunners."""

    TYPE: ClassVar[str] = "wall.painted"
    VERSION: ClassVar[int] = 3

    colour: str
    gloss: str

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        return cls(
            colour=read_field(payload, "colour", as_text),
            gloss=read_field(payload, "gloss", as_text),
        )


@pytest.fixture
def painting() -> Upcasters:
    registry: Upcasters = {}

    @upcasts("wall.painted", from_version=1, registry=registry)
    def spell_colour(payload: Payload) -> Payload:
        return {"colour": payload["color"]}

    @upcasts("wall.painted", from_version=2, registry=registry)
    def add_gloss(payload: Payload) -> Payload:
        return {**payload, "gloss": "matt"}

    return registry


def test_each_version_goes_through_all_upcasters_after_it(painting: Upcasters) -> None:
    made = readers([Painted], painting)
    assert list(made) == ["wall.painted.v1", "wall.painted.v2", "wall.painted.v3"]
    matt, shining = Painted(colour="red", gloss="matt"), Painted(colour="red", gloss="high")
    assert made["wall.painted.v1"].read({"color": "red"}) == matt
    assert made["wall.painted.v2"].read({"colour": "red"}) == matt
    assert made["wall.painted.v3"].read({"colour": "red", "gloss": "high"}) == shining


def test_what_cannot_be_upcast_is_poison(painting: Upcasters) -> None:
    reader = readers([Painted], painting)["wall.painted.v1"]
    with pytest.raises(PoisonEventError, match=r"wall\.painted\.v1 cannot be upcast.*color"):
        reader.read({"colour": "red"})


def test_a_version_without_an_upcaster_is_refused_at_import(painting: Upcasters) -> None:
    del painting["wall.painted", 2]
    with pytest.raises(ValueError, match=r"no upcaster from wall\.painted\.v2"):
        readers([Painted], painting)


@pytest.mark.parametrize("stray", [("wall.painted", 3), ("wall.painted", 0), ("wall.gone", 1)])
def test_an_upcaster_of_no_old_version_is_refused(
    painting: Upcasters, stray: tuple[str, int]
) -> None:
    upcasts(stray[0], from_version=stray[1], registry=painting)(dict)
    with pytest.raises(ValueError, match="which nothing writes"):
        readers([Painted], painting)


def test_a_second_upcaster_from_the_same_version_is_refused(painting: Upcasters) -> None:
    with pytest.raises(ValueError, match="has an upcaster already"):
        upcasts("wall.painted", from_version=1, registry=painting)(dict)


def test_every_version_up_to_the_current_one_can_be_read() -> None:
    for contract in CONTRACTS.values():
        names = {f"{contract.TYPE}.v{version}" for version in range(1, contract.VERSION + 1)}
        assert names == {name for name, reader in READERS.items() if reader.contract is contract}


@given(deletions)
def test_every_deletion_of_version_1_is_its_owners(event: AccountDeleted) -> None:
    old: dict[str, Any] = event.payload()
    del old["ordered_by"]
    before = dict(old)
    read = read_event("account.deleted.v1", old)
    assert read.payload() == {**old, "ordered_by": "owner"}
    assert (type(read), old) == (AccountDeleted, before)
    assert read_event(read.type_name(), read.payload()) == read


def test_an_upcast_event_is_written_on_as_the_current_version() -> None:
    old = golden("account.deleted.v1")
    written = orjson.loads(Envelope.decode(orjson.dumps(old)).encode())
    assert written == {
        **old,
        "type": "account.deleted.v2",
        "data": {**old["data"], "ordered_by": "owner"},
    }


def test_version_2_does_not_guess_who_ordered_a_deletion() -> None:
    unnamed = golden("account.deleted.v2")
    del unnamed["data"]["ordered_by"]
    with pytest.raises(PoisonEventError, match="no ordered_by"):
        Envelope.decode(orjson.dumps(unnamed))


@pytest.mark.parametrize(
    ("type_name", "said"),
    [
        ("account.deleted.v3", "of account.deleted, versions known are 1, 2"),
        ("message.sent.v99", "of message.sent, versions known are 1"),
        ("account.deleted.v0", "versions known are 1, 2"),
        ("account.deleted", r"no contract for type 'account.deleted'$"),
        ("message.sung.v1", r"no contract for type 'message.sung.v1'$"),
    ],
)
def test_an_unknown_version_is_poison_that_names_the_known_ones(type_name: str, said: str) -> None:
    future = golden("account.deleted.v2") | {"type": type_name}
    with pytest.raises(PoisonEventError, match=said) as caught:
        Envelope.decode(orjson.dumps(future))
    assert repr(type_name) in str(caught.value)
