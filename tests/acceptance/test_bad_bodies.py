"""Bad bodies, for every operation that takes one: each a named problem, and no effect.

What is sent is made from the OpenAPI documents of the running services.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from tests.acceptance.bad_values import bad_texts, bad_values
from tests.acceptance.footprint import queued
from tests.acceptance.operations import Operation, Schema, objects, operations
from tests.acceptance.people import Person
from tests.acceptance.refusals import problem
from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack
People = tuple[Person, Person, Person]
JSON = {"Content-Type": "application/json"}
MOST_BYTES = {"post_batch": 1024 * 1024}
LONGEST_BODY, LONGEST_SUBJECT, LONGEST_KEY = 10_000, 200, 255


class Takers:
    """The operations that take a body, with a good body of each."""

    def __init__(self, people: People) -> None:
        self.alice, self.bob, _ = people
        sent = self.alice.send(self.bob, "To be left alone")
        self.bob.see(f"messages/{sent.json()['message_id']}", sent)
        self._message_id = sent.json()["message_id"]
        self.operations = [o for o in operations(self.alice.http) if o.body is not None]

    def good(self, name: str) -> dict[str, Any]:
        """Return a body that `name`, an operation or an item of its body, would take."""
        send = {"to": self.bob.username, "body": "Not sent", "subject": "None"}
        edit = {"body": "Not edited", "subject": "None"}
        one = {"message_id": self._message_id}
        fresh = f"new-{secrets.token_hex(4)}"
        account = {"username": fresh, "email": f"{fresh}@example.org", "password": "x y z not 1"}
        bodies: Mapping[str, dict[str, Any]] = {
            "register": account,
            "login": {"username": self.alice.username, "password": "not the password"},
            "change_password": {"current_password": "no", "new_password": "x y z not 1"},
            "delete_me": {"password": "not the password"},
            "post_message": send,
            "patch_message": edit,
            "post_read": {"up_to": 1},
            "post_batch": {"commands": [{"type": "send_message", **send}]},
            "BatchSend": {"type": "send_message", **send},
            "BatchEdit": {"type": "edit_message", **one, **edit},
            "BatchDeletion": {"type": "delete_message", **one, "for": "me"},
            "BatchRead": {"type": "read_conversation", "username": self.bob.username, "up_to": 1},
        }
        return bodies[name]

    def send(
        self,
        operation: Operation,
        content: bytes | Iterator[bytes],
        headers: Mapping[str, str] = JSON,
    ) -> httpx.Response:
        """Send these bytes."""
        named = {"message_id": self._message_id, "username": self.bob.username}
        path = operation.path.format(**named)
        return self.alice.http.request(
            operation.method, path, content=content, headers=dict(headers)
        )

    def objects(self) -> Iterator[tuple[Operation, str, Schema]]:
        """Give every object that a body may be or hold."""
        for operation in self.operations:
            for name, schema in objects(operation):
                yield operation, name, schema

    def refuse(self, operation: Operation, name: str, value: object) -> dict[str, Any]:
        """Send a bad object; return the problem, a batch's own if it holds the object."""
        if name == operation.name:
            answer = self.send(operation, json.dumps(value).encode())
            return problem(answer, 422, "invalid-fields")
        answer = self.send(operation, json.dumps({"commands": [value]}).encode())
        assert answer.status_code == 202, answer.text
        (result,) = answer.json()["results"]
        assert (result["status"], result["type"]) == (422, "/problems/invalid-fields"), value
        return dict(result)


@pytest.fixture(scope="module")
def takers(people: People) -> Takers:
    return Takers(people)


@pytest.mark.usefixtures("without_effect")
def test_a_field_of_a_wrong_type_or_length_is_named(takers: Takers) -> None:
    tried = 0
    for operation, name, schema in takers.objects():
        for field, described in schema["properties"].items():
            for value in bad_values(operation.resolved(described)):
                told = takers.refuse(operation, name, {**takers.good(name), field: value})
                assert list(told["errors"]) == [field], (name, field, value, told)
                tried += 1
    assert tried > 250


