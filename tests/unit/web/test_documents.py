"""The OpenAPI document and the pages: complete, local, behind a strict policy."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.unit.web.sample import notes
from web.blueprints import ApiBlueprint
from web.catalogue import CATALOGUE
from web.pages import problem_pages

pytestmark = pytest.mark.unit


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/query/v1/openapi.json")
    assert answer.content_type == "application/json"
    members: dict[str, Any] = answer.get_json()
    return members


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "http://127.0.0.1:8080"}]
    assert document["security"] == [{"bearerAuth": []}]
    assert document["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"


def test_every_operation_has_an_id_a_tag_and_its_problems(document: dict[str, Any]) -> None:
    operations = [
        operation
        for path in document["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    assert {"create_note", "list_notes", "get_note", "delete_note"} <= set(ids)
    for operation in operations:
        assert operation["tags"]
        assert {"406", "500", "503"} <= set(operation["responses"])
        assert "default" not in operation["responses"]


def test_what_a_body_can_do_wrong_is_documented(document: dict[str, Any]) -> None:
    responses = document["paths"]["/query/v1/notes"]["post"]["responses"]
    assert {"202", "400", "401", "406", "409", "413", "415", "422"} <= set(responses)
    content = responses["409"]["content"]["application/problem+json"]
    assert content["schema"]["allOf"] == [
        {"$ref": "#/components/schemas/Problem"},
        {
            "properties": {
                "type": {"enum": ["/problems/username-taken"]},
                "status": {"const": 409},
            }
        },
    ]
    assert content["examples"]["username-taken"]["value"]["status"] == 409
    assert {"X-Request-ID", "WWW-Authenticate"} <= set(responses["401"]["headers"])
    assert "Retry-After" in responses["503"]["headers"]


def test_a_public_operation_needs_no_security(document: dict[str, Any]) -> None:
    operation = document["paths"]["/query/v1/open"]["get"]
    assert operation["security"] == []
    assert "401" not in operation["responses"]


def test_bounds_of_fields_are_documented(document: dict[str, Any]) -> None:
    note = document["components"]["schemas"]["Note"]
    assert note["properties"]["body"] == {"type": "string", "minLength": 1, "maxLength": 100}
    assert note["properties"]["number"]["maximum"] == 2**63 - 1
    assert set(note["required"]) == {"to", "body"}
    assert note["additionalProperties"] is False


def test_a_problem_that_is_not_in_the_catalogue_cannot_be_documented() -> None:
    with pytest.raises(LookupError, match="no-such-problem"):
        ApiBlueprint.problems("no-such-problem")


def test_a_blueprint_that_reads_leniently_cannot_be_registered(app: Flask) -> None:
    api = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    with pytest.raises(TypeError, match="ApiBlueprint"):
        api.register_blueprint(object())
    assert isinstance(notes, ApiBlueprint)


def test_the_docs_page_loads_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/query/v1/docs", headers={"Accept": "text/html"})
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    html = page.get_data(as_text=True)
    assert "//" not in html.replace("<!doctype", "")
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", html)
    for name in re.findall(r'(?:src|href)="docs/([^"]+)"', html):
        asset = client.get(f"/query/v1/docs/{name}")
        assert asset.status_code == 200
        assert asset.data
        asset.close()


@pytest.mark.parametrize("name", ["LICENSE", "README.md", "..%2f..%2fapp.py", "x.js", "%2e%2e"])
def test_only_the_assets_of_the_docs_are_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/query/v1/docs/{name}").status_code == 404


@pytest.mark.parametrize("slug", CATALOGUE)
def test_every_problem_has_a_page(app: Flask, slug: str) -> None:
    app.register_blueprint(problem_pages())
    page = app.test_client().get(f"/problems/{slug}")
    assert page.status_code == 200
    assert page.content_type == "text/html; charset=utf-8"
    problem = CATALOGUE[slug]
    html = page.get_data(as_text=True)
    assert problem.title in html
    assert str(problem.status) in html
    assert problem.explanation in unescape(html)
    assert problem.mend in unescape(html)
    (example,) = re.findall(r"<pre>.*?\n\n(.*?)</pre>", html, re.DOTALL)
    assert json.loads(unescape(example))["type"] == f"/problems/{slug}"
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy


def test_an_unknown_problem_has_none(app: Flask) -> None:
    app.register_blueprint(problem_pages())
    assert app.test_client().get("/problems/no-such-problem").status_code == 404


def test_the_catalogue_explains_each_problem_and_how_to_mend_it() -> None:
    for slug, problem in CATALOGUE.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", slug)
        assert problem.explanation.endswith(".")
        assert problem.mend.endswith(".")
        assert 400 <= problem.status < 600
