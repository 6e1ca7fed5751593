"""The OpenAPI document, the aggregated readiness and the pages that query_api serves for all."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.query_harness import app_for
from tests.servers import Servers

PREFIX = "/query/v1"
QUERIES = {
    "/conversations",
    "/conversations/{username}/messages",
    "/conversations/{username}/messages/last",
    "/conversations/{username}/messages/unread",
    "/unread",
    "/messages/{message_id}",
    "/events/{event_id}",
    "/search",
}


@pytest.fixture(scope="module")
def app() -> Flask:
    # Nothing listens there: making the app connects to nothing.
    return app_for(Servers(postgres_port=1, valkey_port=1))


@pytest.fixture(scope="module")
def document(app: Flask) -> dict[str, Any]:
    answer = app.test_client().get(f"{PREFIX}/openapi.json")
    assert answer.status_code == 200
    assert answer.json is not None
    return dict(answer.json)


def test_every_query_is_there_and_only_reads(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    queries = {path.removeprefix(PREFIX): methods for path, methods in document["paths"].items()}
    assert set(queries) == QUERIES | {"/stream", "/healthz", "/readyz"}
    for methods in queries.values():
        assert set(methods) <= {"get", "parameters"}


def test_every_query_documents_its_statuses_headers_and_an_example(
    document: dict[str, Any],
) -> None:
    for path in QUERIES:
        query = document["paths"][PREFIX + path]["get"]
        statuses = {"200", "304", "400", "401", "406", "422", "500", "503"}
        if "{" in path:
            statuses.add("404")
        assert statuses <= set(query["responses"]), path
        answer = query["responses"]["200"]
        assert {"ETag", "Cache-Control", "X-Request-ID"} <= set(answer["headers"])
        media = answer["content"]["application/json"]
        schema = document["components"]["schemas"][media["schema"]["$ref"].rsplit("/", 1)[1]]
        assert set(schema["required"]) <= set(media["example"]) <= set(schema["properties"])
        shared = {p["$ref"].rsplit("/", 1)[1] for p in _parameters(document, path) if "$ref" in p}
        assert shared == {"Consistency-Token", "Prefer", "If-None-Match"}


def test_the_stream_documents_its_statuses_its_header_and_an_example(
    document: dict[str, Any],
) -> None:
    stream = document["paths"][f"{PREFIX}/stream"]["get"]
    assert {"200", "400", "401", "406", "422", "429", "500", "503"} <= set(stream["responses"])
    assert {"304", "404"}.isdisjoint(stream["responses"])
    (media_type, media), *others = stream["responses"]["200"]["content"].items()
    assert (media_type, others) == ("text/event-stream", [])
    assert "event: conversation.read\ndata: {" in media["example"]
    (parameter,) = _parameters(document, "/stream")
    assert (parameter["name"], parameter["in"]) == ("Last-Event-ID", "header")


def test_a_parameter_of_a_query_is_never_null(document: dict[str, Any]) -> None:
    for path in QUERIES:
        for parameter in _parameters(document, path):
            if "schema" in parameter:
                assert parameter["schema"]["type"] in {"string", "integer"}


def test_queries_are_guarded(app: Flask) -> None:
    for path in QUERIES:
        address = PREFIX + path.replace("{username}", "bob").replace(
            "{message_id}", "01a20473-0000-7000-8000-000000000000"
        ).replace("{event_id}", "01a20473-0000-7000-8000-000000000000")
        answer = app.test_client().get(address)
        assert answer.status_code == 401, path
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_whole_systems_readiness_names_every_part(app: Flask) -> None:
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json is not None
    assert answer.json["status"] == "unready"
    assert set(answer.json["parts"]) == {
        "auth_api",
        "command_api",
        "consumption",
        "pgpool",
        "primary",
        "redis",
        "replica",
        "streams",
        "workers",
    }
    for part in answer.json["parts"].values():
        assert part["status"] == "unready"
        assert part["detail"]


def test_problems_are_explained(app: Flask) -> None:
    answer = app.test_client().get("/problems/not-yet-visible")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/html")


def _parameters(document: dict[str, Any], path: str) -> list[dict[str, Any]]:
    item = document["paths"][PREFIX + path]
    return [*item.get("parameters", []), *item["get"].get("parameters", [])]
