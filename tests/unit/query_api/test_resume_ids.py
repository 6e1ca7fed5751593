"""Resume ids: what goes in comes out, for the same account alone, and nothing else does."""

from __future__ import annotations

import random
from uuid import UUID

import pytest

from query_api.reads.progress import Reached
from query_api.streaming.resume_ids import ResumeIdInvalidError, ResumeIds
from runtime.ids import AccountId
from runtime.settings import Secret

pytestmark = pytest.mark.unit

IDS = ResumeIds(Secret("not a secret"))
ALICE, BOB = AccountId(UUID(int=1)), AccountId(UUID(int=2))
NOW_MS = 1_900_000_000_000


def some_progress(chance: random.Random, *, partitions: int) -> dict[int, Reached]:
    chosen = chance.sample(range(partitions), chance.randint(0, partitions))
    return {
        partition: Reached(
            chance.choice([0, NOW_MS - chance.randint(0, 10**12)]),
            chance.choice([0, 1, 127, 128, 2**63]),
            chance.choice([0, 0, 1, 300, 2**31 - 1]),
        )
        for partition in chosen
    }


def test_what_was_written_is_read() -> None:
    chance = random.Random(4711)
    for partitions in (1, 16, 1_024):
        for _ in range(100):
            progress = some_progress(chance, partitions=partitions)
            assert IDS.decode(ALICE, IDS.encode(ALICE, progress)) == progress


def test_an_id_of_the_usual_partitions_is_short_and_goes_into_a_header() -> None:
    progress = {p: Reached(NOW_MS - p * 86_400_000, p, 0) for p in range(16)}
    text = IDS.encode(ALICE, progress)
    assert len(text) < 200
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()


def test_no_changed_id_is_read() -> None:
    text = IDS.encode(ALICE, {3: Reached(NOW_MS, 0), 4: Reached(NOW_MS - 5, 1, 2)})
    changed = {text[:at] + other + text[at + 1 :] for at in range(len(text)) for other in "A_9"}
    changed |= {text[:-1], text + "A", text + "=", " " + text, text + "\n", text * 2, "", "é"}
    for one in changed - {text}:
        with pytest.raises(ResumeIdInvalidError):
            IDS.decode(ALICE, one)


def test_an_id_is_its_accounts_and_its_keys() -> None:
    text = IDS.encode(ALICE, {3: Reached(NOW_MS, 0)})
    with pytest.raises(ResumeIdInvalidError):
        IDS.decode(BOB, text)
    with pytest.raises(ResumeIdInvalidError):
        ResumeIds(Secret("another")).decode(ALICE, text)


def test_places_sort_as_the_log_does() -> None:
    places = [
        Reached(5, 0, 1),
        Reached(5, 0, 2),
        Reached(5, 0, 10),
        Reached(5, 0),
        Reached(5, 1, 1),
        Reached(5, 1),
        Reached(6, 0),
        Reached(10, 0),
    ]
    texts = [place.sortable() for place in places]
    assert texts == sorted(texts)
    # Behind an offset, the offset itself is not found again.
    assert Reached.at("5-0").sortable() > texts[0].partition(":")[0]
    assert Reached.at("00000000000000000005-00000000000000000001") == Reached(5, 1)
