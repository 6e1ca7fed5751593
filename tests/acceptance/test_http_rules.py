"""The rules of HTTP that hold for all three services, as a client meets them through NGINX."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import httpx
import pytest

from tests.acceptance.refusals import problem
from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack

SERVICES = ("auth", "command", "query")
# A path of each service that takes POST, and one that takes GET alone.
POSTS = ("/auth/v1/register", "/auth/v1/login", "/command/v1/messages")
GETS = ("/auth/v1/me", "/query/v1/conversations", "/query/v1/unread")
MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}


@pytest.fixture(scope="module")
def http(stack: RunningStack) -> Iterator[httpx.Client]:
    """A client that is logged in."""
    name = f"rules-{secrets.token_hex(6)}"
    account = {"username": name, "password": "correct horse battery"}
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        client.post("/auth/v1/register", json={**account, "email": f"{name}@example.org"})
        token = client.post("/auth/v1/login", json=account).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


@pytest.mark.parametrize("path", GETS)
def test_a_wrong_method_is_405_and_names_the_right_ones(http: httpx.Client, path: str) -> None:
    allowed = {"GET", "DELETE"} if path == "/auth/v1/me" else {"GET"}
    for method in {"POST", "PUT", "PATCH", "DELETE"} - allowed:
        answer = http.request(method, path)
        problem(answer, 405)
        assert allowed <= {one.strip() for one in answer.headers["Allow"].split(",")}


@pytest.mark.parametrize("path", GETS)
def test_nothing_acceptable_is_406(http: httpx.Client, path: str) -> None:
    problem(http.get(path, headers={"Accept": "text/html"}), 406)
    assert http.get(path, headers={"Accept": "text/html, */*;q=0.1"}).status_code == 200


@pytest.mark.parametrize("path", GETS)
def test_an_unknown_query_parameter_is_422(http: httpx.Client, path: str) -> None:
    assert set(problem(http.get(path, params={"x": "1"}), 422)["errors"]) == {"x"}


@pytest.mark.parametrize("path", GETS)
def test_a_query_that_is_no_utf_8_is_400(http: httpx.Client, path: str) -> None:
    problem(http.get(f"{path}?limit=%ff"), 400)


def test_a_path_may_hold_spaces_and_any_script_once_encoded(http: httpx.Client) -> None:
    assert problem(http.get("/query/v1/conversations/a%20%C2%B5/messages"), 404)


@pytest.mark.parametrize("path", ["/nowhere", *(f"/{service}/v1/nowhere" for service in SERVICES)])
def test_an_unknown_path_is_404(http: httpx.Client, path: str) -> None:
    assert problem(http.get(path), 404)["instance"] == path
    with httpx.Client(base_url=http.base_url) as stranger:
        problem(stranger.get(path), 404)


@pytest.mark.parametrize("path", [*GETS, "/command/v1/messages", "/auth/v1/logout"])
@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        (None, "Bearer"),
        ("Basic YTpi", "Bearer"),
        ("Bearer x", 'Bearer error="invalid_token"'),
        ("Bearer", 'Bearer error="invalid_token"'),
    ],
)
def test_without_a_good_token_the_answer_is_a_challenge(
    stack: RunningStack, path: str, authorization: str | None, challenge: str
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    method = "GET" if path in GETS else "POST"
    answer = httpx.request(method, stack.url + path, headers=headers)
    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].split(", error_description")[0] == challenge


@pytest.mark.parametrize("service", SERVICES)
def test_a_request_id_is_kept_or_replaced(http: httpx.Client, service: str) -> None:
    path = f"/{service}/v1/healthz"
    kept = http.get(path, headers={"X-Request-ID": "My.id_1-x"})
    assert kept.headers.get_list("X-Request-ID") == ["My.id_1-x"]
    for bad in ("a b", "x" * 129, "a,b", '"'):
        answer = http.get(path, headers={"X-Request-ID": bad})
        (given,) = answer.headers.get_list("X-Request-ID")
        assert given != bad
        assert given.isascii()


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_documents_itself(http: httpx.Client, service: str) -> None:
    document = http.get(f"/{service}/v1/openapi.json")
    assert document.status_code == 200
    assert document.json()["openapi"].startswith("3.1")
    page = http.get(f"/{service}/v1/docs", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    script = http.get(f"/{service}/v1/docs/swagger-ui-bundle.js")
    assert script.status_code == 200
    assert script.headers["Content-Type"].startswith("text/javascript")


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_says_how_it_is(http: httpx.Client, service: str) -> None:
    assert http.get(f"/{service}/v1/healthz").json() == {"status": "ok"}
    ready = http.get(f"/{service}/v1/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready"
    assert {part["status"] for part in ready.json()["parts"].values()} == {"ready"}


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_is_told_what_a_request_costs(http: httpx.Client, service: str) -> None:
    for path in ("healthz", "nowhere", "docs"):
        assert "Server-Timing" not in http.get(f"/{service}/v1/{path}").headers
    assert http.get(f"/{service}/v1/profile").status_code == 404


def test_the_whole_system_says_how_it_is(http: httpx.Client) -> None:
    ready = http.get("/readyz").json()
    assert ready["status"] == "ready"
    assert {"auth_api", "command_api", "pgpool", "primary", "redis", "replica", "workers"} <= set(
        ready["parts"]
    )
    assert http.get("/healthz").json() == {"status": "ok"}


def test_every_problem_that_a_service_documents_is_explained(http: httpx.Client) -> None:
    documents = [http.get(f"/{service}/v1/openapi.json").text for service in SERVICES]
    types = {
        part.split('"')[0] for document in documents for part in document.split('"/problems/')[1:]
    }
    assert len(types) > 15
    for slug in types:
        page = http.get(f"/problems/{slug}")
        assert page.status_code == 200, slug
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    problem(http.get("/problems/no-such-problem"), 404)


def test_head_and_options_are_answered(http: httpx.Client) -> None:
    for path in GETS:
        head = http.head(path)
        assert head.status_code == 200
        assert head.content == b""
        options = http.options(path)
        assert options.status_code == 204
        assert "GET" in options.headers["Allow"]
