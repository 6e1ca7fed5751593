"""Bad paths, queries and methods: each a named problem, and no effect."""

from __future__ import annotations

import json

import pytest

from runtime.ids import new_id
from tests.acceptance.operations import Operation, Parameter, operations
from tests.acceptance.people import Person
from tests.acceptance.refusals import problem, say
from tests.running_stack import RunningStack

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("without_effect")]
People = tuple[Person, Person, Person]
NO_INTEGERS = ("", " 1", "+1", "-1", "1.0", "1e1", "0x1", "one", "1,2", "\u0663", "9" * 30, "null")
NO_IDS = ("1", "x" * 36, "%2e%2e", "..%2f..", "0" * 32, "%7B" + "0" * 34 + "%7D")


@pytest.fixture(scope="module")
def asked(people: People) -> list[Operation]:
    """Every operation that can be sent without a body, and ends nothing."""
    listed = operations(people[0].http)
    return [o for o in listed if o.body is None and o.method == "GET"]


def address(operation: Operation, **given: str) -> str:
    """Return the path with these values as they are, and any good ones for the rest."""
    named = {"username": "nobody-has-it"}
    places = [p["name"] for p in operation.parameters if p["in"] == "path"]
    values = {name: named.get(name, str(new_id())) for name in places} | given
    return operation.path.format(**values)


def of_query(operation: Operation) -> list[Parameter]:
    return [p for p in operation.parameters if p["in"] == "query"]


def required(operation: Operation) -> dict[str, str]:
    return {p["name"]: "word" for p in of_query(operation) if p.get("required")}


def test_an_integer_out_of_range_or_of_another_form_is_named(
    people: People, asked: list[Operation]
) -> None:
    tried = 0
    for operation in asked:
        for parameter in of_query(operation):
            schema = parameter["schema"]
            if schema["type"] != "integer":
                continue
            name: str = parameter["name"]
            out_of_range = (str(schema["minimum"] - 1), str(schema["maximum"] + 1))
            for value in (*NO_INTEGERS, *out_of_range):
                query = required(operation) | {name: value}
                answer = people[0].http.get(address(operation), params=query)
                told = problem(answer, 422, "invalid-fields")
                assert list(told["errors"]) == [name], (operation, value)
                tried += 1
    assert tried > 60


def test_a_query_parameter_that_is_unknown_or_repeated_is_named(
    people: People, asked: list[Operation]
) -> None:
    http = people[0].http
    for operation in asked:
        good = required(operation)
        answer = http.get(address(operation), params={**good, "nobody-knows": "1"})
        assert list(problem(answer, 422, "invalid-fields")["errors"]) == ["nobody-knows"]
        for parameter in of_query(operation):
            name = parameter["name"]
            twice = [*(good | {name: "1"}).items(), (name, "1")]
            answer = http.get(address(operation), params=tuple(twice))
            assert list(problem(answer, 422, "invalid-fields")["errors"]) == [name], operation


def test_an_unknown_word_for_a_choice_is_named(people: People, asked: list[Operation]) -> None:
    for operation in asked:
        for parameter in of_query(operation):
            for value in (
                ("", "nothing-known", "DELETED", "a\0") if "enum" in parameter["schema"] else ()
            ):
                query = required(operation) | {parameter["name"]: value}
                answer = people[0].http.get(address(operation), params=query)
                told = problem(answer, 422, "invalid-fields")
                assert list(told["errors"]) == [parameter["name"]], (operation, value)


def test_a_query_that_is_no_utf_8_is_refused(people: People, asked: list[Operation]) -> None:
    for operation in asked:
        for query in ("limit=%ff", "%ed%a0%80=1", "q=%C3", "x=%80&y=1"):
            answer = people[0].http.get(f"{address(operation)}?{query}")
            problem(answer, 400, "malformed-query")


def test_a_path_that_holds_no_id_is_not_found(people: People) -> None:
    for operation in operations(people[0].http):
        for parameter in operation.parameters:
            if parameter["in"] == "path" and parameter["schema"].get("format") == "uuid":
                for value in NO_IDS:
                    path = address(operation, **{parameter["name"]: value})
                    body = {"body": "Not edited"} if operation.body else None
                    answer = people[0].http.request(operation.method, path, json=body)
                    problem(answer, 404, "not-found")


# By the status of the answer: NGINX's own, or the service's that there is no such account.
NO_USERNAMES = {
    400: ("%00", "a%00b", "%zz", "%", "%f", "%u0041", "\x01", "\xe4"),
    404: (
        *("a%2Fb", "%2F", "%2e", "..%2F..%2Funread", "%252F", "a%0Ab", "a%20b"),
        *("x" * 65, "%F0%9F%98%80" * 64, "%EF%BF%BD", "%7F", "%20"),
    ),
}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/query/v1/conversations/{}/messages", b""),
        ("POST", "/command/v1/conversations/{}/read", b'{"up_to":1}'),
    ],
)
def test_a_username_that_nobody_can_have_is_refused(
    stack: RunningStack, people: People, method: str, path: str, body: bytes
) -> None:
    told = {}
    for names in NO_USERNAMES.values():
        for name in names:
            lines = [
                f"{method} {path.format(name)} HTTP/1.1",
                *("Host: localhost", "Connection: close", "Content-Type: application/json"),
                f"Authorization: Bearer {people[0].access_token}",
                f"Content-Length: {len(body)}",
            ]
            answer = say(stack, "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
            slug = json.loads(answer.body)["type"].removeprefix("/problems/")
            told[name] = (answer.status, slug)
    found = {"bad-request", "not-found", "recipient-unknown"}
    assert {name: status for name, (status, _) in told.items()} == {
        name: status for status, names in NO_USERNAMES.items() for name in names
    }
    assert {slug for _, slug in told.values()} <= found


def test_no_header_makes_another_method_of_one(people: People) -> None:
    alice, bob, _ = people
    path = f"/command/v1/messages/{new_id()}"
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"):
        headers = {header: "DELETE"}
        assert alice.http.get("/auth/v1/sessions", headers=headers).json()["items"]
        told = problem(alice.http.post(path, json={}, headers=headers), 405, "method-not-allowed")
        assert told["instance"] == path
        answer = alice.http.get(f"/auth/v1/sessions?{header}=DELETE")
        problem(answer, 422, "invalid-fields")
    assert bob.http.get("/auth/v1/sessions").status_code == 200


def test_a_method_that_a_path_does_not_know_is_named(people: People) -> None:
    listed = operations(people[0].http)
    for path in {operation.path for operation in listed}:
        known = {operation.method for operation in listed if operation.path == path}
        one = next(operation for operation in listed if operation.path == path)
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - known:
            answer = people[0].http.request(method, address(one))
            problem(answer, 405, "method-not-allowed")
            allowed = {word.strip() for word in answer.headers["Allow"].split(",")}
            assert known <= allowed, (method, path)
            assert method not in allowed, (method, path)
