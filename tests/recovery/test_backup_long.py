"""Back-ups that start stacks elsewhere, hold secrets, or are refused; `make test-long`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.recovery.chat import Chat, chat
from tests.recovery.pair import Pair
from tests.running_stack import stack_folder, wait_until

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(1200)]


def test_a_back_up_starts_a_stack_elsewhere_with_all_that_was_acknowledged(
    pair: Pair, talk: Chat, tmp_path: Path
) -> None:
    """It is made while a rebuild is under way, which is completed there."""
    pair.done("events", "rebuild", "--no-swap")
    talk.send(200)
    pair.done("backup", str(tmp_path / "whole"))
    pair.done("events", "rebuild", "--discard", "--yes")
    old_epoch = pair.stack.redis("worker").hget("queue:state", "epoch")
    pair.stack.down()
    with stack_folder() as other:
        # Made anew, with secrets of its own.
        assert other.messaging("restore", str(tmp_path / "whole"), "--yes").returncode == 0
        other.up()
        with chat(other, people=2) as newcomers:
            newcomers.send(3)
            newcomers.await_complete()
        assert talk.elsewhere(other.url)
        assert int(str(other.redis("worker").hget("queue:state", "epoch"))) > int(str(old_epoch))
        assert other.messaging("events", "rebuild", "--yes").returncode == 0
        assert other.messaging("events", "verify").returncode == 0
        assert talk.elsewhere(other.url)
    pair.stack.up()
    assert pair.is_well(talk)


def test_a_restored_queue_begins_an_epoch_and_is_told_which_sessions_ended(
    pair: Pair, talk: Chat, tmp_path: Path
) -> None:
    talk.send(10)
    talk.await_complete()
    pair.done("backup", str(tmp_path / "whole"))
    with chat(pair.stack, people=2) as leaving:
        # Ended since: the Redis of the back-up knows nothing of that.
        pair.done("accounts", "delete", leaving.names[0], "--yes")
    ended = pair.ask("SELECT id FROM identity.ended_session ORDER BY ended_at DESC LIMIT 1")
    before = int(str(pair.stack.redis("worker").hget("queue:state", "epoch")))
    pair.stack.down()
    pair.done("restore", str(tmp_path / "whole"), "--only", "queue", "--yes")
    pair.stack.up()
    assert int(str(pair.stack.redis("worker").hget("queue:state", "epoch"))) > before
    wait_until(lambda: pair.stack.redis("auth_api").get(f"revoked:{ended}"), 30)
    assert pair.is_well(talk)


def test_secrets_are_in_a_back_up_only_if_asked_for(pair: Pair, tmp_path: Path) -> None:
    pair.done("backup", str(tmp_path / "without"))
    pair.done("backup", str(tmp_path / "with"), "--with-secrets")
    assert not (tmp_path / "without/secrets").exists()
    assert (tmp_path / "with").stat().st_mode & 0o777 == 0o700
    secrets = [path for path in (tmp_path / "with/secrets").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    with stack_folder() as other:
        told = other.messaging("restore", str(tmp_path / "without"), "--with-secrets", "--yes")
        assert "no secrets" in told.stderr


def test_a_back_up_is_refused_where_it_would_do_harm(pair: Pair, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    pair.done("backup", str(whole))
    assert "exists" in pair.refusal("backup", str(whole))
    assert "messaging down" in pair.refusal("restore", str(whole), "--yes")
    assert "no whole back-up" in pair.refusal("restore", str(tmp_path), "--yes")
    unconfirmed = pair.stack.messaging("restore", str(whole))
    assert unconfirmed.returncode == 1
    for part in ("database/PG_VERSION", "queue/appendonly.aof.manifest"):
        damaged = tmp_path / "damaged"
        shutil.copytree(whole, damaged)
        (damaged / part).write_text("19\n")
        with stack_folder() as other:
            told = other.messaging("restore", str(damaged), "--yes")
            assert (told.returncode, "another" in told.stderr) == (1, True)
            assert not list(other.servers.rglob("PG_VERSION"))
        shutil.rmtree(damaged)
    with stack_folder(MESSAGING_EVENT_PARTITIONS="4") as other:
        other.up()
        other.down()
        told = other.messaging("restore", str(whole), "--yes")
        assert (told.returncode, "4" in told.stderr) == (1, True)
    with stack_folder() as nothing:
        told = nothing.messaging("backup", str(tmp_path / "nothing"))
        assert (told.returncode, "run up first" in told.stderr) == (1, True)
    assert not list(tmp_path.glob("*.unfinished.*"))
