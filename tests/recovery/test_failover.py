"""A standby that was behind takes over, following the runbooks; the long forms are marked so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.recovery.chat import Chat
from tests.recovery.pages import Page
from tests.recovery.pair import Pair
from tests.running_stack import wait_until

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("curl") is None, reason="the pages use curl"),
]


def test_a_standby_400_events_behind_is_promoted_and_nothing_is_lost(
    pair: Pair, talk: Chat, tmp_path: Path
) -> None:
    talk.send(25)
    talk.await_complete()
    wait_until(pair.follows, 60)
    lost = Page("primary-lost.md", pair.stack, tmp_path)
    lags = Page("replica-lags.md", pair.stack, tmp_path)
    with pair.standby_held():
        talk.send(100)
        wait_until(pair.all_applied, 60)
        assert pair.in_queue() - pair.applied("replica") >= 400
        before, tags = pair.timeline(), pair.names_changed()
        lost.all("status", "logs primary")
        # It answers: not without a word.
        assert "--give-up" in lost.next("stack promote --yes", code=1)
        told = pair.done("stack", "promote", "--give-up", "--yes")
    assert told.pop("events_applied_again") >= 400
    assert told == {
        "serves": True,
        "caught_up": True,
        "events_lost": 0,
        "parked": 0,
        "paused_partitions": [],
        "returned_accounts": [],
    }
    assert pair.timeline() > before
    # No entity tag of before can confirm what is shown now.
    assert pair.names_changed() > tags + 2**31
    # Reads go on without a standby, and so do writes.
    talk.send(5)
    talk.await_complete()
    assert "follows                False" in lags.next("stack show", code=1)
    lags.next("/metrics", code=None)
    lags.all("logs replica", "logs primary")
    assert "was rewound" in lags.next("stack rejoin --yes")
    lags.all("stack show", "curl")
    lags.end()
    assert "follows already" in lost.next("stack rejoin --yes")
    lost.all("stack show", "status", "curl")
    lost.all("stack promote --planned --yes", "stack rejoin --yes")
    lost.end()
    assert pair.is_well(talk)
    assert list(pair.base.glob("replaced-*")) == []
