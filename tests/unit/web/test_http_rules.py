"""The rules for every answer, on an API built as the real ones are."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.unit.web.sample import AUTHORIZED, sample_app
from web.request_ids import HEADER as REQUEST_ID

pytestmark = pytest.mark.unit

NOTES = "/query/v1/notes"
NOTE = {"to": "Bob", "body": "hello"}


def post(client: FlaskClient, body: bytes, content_type: str | None = None) -> TestResponse:
    return client.post(
        NOTES, data=body, content_type=content_type or "application/json", headers=AUTHORIZED
    )


def problem(answer: TestResponse, status: int, slug: str) -> dict[str, Any]:
    """Check that `answer` is a whole problem, and return it."""
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    members: dict[str, Any] = json.loads(answer.data)
    assert members["type"] == f"/problems/{slug}"
    assert members["status"] == status
    assert members["request_id"] == answer.headers[REQUEST_ID]
    assert {"title", "detail", "instance"} <= set(members)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    return members


def test_a_good_request_is_answered_in_json(client: FlaskClient) -> None:
    answer = client.post(NOTES, json=NOTE, headers=AUTHORIZED)
    assert answer.status_code == 202
    assert answer.content_type == "application/json"
    assert answer.get_json() == {"to": "bob", "body": "hello"}
    assert answer.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("incoming", ["abc", "A.b_c-1", "x" * 128])
def test_a_well_formed_request_id_is_kept(client: FlaskClient, incoming: str) -> None:
    answer = client.get("/query/v1/open", headers={REQUEST_ID: incoming})
    assert answer.headers[REQUEST_ID] == incoming


@pytest.mark.parametrize("incoming", [None, "", "a b", "x" * 129, 'a"b', "ü", "a\tb"])
def test_any_other_request_id_is_replaced(client: FlaskClient, incoming: str | None) -> None:
    headers = {REQUEST_ID: incoming} if incoming is not None else {}
    answer = client.get("/query/v1/open", headers=headers)
    assert answer.headers[REQUEST_ID] != incoming
    assert len(answer.headers[REQUEST_ID]) == 36


def test_a_route_is_guarded_unless_it_says_otherwise(client: FlaskClient) -> None:
    assert client.get("/query/v1/open").status_code == 200
    answer = client.get(NOTES)
    problem(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_bad_token_is_named_in_the_challenge(client: FlaskClient) -> None:
    answer = client.get(NOTES, headers={"Authorization": "Bearer bad"})
    problem(answer, 401, "token-invalid")
    assert answer.headers["WWW-Authenticate"] == (
        'Bearer error="invalid_token", error_description="The token is malformed."'
    )


def test_a_token_elsewhere_than_in_the_header_does_not_count(client: FlaskClient) -> None:
    problem(client.get(f"{NOTES}?access_token=good"), 401, "unauthorized")
    problem(client.post(NOTES, data={"access_token": "good"}), 401, "unauthorized")
    client.set_cookie("access_token_cookie", "good")
    problem(client.get(NOTES), 401, "unauthorized")


def test_an_unknown_path_is_404_with_or_without_a_token(client: FlaskClient) -> None:
    for headers in ({}, AUTHORIZED):
        problem(client.get("/query/v1/nowhere", headers=headers), 404, "not-found")
        problem(client.get(f"{NOTES}/", headers=headers), 404, "not-found")
        problem(client.get("/query//v1/notes", headers=headers), 404, "not-found")


def test_the_path_of_a_problem_is_percent_encoded(client: FlaskClient) -> None:
    answer = client.get("/query/v1/%E2%82%AC%00%0a%22")
    assert problem(answer, 404, "not-found")["instance"] == "/query/v1/%E2%82%AC%00%0A%22"


def test_a_wrong_method_is_405_and_names_the_right_ones(client: FlaskClient) -> None:
    answer = client.put(NOTES, headers=AUTHORIZED)
    problem(answer, 405, "method-not-allowed")
    assert {m.strip() for m in answer.headers["Allow"].split(",")} == {
        "GET", "HEAD", "OPTIONS", "POST",
    }  # fmt: skip


def test_options_names_the_methods_without_a_body(client: FlaskClient) -> None:
    answer = client.options(f"{NOTES}/x")
    assert answer.status_code == 204
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS"
    assert answer.data == b""


def test_head_answers_as_get_without_a_body(client: FlaskClient) -> None:
    answer = client.head(NOTES, headers=AUTHORIZED)
    assert answer.status_code == 200
    assert answer.data == b""
    assert int(answer.headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    "accept",
    [
        "application/json", "*/*", "application/*", "application/problem+json", "",
        "text/html, application/json;q=0.1", "text/html, */*;q=0.01", "APPLICATION/JSON",
    ],
)  # fmt: skip
def test_json_is_acceptable(client: FlaskClient, accept: str) -> None:
    assert client.get(NOTES, headers={**AUTHORIZED, "Accept": accept}).status_code == 200


@pytest.mark.parametrize(
    "accept", ["text/html", "image/*", "application/xml", "application/json;q=0", "text/*;q=1"]
)
def test_nothing_acceptable_is_406(client: FlaskClient, accept: str) -> None:
    answer = client.get(NOTES, headers={**AUTHORIZED, "Accept": accept})
    problem(answer, 406, "not-acceptable")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"],
)
def test_json_in_utf_8_is_understood(client: FlaskClient, content_type: str) -> None:
    assert post(client, json.dumps(NOTE).encode(), content_type).status_code == 202


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1",
     "application/vnd.api+json", "application/jsonx", "x", "multipart/form-data; boundary=x"],
)  # fmt: skip
def test_another_content_type_is_415(client: FlaskClient, content_type: str) -> None:
    answer = post(client, json.dumps(NOTE).encode(), content_type)
    problem(answer, 415, "unsupported-media-type")
    assert answer.headers["Accept"] == "application/json"


def test_a_body_without_a_content_type_is_415(client: FlaskClient) -> None:
    answer = client.post(NOTES, data=b"{}", headers=AUTHORIZED)
    problem(answer, 415, "unsupported-media-type")


def test_a_compressed_body_is_415(client: FlaskClient) -> None:
    answer = client.post(NOTES, json=NOTE, headers={**AUTHORIZED, "Content-Encoding": "gzip"})
    problem(answer, 415, "unsupported-media-type")


def test_an_empty_body_is_400(client: FlaskClient) -> None:
    problem(client.post(NOTES, headers=AUTHORIZED), 400, "malformed-json")
    problem(post(client, b""), 400, "malformed-json")


@pytest.mark.parametrize("body", [b"{", b'{"a":1,"a":1}', b'{"a":NaN}', b"\xff", b"[" * 1_000])
def test_malformed_json_is_400(client: FlaskClient, body: bytes) -> None:
    problem(post(client, body), 400, "malformed-json")


def test_fields_at_fault_are_named(client: FlaskClient) -> None:
    answer = post(client, b'{"to": "a b", "body": "", "number": true, "more": 1}')
    errors = problem(answer, 422, "invalid-fields")["errors"]
    assert set(errors) == {"to", "body", "number", "more"}
    assert all(isinstance(text, str) for texts in errors.values() for text in texts)


def test_what_is_no_object_is_422_without_a_field(client: FlaskClient) -> None:
    members = problem(post(client, b"[]"), 422, "invalid-fields")
    assert members["detail"] == "A JSON object is expected."
    assert "errors" not in members


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800"])
def test_nul_and_lone_surrogates_are_422(client: FlaskClient, escape: str) -> None:
    members = problem(
        post(client, f'{{"to":"bob","body":"{escape}"}}'.encode()), 422, "invalid-fields"
    )
    assert set(members["errors"]) == {"body"}


def test_a_body_over_the_limit_is_413(client: FlaskClient) -> None:
    problem(post(client, b" " * (128 * 1024 + 1)), 413, "content-too-large")


class Chunked(io.RawIOBase):
    """A body without a length: `start`, then spaces up to `size` bytes in all."""

    def __init__(self, start: bytes, size: int) -> None:
        self._start = start
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self._left)
        given, self._start = self._start[:size], self._start[size:]
        self._left -= size
        buffer[:size] = given + b" " * (size - len(given))
        return size


def post_chunked(client: FlaskClient, size: int) -> TestResponse:
    return client.post(
        NOTES,
        headers=AUTHORIZED,
        content_type="application/json",
        environ_overrides={
            "wsgi.input": Chunked(json.dumps(NOTE).encode(), size),
            "wsgi.input_terminated": True,
            "HTTP_TRANSFER_ENCODING": "chunked",
            "CONTENT_LENGTH": "",
        },
    )


@pytest.mark.parametrize("size", [128 * 1024 + 1, 10**12])
def test_a_body_without_a_length_is_limited_as_well(client: FlaskClient, size: int) -> None:
    problem(post_chunked(client, size), 413, "content-too-large")


def test_a_body_up_to_the_limit_is_read_whole(client: FlaskClient) -> None:
    assert post_chunked(client, 128 * 1024).status_code == 202
    body = json.dumps(NOTE).encode()
    assert post(client, body + b" " * (128 * 1024 - len(body))).status_code == 202


def test_a_route_may_take_larger_bodies(client: FlaskClient) -> None:
    body = json.dumps(NOTE).encode() + b" " * (1 << 19)
    address = "/query/v1/big-notes"
    answer = client.post(address, data=body, content_type="application/json", headers=AUTHORIZED)
    assert answer.status_code == 202
    body += b" " * (1 << 19)
    answer = client.post(address, data=body, content_type="application/json", headers=AUTHORIZED)
    problem(answer, 413, "content-too-large")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("body", "content_type", "status", "slug"),
    [
        (b"garbage", "text/plain", 415, "unsupported-media-type"),
        (b"a=b", "", 415, "unsupported-media-type"),
        (b"{", "application/json", 400, "malformed-json"),
        (b'{"except": "current"}', "application/json", 422, "invalid-fields"),
        (b"[]", "application/json", 422, "invalid-fields"),
        (b" " * (128 * 1024 + 1), "application/json", 413, "content-too-large"),
    ],
)
def test_a_body_where_none_is_expected_is_refused(
    client: FlaskClient, method: str, body: bytes, content_type: str, status: int, slug: str
) -> None:
    answer = client.open(
        f"{NOTES}/any", method=method, headers=AUTHORIZED, data=body, content_type=content_type
    )
    problem(answer, status, slug)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"", "text/plain"), (b"", "application/json"), (b"{}", "application/json"), (b"", "")],
)
def test_a_body_that_says_nothing_is_none(
    client: FlaskClient, body: bytes, content_type: str
) -> None:
    for method in ("GET", "DELETE"):
        answer = client.open(
            f"{NOTES}/any", method=method, headers=AUTHORIZED, data=body, content_type=content_type
        )
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("query", "names"),
    [("limit=0", {"limit"}), ("limit=1.0", {"limit"}), ("limit=", {"limit"}),
     ("page=1", {"page"}), ("limit=5&limit=5", {"limit"}), ("limit=0&a&b=%20", {"limit", "a", "b"}),
     ("li%00mit=1", {"li\\u0000mit"})],
)  # fmt: skip
def test_query_parameters_are_strict(client: FlaskClient, query: str, names: set[str]) -> None:
    answer = client.get(f"{NOTES}?{query}", headers=AUTHORIZED)
    assert set(problem(answer, 422, "invalid-fields")["errors"]) == names


def test_a_route_without_query_parameters_refuses_any(client: FlaskClient) -> None:
    answer = client.post(f"{NOTES}?x=1", json=NOTE, headers=AUTHORIZED)
    assert set(problem(answer, 422, "invalid-fields")["errors"]) == {"x"}


@pytest.mark.parametrize(
    "query", [b"limit=%ff", b"limit=\xff", b"\xc3\xbc=1", b"&".join([b"a"] * 500)]
)
def test_a_query_that_is_no_encoded_utf_8_is_400(client: FlaskClient, query: bytes) -> None:
    answer = client.get(
        NOTES, headers=AUTHORIZED, environ_overrides={"QUERY_STRING": query.decode("latin-1")}
    )
    problem(answer, 400, "malformed-query")


def test_a_query_without_parameters_has_defaults_of_its_own(client: FlaskClient) -> None:
    for _ in range(2):
        assert client.get(NOTES, headers=AUTHORIZED).get_json()["limit"] == 50


def test_our_errors_are_the_problems_that_stand_for_them(client: FlaskClient) -> None:
    members = problem(client.get(f"{NOTES}/taken", headers=AUTHORIZED), 409, "username-taken")
    assert members["detail"] == "This note is taken."


def test_unavailable_is_503_with_its_own_retry_after(client: FlaskClient) -> None:
    answer = client.get(f"{NOTES}/busy", headers=AUTHORIZED)
    problem(answer, 503, "service-unavailable")
    assert answer.headers["Retry-After"] == "7"


@pytest.mark.parametrize("name", ["broken", "unmapped"])
def test_an_accident_is_500_and_only_the_log_says_why(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    client = sample_app().test_client()
    answer = client.get(f"{NOTES}/{name}", headers={**AUTHORIZED, REQUEST_ID: "find-me"})
    problem(answer, 500, "internal-server-error")
    text = answer.get_data(as_text=True)
    assert "hunter2" not in text
    assert "Traceback" not in text
    assert "internal matters" not in text
    failed = [line for line in capfd.readouterr().err.splitlines() if "request.failed" in line]
    assert json.loads(failed[0])["request_id"] == "find-me"


def test_each_request_is_one_line_in_the_log_without_secrets(
    capfd: pytest.CaptureFixture[str],
) -> None:
    client = sample_app().test_client()
    client.post(NOTES, json=NOTE, headers={**AUTHORIZED, REQUEST_ID: "find-me"})
    err = capfd.readouterr().err
    lines = [json.loads(line) for line in err.splitlines() if "request.served" in line]
    assert len(lines) == 1
    assert lines[0] | {"duration_ms": 0, "timestamp": ""} == {
        "event": "request.served",
        "method": "POST",
        "route": NOTES,
        "status": 202,
        "duration_ms": 0,
        "request_id": "find-me",
        "account": "00000000-0000-0000-0000-000000000001",
        "level": "info",
        "logger": "web.access",
        "service": "sample",
        "timestamp": "",
    }
    assert "good" not in err
    assert "hello" not in err
