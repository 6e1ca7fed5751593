"""Registering: one account for each username and e-mail address, however many try at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from tests.integration.auth_api.conftest import PASSWORD, Auth, bearer


def test_an_account_is_created_with_its_name_prepared(auth: Auth) -> None:
    answer = auth.register("Jürgen", email="J@Example.org")
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/auth/v1/me"
    assert answer.headers["Cache-Control"] == "no-store"
    account = answer.get_json()
    assert set(account) == {"id", "username", "email", "created_at"}
    assert account["username"] == "jürgen"
    assert account["email"] == "J@Example.org"
    assert UUID(account["id"]).version == 7
    assert account["created_at"].endswith("Z")
    assert datetime.fromisoformat(account["created_at"]).microsecond is not None


def test_me_answers_as_register_did(auth: Auth) -> None:
    created = auth.register().get_json()
    client, header = auth.logged_in()
    answer = client.get("/auth/v1/me", headers=header)
    assert answer.status_code == 200
    assert answer.get_json() == created


def test_a_password_is_stored_as_a_hash_alone(auth: Auth, superuser: Engine) -> None:
    auth.register()
    with superuser.connect() as connection:
        row = connection.execute(text("SELECT * FROM identity.account")).mappings().one()
    assert row["password_hash"].startswith("$argon2id$")
    assert PASSWORD not in repr(dict(row))


@pytest.mark.parametrize("name", ["alice", "ALICE", "\uff21lice"])
def test_a_username_is_unique_once_prepared(auth: Auth, name: str) -> None:
    auth.register()
    answer = auth.register(name, email="other@example.org")
    assert answer.status_code == 409
    assert answer.get_json()["type"] == "/problems/username-taken"


@pytest.mark.parametrize("email", ["alice@example.org", "ALICE@Example.ORG"])
def test_an_e_mail_address_is_unique_whatever_its_case(auth: Auth, email: str) -> None:
    auth.register()
    answer = auth.register("bob", email=email)
    assert answer.status_code == 409
    assert answer.get_json()["type"] == "/problems/email-taken"


def test_of_many_at_once_one_gets_the_name(auth: Auth) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: auth.register(email=f"a{n}@example.org"), range(24)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 23


def test_an_account_that_is_gone_has_no_valid_token(auth: Auth, superuser: Engine) -> None:
    auth.register()
    client, header = auth.logged_in()
    with superuser.begin() as tx:
        tx.execute(text("UPDATE identity.account SET deleted_at = now()"))
    answer = client.get("/auth/v1/me", headers=header)
    assert answer.status_code == 401
    assert auth.login().status_code == 401


@pytest.mark.parametrize(
    "name",
    ["alice'--", "'or'1'='1", "a;drop", "%(x)s", ":username", "{{7*7}}", "${7*7}", "<b>x</b>"],
)
def test_what_looks_like_code_is_text(auth: Auth, superuser: Engine, name: str) -> None:
    auth.register()
    assert auth.login(name).status_code == 401
    if "/" in name:
        assert auth.register(name, email="x@example.org").status_code == 422
        return
    answer = auth.register(name, email="o'brien@example.org")
    assert (answer.status_code, answer.get_json()["username"]) == (201, name)
    assert answer.content_type == "application/json"
    assert auth.login(name).status_code == 200
    with superuser.connect() as connection:
        stored = set(connection.execute(text("SELECT username FROM identity.account")).scalars())
    assert stored == {"alice", name}


def test_nobody_can_give_themselves_more_than_is_asked_for(auth: Auth) -> None:
    for field in ("id", "created_at", "deleted_at", "password_hash", "email_key"):
        answer = auth.register(**{field: "x"})
        assert answer.status_code == 422
        assert set(answer.get_json()["errors"]) == {field}
    assert auth.register().status_code == 201


def test_a_password_is_counted_in_its_composed_form_wherever_it_is_given(auth: Auth) -> None:
    typed = "e\u0301" * 100  # 200 code points that are 100 characters.
    assert auth.register(password=typed).status_code == 201
    answer = auth.login(password=typed)
    assert answer.status_code == 200
    client, header = auth.client(), bearer(answer)
    change = {"current_password": typed, "new_password": "o\u0308" * 128}
    assert client.post("/auth/v1/password", json=change, headers=header).status_code == 204
    deletion = {"password": change["new_password"]}
    assert client.delete("/auth/v1/me", json=deletion, headers=header).status_code == 202
