"""Tokens that prove nothing, of whatever kind: each a named problem, and no effect."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from events.contracts.offsets import Offset
from local_stack.credentials import Credentials, read
from runtime.ids import AccountId, Epoch, EventId, Partition, new_id
from runtime.settings import Secret
from tests.acceptance.operations import operations
from tests.acceptance.people import Person
from tests.acceptance.refusals import problem
from tests.running_stack import RunningStack
from web.consistency import ConsistencyToken, ConsistencyTokens

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("without_effect")]
People = tuple[Person, Person, Person]
Claims = Mapping[str, Any]
STRANGE_KEY = Ed25519PrivateKey.generate()


class Forge:
    """Makes access tokens as the service does, with its own key, but wrong where one wishes."""

    def __init__(self, stack: RunningStack, person: Person) -> None:
        header = jwt.get_unverified_header(person.access_token)
        self.header: dict[str, Any] = dict(header)
        self.claims: dict[str, Any] = jwt.decode(
            person.access_token, options={"verify_signature": False}
        )
        folder = Credentials(stack.secrets).signing_keys
        pem = (folder / f"{header['kid']}.pem").read_bytes()
        key = serialization.load_pem_private_key(pem, password=None)
        assert isinstance(key, Ed25519PrivateKey)
        self.key = key

    def signed(self, claims: Claims | None = None, /, *, key: Any = None, **header: Any) -> str:
        """Return a token with these claims and header members changed; None takes one away."""
        told = {**self.claims, **(claims or {})}
        return jwt.encode(
            {name: value for name, value in told.items() if value is not None},
            key or self.key,
            algorithm="EdDSA",
            headers={**self.header, **header},
        )

    def unsigned(self, alg: str, signature: bytes = b"") -> str:
        """Return a token that says `alg` in its header."""
        parts = (json.dumps({**self.header, "alg": alg}), json.dumps(self.claims))
        return ".".join([*(_text(part.encode()) for part in parts), _text(signature)])

    def by_public_key(self) -> str:
        """Return a token whose HMAC is made with what everybody knows."""
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        text = self.unsigned("HS256").rpartition(".")[0]
        mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        return f"{text}.{_text(mac.sign(text.encode(), public))}"


@pytest.fixture(scope="module")
def token(people: People) -> str:
    """A good consistency token of the first, when everybody has two conversations."""
    alice, bob, carol = people
    sent = [alice.send(bob, "word one"), bob.send(carol, "word two"), carol.send(alice, "word 3")]
    alice.see("conversations", *sent)
    return str(sent[0].headers["Consistency-Token"])


@pytest.fixture(scope="module")
def forge(stack: RunningStack, people: People) -> Forge:
    return Forge(stack, people[0])


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _flipped(token: str, at: int) -> str:
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]


FORGED: Mapping[str, Callable[[Forge], str]] = {
    "refresh token's audience": lambda f: f.signed({"aud": "messaging-refresh"}),
    "refresh token's type": lambda f: f.signed({"typ": "refresh"}),
    "another audience": lambda f: f.signed({"aud": "elsewhere"}),
    "audiences": lambda f: f.signed({"aud": ["messaging", "elsewhere"]}),
    "another issuer": lambda f: f.signed({"iss": "http://elsewhere.example"}),
    "expired": lambda f: f.signed({"exp": int(time.time()) - 1}),
    "not yet good": lambda f: f.signed({"nbf": int(time.time()) + 600}),
    "issued in the future": lambda f: f.signed({"iat": int(time.time()) + 600}),
    "no account": lambda f: f.signed({"sub": "alice"}),
    "no session": lambda f: f.signed({"sid": "1"}),
    **{
        f"without {claim}": lambda f, claim=claim: f.signed({claim: None})  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        for claim in ("iss", "aud", "sub", "sid", "jti", "typ", "iat", "exp")
    },
    "another key": lambda f: f.signed(key=STRANGE_KEY),
    "an unknown key": lambda f: f.signed(kid="nobodys", key=STRANGE_KEY),
    "a path as key": lambda f: f.signed(kid="../../../etc/passwd", key=STRANGE_KEY),
    "no key": lambda f: f.signed(kid=""),
    **{
        f"header {name}": lambda f, name=name, value=value: f.signed(**{name: value})  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        for name, value in {
            "crit": ["exp"],
            "jku": "http://127.0.0.1:1/keys",
            "x5u": "http://127.0.0.1:1/keys",
            "x5c": ["MA=="],
            "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
            "b64": False,
        }.items()
    },
    "alg none": lambda f: f.unsigned("none"),
    "alg NONE": lambda f: f.unsigned("NONE"),
    "alg EdDSA without a signature": lambda f: f.unsigned("EdDSA"),
    "alg HS256 by the public key": lambda f: f.by_public_key(),
    "changed header": lambda f: _flipped(f.signed(), 12),
    "changed claims": lambda f: _flipped(f.signed(), f.signed().index(".") + 40),
    "changed signature": lambda f: _flipped(f.signed(), f.signed().rindex(".") + 5),
    "cut off": lambda f: f.signed()[:-4],
    "two parts": lambda f: f.signed().rpartition(".")[0],
    "no base64": lambda f: f"{f.signed()}!",
    "very long": lambda f: f.signed({"x": "y" * 4_096}),
    "deep": lambda f: f"{_text(b'[' * 2_000)}.{_text(b'{}')}.AA",
}


def test_what_the_forge_makes_unchanged_is_good(people: People, forge: Forge) -> None:
    headers = {"Authorization": f"Bearer {forge.signed()}"}
    assert httpx.get(people[0].http.base_url.join("/auth/v1/me"), headers=headers).is_success


def test_a_forged_access_token_opens_nothing(people: People, forge: Forge) -> None:
    alice, bob, _ = people
    message = {"to": bob.username, "body": "Not sent"}
    believed = []
    with httpx.Client(base_url=alice.http.base_url) as http:
        for kind, forged in FORGED.items():
            headers = {"Authorization": f"Bearer {forged(forge)}"}
            for answer in (
                http.get("/auth/v1/me", headers=headers),
                http.post("/command/v1/messages", json=message, headers=headers),
                http.get("/query/v1/conversations", headers=headers),
            ):
                if answer.status_code != 401:
                    believed.append((kind, answer.request.url.path, answer.text))
                    continue
                problem(answer, 401, "token-invalid")
                challenge = answer.headers["WWW-Authenticate"]
                assert challenge.startswith('Bearer error="invalid_token"'), kind
    assert not believed


def test_a_refresh_token_is_no_access_token_nor_the_other_way_round(people: People) -> None:
    alice = people[0]
    refresh = alice.http.cookies["refresh_token_cookie"]
    for path in ("/auth/v1/me", "/query/v1/conversations"):
        answer = alice.http.get(path, headers={"Authorization": f"Bearer {refresh}"})
        problem(answer, 401, "token-invalid")
    csrf = alice.http.cookies["csrf_refresh_token"]
    cookies = f"refresh_token_cookie={alice.access_token}; csrf_refresh_token={csrf}"
    headers = {"Cookie": cookies, "X-CSRF-TOKEN": csrf}
    answer = httpx.post(alice.http.base_url.join("/auth/v1/token"), headers=headers)
    problem(answer, 401, "refresh-token-invalid")


def test_every_operation_that_is_not_public_wants_a_token(people: People) -> None:
    alice = people[0]
    guarded = [o for o in operations(alice.http) if not o.public and o.name != "refresh"]
    assert len(guarded) > 15
    ids = {"message_id": str(new_id()), "event_id": str(new_id()), "session_id": str(new_id())}
    with httpx.Client(base_url=alice.http.base_url) as http:
        for operation in guarded:
            path = operation.path.format(username="bob", **ids)
            problem(http.request(operation.method, path), 401, "unauthorized")


def test_a_changed_consistency_token_is_refused(people: People, token: str) -> None:
    http = people[0].http
    changed = [_flipped(token, at) for at in (0, 1, 5, 12, 20, 40, 60, 78, 90, 99)]
    for bad in (*changed, f"{token},{changed[0]}", token[:-1], f"{token}A", "x" * 100, "", ","):
        headers = {"Consistency-Token": bad, "Prefer": "wait=0"}
        answer = http.get("/query/v1/conversations", headers=headers)
        problem(answer, 400, "consistency-token-invalid")
        answer = http.get(f"/query/v1/events/{new_id()}", params={"token": bad})
        problem(answer, 400, "consistency-token-invalid")


def test_a_consistency_token_of_another_key_or_epoch_is_refused(
    stack: RunningStack, people: People, token: str
) -> None:
    ours = ConsistencyTokens(Secret(read(Credentials(stack.secrets).consistency_key)))
    known = ours.decode(token)
    for epoch, tokens in ((known.epoch, ConsistencyTokens(Secret("x" * 32))), (0, ours)):
        forged = ConsistencyToken(
            epoch=Epoch(epoch),
            partition=Partition(0),
            offset=Offset(1, 0),
            event_id=EventId(new_id()),
            account_id=AccountId(known.account_id),
        )
        headers = {"Consistency-Token": tokens.encode(forged), "Prefer": "wait=1"}
        answer = people[0].http.get("/query/v1/unread", headers=headers)
        problem(answer, 400, "consistency-token-invalid")


def test_a_cursor_of_another_list_or_account_is_refused(people: People, token: str) -> None:
    mine, others = (_cursors(person) for person in people[:2])
    for path, cursor in mine.items():
        strange = [other for place, other in mine.items() if place != path]
        strange += [*others.values(), token, _flipped(cursor, 3), _flipped(cursor, len(cursor) - 6)]
        strange += [cursor[:-1], f"{cursor}A", f"{cursor}=", "", "1", "x" * 2_000, "\u00e4", "%"]
        words = {"q": "word"} if "search" in path else {}
        for one in strange:
            answer = people[0].http.get(path, params={**words, "limit": 1, "cursor": one})
            problem(answer, 400, "cursor-invalid")
        assert people[0].http.get(path, params={**words, "cursor": cursor}).is_success


def _cursors(person: Person) -> Mapping[str, str]:
    """Return a cursor of each list that has them."""
    found = {}
    for operation in operations(person.http):
        if operation.parameter("cursor") is not None:
            words = {"q": "word"} if operation.parameter("q") else {}
            page = person.http.get(operation.path, params={"limit": 1, **words}).json()
            found[operation.path] = page["next"].partition("cursor=")[2]
    assert found
    return found
