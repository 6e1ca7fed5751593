"""Back-ups: what was acknowledged before one is in it; with the live queue nothing is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.recovery.chat import Chat, chat
from tests.running_stack import RunningStack, running_stack, stack_folder

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def kept() -> Iterator[RunningStack]:
    """A stack that is backed up and restored; every test leaves it running."""
    with running_stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def talk(kept: RunningStack) -> Iterator[Chat]:
    with chat(kept) as people:
        yield people


def ok(stack: RunningStack, *arguments: str) -> str:
    ran = stack.messaging(*arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def refusal(stack: RunningStack, *arguments: str) -> str:
    ran = stack.messaging(*arguments)
    assert ran.returncode == 1, ran.stdout
    return ran.stderr.splitlines()[-1]


def names_changed(stack: RunningStack) -> int:
    with closing(stack.connect("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT revision FROM identity.directory_revision")
        row = cursor.fetchone()
        assert row
        return int(row[0])


def test_an_older_database_with_the_queue_that_lives_loses_nothing(
    kept: RunningStack, talk: Chat, tmp_path: Path
) -> None:
    talk.send(30)
    ok(kept, "backup", str(tmp_path / "old"))
    talk.send(300)
    talk.await_complete()
    before = names_changed(kept)
    kept.down()
    told = json.loads(
        ok(kept, "restore", str(tmp_path / "old"), "--only", "database", "--yes", "--json")
    )
    assert all(Path(path).exists() for path in told["set_aside"])
    kept.up()
    talk.log_in_again()
    talk.await_complete()
    talk.send(5)
    talk.await_complete()
    # No entity tag of before can confirm what is shown now.
    assert names_changed(kept) > before + 2**31


def test_a_back_up_starts_a_stack_elsewhere_with_all_that_was_acknowledged(
    kept: RunningStack, talk: Chat, tmp_path: Path
) -> None:
    talk.send(200)
    ok(kept, "backup", str(tmp_path / "whole"))
    old_epoch = kept.redis("worker").hget("queue:state", "epoch")
    kept.down()
    with stack_folder() as other:
        # Made anew, with secrets of its own.
        ok(other, "restore", str(tmp_path / "whole"), "--yes")
        other.up()
        with chat(other, people=2) as newcomers:
            newcomers.send(3)
            newcomers.await_complete()
        assert talk.elsewhere(other.url)
        assert int(str(other.redis("worker").hget("queue:state", "epoch"))) > int(str(old_epoch))
    kept.up()
    talk.log_in_again()
    talk.await_complete()


def test_secrets_are_in_a_back_up_only_if_asked_for(kept: RunningStack, tmp_path: Path) -> None:
    ok(kept, "backup", str(tmp_path / "without"))
    ok(kept, "backup", str(tmp_path / "with"), "--with-secrets")
    assert not (tmp_path / "without/secrets").exists()
    assert (tmp_path / "with").stat().st_mode & 0o777 == 0o700
    secrets = [path for path in (tmp_path / "with/secrets").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    with stack_folder() as other:
        ok(other, "restore", str(tmp_path / "with"), "--with-secrets", "--yes")
        assert other.password("redis", "worker") == kept.password("redis", "worker")
        assert "no secrets" in refusal(
            other, "restore", str(tmp_path / "without"), "--with-secrets", "--yes"
        )


def test_a_back_up_is_refused_where_it_would_do_harm(kept: RunningStack, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    ok(kept, "backup", str(whole))
    assert "exists" in refusal(kept, "backup", str(whole))
    assert "messaging down" in refusal(kept, "restore", str(whole), "--yes")
    assert "no whole back-up" in refusal(kept, "restore", str(tmp_path), "--yes")
    unconfirmed = kept.messaging("restore", str(whole))
    assert unconfirmed.returncode == 1
    for part in ("database/PG_VERSION", "queue/appendonly.aof.manifest"):
        damaged = tmp_path / "damaged"
        shutil.copytree(whole, damaged)
        (damaged / part).write_text("19\n")
        with stack_folder() as other:
            assert "another" in refusal(other, "restore", str(damaged), "--yes")
            assert not list(other.servers.rglob("PG_VERSION"))
        shutil.rmtree(damaged)
    other_count = "MESSAGING_EVENT_PARTITIONS"
    with stack_folder(**{other_count: "4"}) as other:
        other.up()
        other.down()
        assert "4" in refusal(other, "restore", str(whole), "--yes")
    with stack_folder() as nothing:
        assert "run up first" in refusal(nothing, "backup", str(tmp_path / "nothing"))
    assert not list(tmp_path.glob("*.unfinished.*"))
