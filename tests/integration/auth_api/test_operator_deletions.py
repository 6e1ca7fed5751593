"""Deleting an account as an operator: the same as its owner does it, but for who ordered it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text

from events import erasures
from events.erasures import Order
from tests.integration.auth_api.conftest import Auth, refresh
from tests.integration.auth_api.test_deletions import delete, erase, rows
from tests.servers import Servers


@pytest.fixture
def operator(servers: Servers) -> Iterator[Engine]:
    made = create_engine(servers.database_url("operator"), poolclass=NullPool)
    yield made
    made.dispose()


def order(operator: Engine, username: str = "alice") -> Order | None:
    with operator.begin() as tx:
        return erasures.order(tx, username)


def test_an_operator_deletes_as_the_owner_does(
    auth: Auth, operator: Engine, superuser: Engine
) -> None:
    for name in ("alice", "bob"):
        assert auth.register(name).status_code == 201
        for _ in range(2):
            auth.logged_in(name)
    delete(*auth.logged_in("alice"))
    assert order(operator, "bob") is not None
    # All but what must differ: the ids, and the times, of which each is the deletion's.
    alice, bob = (
        rows(
            superuser,
            "SELECT a.password_hash, e.requested_at = a.deleted_at, e.done_at, s.user_agent,"
            " s.address, s.ended_at >= a.deleted_at AND s.ended_at < a.deleted_at + interval '9s'"
            " FROM identity.account AS a JOIN identity.erasure AS e ON e.account_id = a.id"
            " JOIN identity.session AS s ON s.account_id = a.id"
            f" WHERE a.username = '{name}'",
        )
        for name in ("alice", "bob")
    )
    assert (len(alice), len(bob)) == (3, 2)
    assert set(alice) == set(bob) == {("", True, None, "", "", True)}
    by = rows(superuser, "SELECT ordered_by FROM identity.erasure ORDER BY requested_at")
    assert [row.ordered_by for row in by] == ["owner", "operator"]


def test_nobody_can_log_in_or_refresh_and_the_name_comes_free(
    auth: Auth, operator: Engine, superuser: Engine
) -> None:
    account = auth.register().get_json()["id"]
    client, _ = auth.logged_in()
    ordered = order(operator)
    assert ordered is not None
    assert str(ordered.account_id) == account
    [owed] = rows(superuser, "SELECT * FROM identity.erasure")
    assert (owed.event_id, owed.requested_at) == (ordered.event_id, ordered.accepted_at)
    assert ordered.event_id.int & 0xFFFF == 0
    [session] = rows(superuser, "SELECT id FROM identity.session")
    assert ordered.ended_sessions == (session.id,)
    assert auth.login().status_code == 401
    assert refresh(client).status_code == 401
    assert auth.register(email="other@example.org").status_code == 409
    erase(superuser)
    assert auth.register().status_code == 201


@pytest.mark.parametrize("username", ["bob", "ALICE", "", "alice' OR true --"])
def test_a_name_that_nobody_has_deletes_nobody(
    auth: Auth, operator: Engine, superuser: Engine, username: str
) -> None:
    auth.register()
    assert order(operator, username) is None
    assert rows(superuser, "SELECT * FROM identity.erasure") == []
    assert auth.login().status_code == 200


def test_a_deleted_account_is_not_deleted_again(auth: Auth, operator: Engine) -> None:
    auth.register()
    assert order(operator) is not None
    assert order(operator) is None


def test_what_is_not_committed_has_not_happened(
    auth: Auth, operator: Engine, superuser: Engine
) -> None:
    """As when Redis cannot be told of the sessions' end."""
    auth.register()
    client, header = auth.logged_in()
    with operator.connect() as connection:
        assert erasures.order(connection, "alice") is not None
    assert rows(superuser, "SELECT * FROM identity.erasure") == []
    assert client.get("/auth/v1/me", headers=header).status_code == 200
    assert auth.login().status_code == 200


def test_a_login_that_comes_first_is_ended_as_well(
    auth: Auth, operator: Engine, superuser: Engine
) -> None:
    account = auth.register().get_json()["id"]
    done: list[Order | None] = []
    with superuser.begin() as login:  # As auth_api opens a session, before it commits.
        login.execute(text("SELECT id FROM identity.account FOR SHARE"))
        waiting = threading.Thread(target=lambda: done.append(order(operator)))
        waiting.start()
        while not rows(superuser, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            assert waiting.is_alive()
        login.execute(
            text(
                "INSERT INTO identity.session VALUES (gen_random_uuid(), :account, now(), now(),"
                " now() + interval '1h', 'curl', '127.0.0.1')"
            ),
            {"account": account},
        )
    waiting.join(10)
    [session] = rows(superuser, "SELECT id, ended_at, user_agent FROM identity.session")
    assert (session.ended_at is not None, session.user_agent) == (True, "")
    assert [ordered.ended_sessions for ordered in done if ordered] == [(session.id,)]
