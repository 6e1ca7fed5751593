"""`Server-Timing`: on every answer where it is wanted, and nothing of it where it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Response
from flask.testing import FlaskClient
from werkzeug.middleware.proxy_fix import ProxyFix

from runtime import profiling
from runtime.profiling import Executed, Profile, Spent
from runtime.settings import ProfileSettings
from tests.unit.web.sample import AUTHORIZED, sample_app
from web.guard import public
from web.profiling import HEADER, server_timing
from web.traits import produces, takes_any_query

pytestmark = pytest.mark.unit

# https://www.w3.org/TR/server-timing/#the-server-timing-header-field
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = rf'{_TOKEN}=(?:{_TOKEN}|"[^"\\]*")'
_METRIC = rf"{_TOKEN}(?:;{_PARAMETER})*"
GRAMMAR = re.compile(rf"{_METRIC}(?:, {_METRIC})*")
NOTES = "/query/v1/notes"


@pytest.fixture
def profiled() -> FlaskClient:
    return sample_app(profile=ProfileSettings(enabled=True, shown=3)).test_client()


def test_milliseconds_and_counts_have_the_form_of_the_standard() -> None:
    profile = Profile(sql=Spent(3, 0.0045678), redis=Spent(1, 0.0002))
    told = server_timing(profile, total_seconds=0.0123456)
    assert GRAMMAR.fullmatch(told)
    assert told == (
        'total;dur=12.346, sql;dur=4.568;desc="3 statements", redis;dur=0.200;desc="1 calls"'
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{NOTES}/any", 200),
        ("POST", NOTES, 202),
        ("OPTIONS", NOTES, 204),
        ("POST", f"{NOTES}?x=1", 422),
        ("GET", "/query/v1/nowhere", 404),
        ("PUT", NOTES, 405),
        ("GET", f"{NOTES}/taken", 409),
        ("GET", f"{NOTES}/broken", 500),
        ("GET", f"{NOTES}/busy", 503),
        ("GET", "/query/v1/docs", 200),
        ("GET", "/query/v1/openapi.json", 200),
        ("GET", "/metrics", 200),
    ],
)
def test_every_answer_tells_its_cost(
    profiled: FlaskClient, client: FlaskClient, method: str, path: str, status: int
) -> None:
    body = {"to": "bob", "body": "hello"} if method == "POST" else None
    answer = profiled.open(path, method=method, json=body, headers=AUTHORIZED)
    assert answer.status_code == status
    assert GRAMMAR.fullmatch(answer.headers[HEADER])
    assert answer.headers[HEADER].startswith("total;dur=")
    unprofiled = client.open(path, method=method, json=body, headers=AUTHORIZED)
    assert unprofiled.status_code == status
    assert HEADER not in unprofiled.headers


def test_an_answer_without_a_token_tells_its_cost_too(profiled: FlaskClient) -> None:
    answer = profiled.get(NOTES)
    assert answer.status_code == 401
    assert GRAMMAR.fullmatch(answer.headers[HEADER])


def test_the_page_shows_the_last_requests_by_route(profiled: FlaskClient) -> None:
    for name in ("first", "second", "third", "taken"):
        profiled.get(f"{NOTES}/{name}", headers={**AUTHORIZED, "X-Request-ID": f"id-{name}"})
    answer = profiled.get("/query/v1/profile")
    assert answer.content_type == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    shown = re.findall("id-([a-z]+)", answer.text)
    assert shown == ["taken", "third", "second"]
    assert "GET /query/v1/notes/&lt;name&gt; 409" in answer.text


def test_nobody_sees_the_page_through_nginx(profiled: FlaskClient) -> None:
    forwarded = profiled.get("/query/v1/profile", headers={"X-Forwarded-For": "127.0.0.1"})
    assert forwarded.status_code == 404


@pytest.mark.parametrize(
    ("peer", "status"), [("127.0.0.1", 200), ("::1", 200), ("172.18.0.5", 404), ("", 404)]
)
@pytest.mark.parametrize("behind_proxy", [False, True])
def test_nobody_sees_the_page_from_another_machine(
    profiled: FlaskClient, peer: str, status: int, *, behind_proxy: bool
) -> None:
    if behind_proxy:  # As auth_api is.
        app = profiled.application
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)  # type: ignore[method-assign]  # Flask's way
    answer = profiled.get("/query/v1/profile", environ_base={"REMOTE_ADDR": peer})
    assert answer.status_code == status


@pytest.mark.parametrize(("shown", "kept"), [(3, []), (0, None)])
def test_a_stream_is_profiled_up_to_its_head(shown: int, kept: list[Executed] | None) -> None:
    app = sample_app(profile=ProfileSettings(enabled=True, shown=shown))
    seen: list[Profile | None] = []

    @public
    @takes_any_query
    @produces("text/plain")
    def streamed() -> Response:
        seen.append(profiling.present())

        def lines() -> Iterator[str]:
            seen.append(profiling.present())
            yield "line"

        return Response(lines(), mimetype="text/plain")

    app.add_url_rule("/streamed", view_func=streamed)
    answer = app.test_client().get("/streamed")
    assert answer.text == "line"
    assert GRAMMAR.fullmatch(answer.headers[HEADER])
    before, after = seen
    assert before is not None
    assert before.executed == kept
    assert after is None


@pytest.mark.parametrize("profile", [None, ProfileSettings(shown=3), ProfileSettings(enabled=True)])
def test_there_is_no_page_unless_it_is_asked_for(profile: ProfileSettings | None) -> None:
    app = sample_app(profile=profile)
    assert app.test_client().get("/query/v1/profile").status_code == 404


def test_where_it_is_off_requests_pass_nothing_of_it() -> None:
    off, on = sample_app(), sample_app(profile=ProfileSettings(enabled=True))
    assert len(on.before_request_funcs[None]) == len(off.before_request_funcs[None]) + 1
    assert len(on.after_request_funcs[None]) == len(off.after_request_funcs[None]) + 1
