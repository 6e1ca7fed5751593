"""A right password is right, also while a login elsewhere renews its hash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from auth_api.settings import PasswordSettings
from tests.integration.auth_api.conftest import PASSWORD, Auth, MakeAuth

NEW = "another good password"
DEARER = PasswordSettings(memory_kib=64, passes=3, lanes=1)
Ask = Callable[[Auth, dict[str, str]], TestResponse]


def login(auth: Auth, _header: dict[str, str]) -> TestResponse:
    return auth.login()


def change(auth: Auth, header: dict[str, str]) -> TestResponse:
    body = {"current_password": PASSWORD, "new_password": NEW}
    return auth.client().post("/auth/v1/password", json=body, headers=header)


def delete(auth: Auth, header: dict[str, str]) -> TestResponse:
    return auth.client().delete("/auth/v1/me", json={"password": PASSWORD}, headers=header)


@contextmanager
def after_the_first_verification(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]
) -> Iterator[None]:
    """Let something happen between a password's being found right and what that allows."""
    verify, acts = PasswordHasher.verify, [act]

    def verifying(self: PasswordHasher, hashed: str | bytes, password: str | bytes) -> bool:
        found = verify(self, hashed, password)
        if acts:
            acts.pop()()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(PasswordHasher, "verify", verifying)
        yield


@pytest.mark.parametrize(("ask", "status"), [(login, 200), (change, 204), (delete, 202)])
def test_a_hash_that_is_renewed_meanwhile_refuses_nobody(
    make_auth: MakeAuth,
    monkeypatch: pytest.MonkeyPatch,
    superuser: Engine,
    ask: Ask,
    status: int,
) -> None:
    former, dearer = make_auth(), make_auth(passwords=DEARER)
    former.register()
    _, header = former.logged_in()
    with after_the_first_verification(monkeypatch, dearer.login):
        assert ask(dearer, header).status_code == status
    with superuser.connect() as connection:
        [hashed] = connection.execute(text("SELECT password_hash FROM identity.account")).scalars()
    assert ("t=3" in hashed) == (ask is not delete)


@pytest.mark.parametrize(("ask", "status"), [(login, 401), (change, 403), (delete, 403)])
def test_a_password_that_is_changed_meanwhile_is_refused(
    make_auth: MakeAuth, monkeypatch: pytest.MonkeyPatch, ask: Ask, status: int
) -> None:
    former, dearer = make_auth(), make_auth(passwords=DEARER)
    former.register()
    _, header = former.logged_in()
    with after_the_first_verification(monkeypatch, lambda: change(dearer, header)):
        assert ask(dearer, header).status_code == status
    assert dearer.login(password=NEW).status_code == 200


def test_many_right_ones_at_once_all_succeed_where_the_hash_is_outdated(
    make_auth: MakeAuth,
) -> None:
    former, dearer = make_auth(), make_auth(passwords=DEARER)
    names = ["ada", "ben", "cleo"]
    together = Barrier(8)

    def at_once(name: str) -> int:
        together.wait(timeout=30)
        return dearer.login(name).status_code

    for name in names:
        former.register(name)
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(at_once, [name] * 8)) == [200] * 8
