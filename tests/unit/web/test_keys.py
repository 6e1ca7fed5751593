"""The keys of auth_api as others know them: fetched when needed, never too often, kept."""

from __future__ import annotations

import base64

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime.errors import UnavailableError
from web.keys import JwksKeys, read_jwks

pytestmark = pytest.mark.unit


def jwk(kid: str) -> dict[str, str]:
    raw = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    x = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return {"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x}


class Source:
    """A JWKS document that changes and a clock that stands still."""

    def __init__(self, *kids: str) -> None:
        self.kids = list(kids)
        self.away = False
        self.asked = 0
        self.now = 0.0

    def fetch(self) -> object:
        self.asked += 1
        if self.away:
            raise httpx.ConnectError("away")
        return {"keys": [jwk(kid) for kid in self.kids]}

    def clock(self) -> float:
        return self.now

    def keys(self) -> JwksKeys:
        return JwksKeys("http://unused", fetch=self.fetch, clock=self.clock)


def test_keys_are_fetched_once() -> None:
    source = Source("a", "b")
    keys = source.keys()
    assert keys.get("a") is not None
    assert keys.get("b") is not None
    assert source.asked == 1


def test_a_new_key_is_found_by_asking_again() -> None:
    source = Source("a")
    keys = source.keys()
    assert keys.get("a") is not None
    source.kids.append("b")
    source.now += 1.1
    assert keys.get("b") is not None


def test_forged_ids_make_nobody_ask_more_than_once_a_second() -> None:
    source = Source("a")
    keys = source.keys()
    for number in range(100):
        assert keys.get(f"forged-{number}") is None
    assert source.asked == 1


def test_a_withdrawn_key_is_forgotten_within_a_minute() -> None:
    source = Source("a", "b")
    keys = source.keys()
    assert keys.get("a") is not None
    source.kids.remove("a")
    source.now += 61
    assert keys.get("a") is None
    assert keys.get("b") is not None


def test_known_keys_are_kept_while_auth_api_is_away() -> None:
    source = Source("a")
    keys = source.keys()
    assert keys.get("a") is not None
    source.away = True
    source.now += 1_000
    assert keys.get("a") is not None
    assert keys.get("b") is None


def test_without_any_key_the_answer_is_unavailable_and_heals() -> None:
    source = Source("a")
    source.away = True
    keys = source.keys()
    for _ in range(3):
        with pytest.raises(UnavailableError):
            keys.get("a")
    assert source.asked == 1
    source.away = False
    source.now += 1.1
    assert keys.get("a") is not None


def test_keys_of_other_kinds_are_passed_over() -> None:
    others = [{"kty": "RSA", "kid": "r"}, {"kty": "OKP", "crv": "X25519", "kid": "x", "x": "AA"}, 7]
    assert list(read_jwks({"keys": [jwk("a"), *others]})) == ["a"]


@pytest.mark.parametrize(
    "document", [None, [], {}, {"keys": 1}, {"keys": [{**jwk("a"), "x": "AA"}]}]
)
def test_what_is_no_jwks_document_is_refused(document: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whichever reason
        read_jwks(document)
