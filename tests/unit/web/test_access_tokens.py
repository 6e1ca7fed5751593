"""Access tokens: one form is good, every other is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.web.tokens import ACCOUNT, ISSUER, PRIVATE, SESSION, OneKey, claims, signed
from web.access_tokens import TokenVerifier
from web.guard import Identity, TokenInvalidError

pytestmark = pytest.mark.unit

VERIFIER = TokenVerifier(OneKey(), issuer=ISSUER)


def refused(token: str) -> None:
    with pytest.raises(TokenInvalidError) as caught:
        VERIFIER.verify(token)
    challenge = (caught.value.headers or {})["WWW-Authenticate"]
    assert challenge.startswith('Bearer error="invalid_token", error_description="')
    assert challenge.count('"') == 4


def test_a_good_token_names_account_and_session() -> None:
    payload = claims()
    verified = VERIFIER.verify(signed(payload))
    assert verified.identity == Identity(ACCOUNT, SESSION)  # type: ignore[arg-type]  # plain ids
    assert verified.expires_at == payload["exp"]


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "sid", "jti", "typ", "iat", "exp"])
def test_every_claim_is_needed(name: str) -> None:
    refused(signed(claims(**{name: None})))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://elsewhere"},
        {"aud": "messaging-refresh"},
        {"aud": ["messaging", "messaging-refresh"]},
        {"aud": []},
        {"typ": "refresh"},
        {"typ": 1},
        {"sub": "alice"},
        {"sub": 7},
        {"sid": "x"},
        {"sid": {}},
        {"exp": "soon"},
        {"exp": 1_700_000_000},
        # In the year 2128: parameters are made long before the test runs.
        {"nbf": 5_000_000_000},
    ],
)
def test_a_claim_that_is_not_right_is_refused(changes: dict[str, Any]) -> None:
    refused(signed(claims(**changes)))


@pytest.mark.parametrize(
    "headers",
    [
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": True},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["MIIB"]},
        {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AA"}},
        {"kid": "key-2"},
        {"kid": ""},
        {"kid": "../../etc/passwd"},
    ],
)
def test_a_header_that_leads_elsewhere_is_refused(headers: dict[str, Any]) -> None:
    refused(signed(claims(), headers=headers))


def test_another_key_is_refused() -> None:
    refused(signed(claims(), key=Ed25519PrivateKey.generate()))


def test_other_algorithms_are_refused() -> None:
    public = PRIVATE.public_key().public_bytes_raw()
    refused(signed(claims(), key=public, algorithm="HS256"))
    refused(signed(claims(), key=generate_private_key(65_537, 2_048), algorithm="RS256"))


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "eddsa", "", None, 1, ["EdDSA"]])
def test_the_algorithm_that_a_header_names_is_not_believed(alg: object) -> None:
    header, payload, signature = signed(claims()).split(".")
    forged = json.loads(base64.urlsafe_b64decode(header + "=="))
    forged["alg"] = alg
    changed = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
    refused(f"{changed}.{payload}.{signature}")
    refused(f"{changed}.{payload}.")


def test_a_changed_payload_is_refused() -> None:
    header, _, signature = signed(claims()).split(".")
    other = signed(claims(sub=str(SESSION))).split(".")[1]
    refused(f"{header}.{other}.{signature}")


@pytest.mark.parametrize(
    "token", ["x", "a.b", "a.b.c", "..", "a.b.c.d", "ü.ü.ü", "x" * 5_000, "e30.e30.e30"]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    refused(token)


@given(token=st.text(max_size=100))
def test_any_text_is_refused_without_an_accident(token: str) -> None:
    refused(token)


def test_a_deeply_nested_header_is_refused() -> None:
    nested = base64.urlsafe_b64encode(b"[" * 2_900).decode().rstrip("=")
    refused(f"{nested}.e30.e30")
