"""Tokens: an access token is no refresh token, whichever way it is turned."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import jwt
import pytest

from auth_api.keys import SigningKeys
from auth_api.settings import Lifetimes
from auth_api.tokens import Grant, Tokens
from runtime.clock import utc_now
from runtime.ids import AccountId, SessionId
from tests.unit.auth_api.keys import write_key
from web.access_tokens import TokenVerifier
from web.guard import TokenInvalidError

pytestmark = pytest.mark.unit

ISSUER = "http://127.0.0.1:8080"
GRANT = Grant(
    account_id=AccountId(UUID(int=1)),
    session_id=SessionId(UUID(int=2)),
    refresh_id=UUID(int=3),
    ends_at=utc_now() + timedelta(days=7),
)


@pytest.fixture
def keys(tmp_path: Path) -> SigningKeys:
    write_key(tmp_path, "a")
    return SigningKeys(tmp_path)


@pytest.fixture
def tokens(keys: SigningKeys) -> Tokens:
    return Tokens(keys, issuer=ISSUER, lifetimes=Lifetimes(), clock=utc_now)


def test_an_access_token_is_verified_by_every_service(keys: SigningKeys, tokens: Tokens) -> None:
    token = tokens.access(GRANT).text
    verified = TokenVerifier(keys, issuer=ISSUER).verify(token)
    assert verified.identity.account_id == GRANT.account_id
    assert verified.identity.session_id == GRANT.session_id
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 300
    assert claims["typ"] == "access"
    assert UUID(claims["jti"]).version == 7
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": "a", "typ": "JWT"}


def test_an_access_token_does_not_outlive_its_session(tokens: Tokens) -> None:
    ends_at = utc_now() + timedelta(seconds=100)
    token = tokens.access(replace(GRANT, ends_at=ends_at))
    claims = jwt.decode(token.text, options={"verify_signature": False})
    assert claims["exp"] == int(ends_at.timestamp())
    assert token.seconds <= 100
    assert tokens.access(GRANT).seconds == 300


def test_a_refresh_token_is_no_access_token(keys: SigningKeys, tokens: Tokens) -> None:
    with pytest.raises(TokenInvalidError, match="another audience"):
        TokenVerifier(keys, issuer=ISSUER).verify(tokens.refresh(GRANT))


def test_each_refresh_token_has_a_csrf_token_of_its_own(tokens: Tokens) -> None:
    one, two = (
        jwt.decode(tokens.refresh(GRANT), options={"verify_signature": False}) for _ in range(2)
    )
    assert one["jti"] == two["jti"] == str(GRANT.refresh_id)
    assert one["csrf"] != two["csrf"]
    assert one["exp"] == int(GRANT.ends_at.timestamp())
