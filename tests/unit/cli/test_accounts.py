"""Accounts: registered once, found again by a later demo, logged in again when needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from cli.demo.accounts import Accounts
from cli.demo.book import Book, kept
from cli.demo.errors import DemoError
from cli.demo.people import substitute
from messaging_client import MessagingClient, NotFoundError
from tests.fake_service import Clock, FakeService, Handler

Open = Callable[[], Accounts]


def _read(client: MessagingClient) -> int:
    return client.unread().total


def test_a_person_is_registered_and_can_read(accounts: Accounts) -> None:
    accounts.register("ann")
    assert accounts.is_known("ann")
    assert accounts.act("ann", _read) == 0


def test_a_later_demo_knows_the_people_and_their_passwords(
    open_accounts: Open, service: FakeService
) -> None:
    open_accounts().register("ann")
    later = open_accounts()
    assert later.is_known("ann")
    later.log_in("ann")
    assert service.count("/auth/v1/register") == 1


def test_an_account_whose_registration_was_not_remembered_is_found_again(
    open_accounts: Open, service: FakeService, tmp_path: Path
) -> None:
    open_accounts().register("ann")
    (tmp_path / "demo/people.jsonl").write_text('\n["an')
    later = open_accounts()
    assert not later.is_known("ann")
    later.register("ann")
    assert later.username("ann") == "ann"
    later.register("bob")
    assert open_accounts().is_known("ann")
    assert open_accounts().is_known("bob")


def test_a_lost_answer_to_the_registration_makes_no_second_account(
    accounts: Accounts, service: FakeService
) -> None:
    def lose_the_first(request: httpx.Request, serve: Handler) -> httpx.Response:
        answer = serve(request)
        if request.url.path.endswith("register") and service.count(request.url.path) == 1:
            raise httpx.ReadError("reset")
        return answer

    service.mischief = lose_the_first
    accounts.register("ann")
    assert accounts.username("ann") == "ann"
    assert list(service.passwords) == ["ann"]


def test_a_name_of_a_stranger_is_left_alone(accounts: Accounts, service: FakeService) -> None:
    service.passwords["ann"] = "not ours"
    accounts.register("ann")
    assert accounts.username("ann") == substitute("ann")
    assert service.passwords["ann"] == "not ours"
    # Not even tried: failed logins are counted.
    assert service.count("/auth/v1/login") == 0


def test_a_name_that_is_taken_twice_is_an_error(accounts: Accounts, service: FakeService) -> None:
    service.passwords |= {"ann": "not ours", substitute("ann"): "not ours"}
    with pytest.raises(DemoError, match="Others have registered both 'ann'"):
        accounts.register("ann")


def test_an_account_that_was_deleted_is_made_anew(
    open_accounts: Open, service: FakeService
) -> None:
    open_accounts().register("ann")
    service.passwords.clear()
    service.emails.clear()
    open_accounts().log_in("ann")
    assert "ann" in service.passwords


def test_an_old_access_token_is_renewed_without_a_login(
    accounts: Accounts, service: FakeService, clock: Clock
) -> None:
    accounts.register("ann")
    accounts.log_in("ann")
    clock.pause(299)
    accounts.act("ann", _read)
    assert service.logins == 1
    assert service.count("/auth/v1/token") == 1


def test_a_refused_access_token_is_renewed(accounts: Accounts, service: FakeService) -> None:
    accounts.register("ann")
    accounts.log_in("ann")
    service.expire_all_tokens()
    accounts.act("ann", _read)
    assert service.logins == 1
    assert service.count("/auth/v1/token") == 1


def test_a_session_that_was_ended_is_begun_anew(
    accounts: Accounts, service: FakeService, clock: Clock
) -> None:
    accounts.register("ann")
    accounts.log_in("ann")
    service.end_all_sessions()
    clock.pause(299)
    accounts.act("ann", _read)
    assert service.logins == 2


def test_an_account_that_is_deleted_while_it_acts_is_made_anew(
    accounts: Accounts, service: FakeService
) -> None:
    accounts.register("ann")
    accounts.log_in("ann")
    service.end_all_sessions()
    service.passwords.clear()
    service.emails.clear()
    assert accounts.act("ann", _read) == 0
    assert "ann" in service.passwords


def test_any_other_refusal_is_passed_on(accounts: Accounts) -> None:
    accounts.register("ann")
    with pytest.raises(NotFoundError):
        accounts.act("ann", lambda client: client.search("nonsense").first_page())


def test_the_secret_is_its_owners_alone(tmp_path: Path) -> None:
    book = Book(tmp_path / "demo")
    book.add("ann", "ann")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "demo").iterdir()}
    assert modes == {"secret": 0o600, "people.jsonl": 0o600}
    assert (tmp_path / "demo").stat().st_mode & 0o777 == 0o700


def test_passwords_differ_and_stay(tmp_path: Path) -> None:
    book, again = Book(tmp_path / "demo"), Book(tmp_path / "demo")
    other = Book(tmp_path / "other")
    assert book.password("ann") == again.password("ann")
    assert len({book.password("ann"), book.password("bob"), other.password("ann")}) == 3


def test_one_demo_at_a_time_may_use_a_book(tmp_path: Path) -> None:
    with (
        kept(tmp_path / "demo"),
        pytest.raises(DemoError, match="Another demo is running"),
        kept(tmp_path / "demo"),
    ):
        pass
