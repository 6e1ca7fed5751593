"""Seeing and ending one's own sessions, and changing the password."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from runtime.settings import RedisSettings, Secret
from tests.integration.auth_api.conftest import PASSWORD, Auth, MakeAuth, refresh

NEW = "another horse battery"


def items(client: FlaskClient, header: dict[str, str]) -> list[dict[str, Any]]:
    answer = client.get("/auth/v1/sessions", headers=header)
    assert answer.status_code == 200
    listed: list[dict[str, Any]] = answer.get_json()["items"]
    return listed


def change(client: FlaskClient, header: dict[str, str], current: str, new: str) -> TestResponse:
    body = {"current_password": current, "new_password": new}
    return client.post("/auth/v1/password", json=body, headers=header)


def has_ended(client: FlaskClient, make_auth: MakeAuth, header: dict[str, str]) -> bool:
    """Return whether neither the refresh token nor, for a fresh process, the access token holds."""
    refreshed = refresh(client).status_code
    seen = make_auth().client().get("/auth/v1/me", headers=header).status_code
    assert {refreshed, seen} in ({200}, {401})
    return seen == 401


def test_live_sessions_are_listed_with_the_one_used_last_first(auth: Auth) -> None:
    auth.register()
    auth.register("bob")
    one, one_header = auth.logged_in()
    two, two_header = auth.logged_in()
    auth.logged_in("bob")
    refresh(one)
    listed = items(one, one_header)
    assert [session["current"] for session in listed] == [True, False]
    assert set(listed[0]) == {
        "id", "created_at", "last_used_at", "user_agent", "address", "current",
    }  # fmt: skip
    assert listed[0]["address"] == "127.0.0.1"
    assert listed[0]["user_agent"].startswith("Werkzeug")
    assert listed[0]["last_used_at"].endswith("Z")
    two.post("/auth/v1/logout", headers=two_header)
    assert [session["current"] for session in items(one, one_header)] == [True]


def test_a_session_can_be_ended_from_another(auth: Auth, make_auth: MakeAuth) -> None:
    auth.register()
    one, one_header = auth.logged_in()
    two, two_header = auth.logged_in()
    other = next(s["id"] for s in items(one, one_header) if not s["current"])
    for _ in range(2):
        assert one.delete(f"/auth/v1/sessions/{other}", headers=one_header).status_code == 204
    assert has_ended(two, make_auth, two_header)
    assert not has_ended(one, make_auth, one_header)


@pytest.mark.parametrize("whose", ["nobody's", "somebody else's", "no id"])
def test_other_sessions_look_as_if_they_did_not_exist(auth: Auth, whose: str) -> None:
    auth.register()
    auth.register("bob")
    client, header = auth.logged_in()
    bob, bob_header = auth.logged_in("bob")
    bobs = items(bob, bob_header)[0]["id"]
    session = {"nobody's": str(uuid4()), "somebody else's": bobs, "no id": "x"}[whose]
    answer = client.delete(f"/auth/v1/sessions/{session}", headers=header)
    assert answer.status_code == 404
    assert answer.get_json()["type"] == "/problems/not-found"
    assert bob.get("/auth/v1/me", headers=bob_header).status_code == 200


def test_all_sessions_can_be_ended_at_once(auth: Auth, make_auth: MakeAuth) -> None:
    auth.register()
    auth.register("bob")
    bob = auth.logged_in("bob")
    sessions = [auth.logged_in() for _ in range(3)]
    client, header = sessions[0]
    kept = {client: client.get_cookie("refresh_token_cookie", path="/auth/v1")}
    answer = client.delete("/auth/v1/sessions", headers=header)
    assert answer.status_code == 204
    assert len(answer.headers.getlist("Set-Cookie")) == 2
    assert kept[client] is not None
    assert client.get_cookie("refresh_token_cookie", path="/auth/v1") is None
    for other, other_header in sessions[1:]:
        assert has_ended(other, make_auth, other_header)
    assert not has_ended(bob[0], make_auth, bob[1])


def test_who_asks_for_more_than_there_is_ends_nothing(auth: Auth, make_auth: MakeAuth) -> None:
    auth.register()
    client, header = auth.logged_in()
    mine = client.get("/auth/v1/sessions", headers=header).get_json()["items"][0]["id"]
    for method, path in (
        ("DELETE", "sessions"),
        ("DELETE", f"sessions/{mine}"),
        ("POST", "logout"),
    ):
        address = f"/auth/v1/{path}"
        unknown = client.open(address, method=method, json={"except": "current"}, headers=header)
        assert (unknown.status_code, set(unknown.get_json()["errors"])) == (422, {"except"})
        typed = {**header, "Content-Type": "text/plain"}
        garbage = client.open(address, method=method, data=b"garbage", headers=typed)
        assert garbage.status_code == 415
    assert not has_ended(client, make_auth, header)
    assert client.post("/auth/v1/logout", json={}, headers=header).status_code == 204


def test_a_changed_password_ends_every_other_session(auth: Auth, make_auth: MakeAuth) -> None:
    auth.register()
    client, header = auth.logged_in()
    other, other_header = auth.logged_in()
    assert change(client, header, PASSWORD, NEW).status_code == 204
    assert auth.login().status_code == 401
    assert auth.login(password=NEW).status_code == 200
    assert has_ended(other, make_auth, other_header)
    assert not has_ended(client, make_auth, header)


def test_who_does_not_know_the_password_cannot_change_it(auth: Auth) -> None:
    auth.register()
    client, header = auth.logged_in()
    for _ in range(10):
        answer = change(client, header, "wrong", NEW)
        assert answer.status_code == 403
        assert answer.get_json()["type"] == "/problems/password-wrong"
    assert change(client, header, PASSWORD, NEW).status_code == 429


@pytest.mark.parametrize("new", ["short", "password1", "x" * 129, "ALICE@example.org"])
def test_a_new_password_must_be_a_good_one(auth: Auth, new: str) -> None:
    auth.register()
    client, header = auth.logged_in()
    answer = change(client, header, PASSWORD, new)
    assert answer.status_code == 422
    assert set(answer.get_json()["errors"]) == {"new_password"}


def test_of_many_changes_at_once_one_succeeds(auth: Auth) -> None:
    auth.register()
    _, header = auth.logged_in()
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda n: change(auth.client(), header, PASSWORD, f"{NEW} {n}").status_code,
                range(4),
            )
        )
    assert sorted(answers) == [204, 403, 403, 403]


def test_a_login_with_the_old_password_does_not_outlive_the_change(
    auth: Auth, superuser: Engine
) -> None:
    auth.register()
    client, header = auth.logged_in()
    with ThreadPoolExecutor(6) as pool:
        jobs: list[Callable[[], TestResponse]] = [auth.login] * 12
        jobs.insert(4, lambda: change(client, header, PASSWORD, NEW))
        answers = [job.result() for job in [pool.submit(job) for job in jobs]]
    assert answers[4].status_code == 204
    assert auth.login().status_code == 401
    with superuser.connect() as connection:
        live = connection.execute(
            text("SELECT count(*) FROM identity.session WHERE ended_at IS NULL")
        ).scalar_one()
    assert live == 1


def test_without_redis_nothing_is_changed(make_auth: MakeAuth, superuser: Engine) -> None:
    auth = make_auth()
    auth.register()
    client, header = auth.logged_in()
    auth.logged_in()
    assert client.get("/auth/v1/me", headers=header).status_code == 200
    nobody_there = RedisSettings(url="redis://auth_api@127.0.0.1:1/0", password=Secret("-"))
    away = make_auth(redis=nobody_there).app.extensions["messaging-auth"].sessions._revocations
    auth.app.extensions["messaging-auth"].sessions._revocations = away
    assert change(client, header, PASSWORD, NEW).status_code == 503
    assert client.delete("/auth/v1/sessions", headers=header).status_code == 503
    with superuser.connect() as connection:
        live = connection.execute(
            text("SELECT count(*) FROM identity.session WHERE ended_at IS NULL")
        ).scalar_one()
    assert live == 2
    assert auth.login().status_code == 200
