"""Back-ups, following the runbook: with the live queue an older database loses nothing."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.recovery.chat import Chat, chat
from tests.recovery.pages import Page
from tests.recovery.pair import Pair
from tests.running_stack import stack_folder, wait_until

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("curl") is None, reason="the page uses curl"),
]


def test_an_older_database_with_the_queue_that_lives_loses_nothing(
    pair: Pair, talk: Chat, tmp_path: Path
) -> None:
    page = Page("backup-and-restore.md", pair.stack, tmp_path)
    with chat(pair.stack, people=2) as leaving, ExitStack() as elsewhere:
        leaving.send(3)
        leaving.await_complete()
        talk.send(25)
        page.all("backup /var/backups/messaging", "--with-secrets")
        gone = leaving.names[0]
        pair.done("accounts", "delete", gone, "--yes")
        talk.send(75)
        talk.await_complete()
        wait_until(lambda: pair.named(gone) == 0, 30)
        before = pair.names_changed()
        page.all("down", "--only database --yes", "up")
        talk.log_in_again()
        talk.await_complete()
        # No entity tag of before can confirm what is shown now.
        assert pair.names_changed() > before + 2**31
        # What is gone for good goes into stacks of their own; the long form starts them.
        anew, moved = (elsewhere.enter_context(stack_folder()) for _ in range(2))
        page.next("restore /var/backups/messaging --yes", on=anew)
        page.next("--with-secrets --yes", on=moved)
        assert anew.password("redis", "worker") != pair.stack.password("redis", "worker")
        assert moved.password("redis", "worker") == pair.stack.password("redis", "worker")
        # Its deletion was in the queue, its account in the database alone.
        assert gone in page.next("stack show", code=None)
        page.all("status", "curl", "logs worker-1")
        page.next("accounts delete", given=("NAME", gone))
        page.end()
        wait_until(lambda: pair.named(gone) == 0, 30)
    assert pair.is_well(talk)