@pytest.mark.usefixtures("without_effect")
def test_a_field_that_is_missing_or_unknown_is_named(takers: Takers) -> None:
    for operation, name, schema in takers.objects():
        good = takers.good(name)
        for field in schema.get("required", ()):
            rest = {key: value for key, value in good.items() if key != field}
            assert list(takers.refuse(operation, name, rest)["errors"]) == [field], (name, field)
        for field in ("nobody-knows-this", "", "__proto__", "Body", "id", "from"):
            told = takers.refuse(operation, name, {**good, field: good[next(iter(good))]})
            assert list(told["errors"]) == [field or '""'], (name, field)


@pytest.mark.usefixtures("without_effect")
def test_what_is_no_json_object_is_refused(takers: Takers) -> None:
    for operation in takers.operations:
        for content, (status, slug) in bad_texts(takers.good(operation.name)):
            told = problem(takers.send(operation, content), status, slug)
            assert len(told["detail"]) < 200, content[:80]


@pytest.mark.usefixtures("without_effect")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "text/json"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json, text/plain"},
        {**JSON, "Content-Encoding": "gzip"},
        {**JSON, "Content-Encoding": "nonsense"},
    ],
    ids=str,
)
def test_another_media_type_or_none_is_refused(takers: Takers, headers: dict[str, str]) -> None:
    for operation in takers.operations:
        good = json.dumps(takers.good(operation.name)).encode()
        problem(takers.send(operation, good, headers), 415, "unsupported-media-type")


@pytest.mark.usefixtures("without_effect")
def test_a_body_over_the_limit_is_refused_whole_or_in_chunks(takers: Takers) -> None:
    for operation in takers.operations:
        good = json.dumps(takers.good(operation.name)).encode()
        long = good.ljust(MOST_BYTES.get(operation.name, 128 * 1024) + 1)
        problem(takers.send(operation, long), 413, "content-too-large")
        pieces = (long[start : start + 8_192] for start in range(0, len(long), 8_192))
        problem(takers.send(operation, pieces), 413, "content-too-large")


@pytest.mark.parametrize("name", ["post_message", "post_batch"])
def test_a_body_of_just_the_limit_is_taken(stack: RunningStack, takers: Takers, name: str) -> None:
    operation = next(one for one in takers.operations if one.name == name)
    good = json.dumps(takers.good(name)).encode()
    before = queued(stack)
    answer = takers.send(operation, good.ljust(MOST_BYTES.get(name, 128 * 1024)))
    assert answer.status_code == 202
    assert queued(stack) == before + 1


@pytest.mark.parametrize("character", ["x", "\N{GRINNING FACE}", "\x01"], ids=ascii)
def test_the_longest_message_is_taken_however_it_is_escaped(people: People, character: str) -> None:
    alice, _, carol = people
    message = {
        "to": carol.username,
        "body": character * LONGEST_BODY,
        "subject": character * LONGEST_SUBJECT,
    }
    key = {"Idempotency-Key": character[0] * LONGEST_KEY} if character == "x" else {}
    sent = alice.command("POST", "messages", message, **key)
    shown = carol.see(f"messages/{sent.json()['message_id']}", sent)
    assert (shown["body"], shown["subject"]) == (message["body"], message["subject"])


def test_the_longest_account_is_taken(stack: RunningStack) -> None:
    name = secrets.token_hex(32)
    domain = ".".join([name[:60]] * 3)
    account = {
        "username": name,
        "email": f"{name}@{domain}.org".ljust(254, "x"),
        "password": "\N{GRINNING FACE}" * 128,
    }
    assert (len(account["username"]), len(account["email"])) == (64, 254)
    made = httpx.post(f"{stack.url}/auth/v1/register", json=account)
    assert made.status_code == 201, made.text
    del account["email"]
    assert httpx.post(f"{stack.url}/auth/v1/login", json=account).status_code == 200


@pytest.mark.usefixtures("without_effect")
@pytest.mark.parametrize("key", ["", '""', "x" * 256, '"', '"a', '"a" "b"', '"a\\x"', "\xe4"])
def test_a_bad_idempotency_key_is_refused(people: People, key: str) -> None:
    alice, bob, _ = people
    body = {"to": bob.username, "body": "Not sent"}
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    answer = alice.http.post("/command/v1/messages", json=body, headers=headers)
    told = problem(answer, 422, "idempotency-key-invalid")
    assert list(told["errors"]) == ["Idempotency-Key"]
