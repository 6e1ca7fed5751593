"""The OpenAPI documents of the three APIs lack nothing that a client needs to know."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from tests.documents import SERVICES, Node, document, operations, resolved, validator
from web.catalogue import CATALOGUE

pytestmark = pytest.mark.unit

JSON = "application/json"
PROBLEM = "application/problem+json"
EVERYWHERE = {"X-Request-ID", "X-Content-Type-Options", "Cache-Control"}
# What comes with a status wherever it is answered.
WITH_STATUS = {
    "401": "WWW-Authenticate",
    "405": "Allow",
    "429": "Retry-After",
    "503": "Retry-After",
    "304": "ETag",
}
ALWAYS = {"400", "405", "406", "408", "413", "414", "422", "431", "500", "501", "503", "505"}
UNGUARDED = {"register", "login", "refresh", "jwks", "healthz", "readyz"}

EACH = pytest.mark.parametrize(
    ("service", "path", "item", "operation"),
    [
        pytest.param(service, path, item, operation, id=f"{service}.{operation['operationId']}")
        for service, path, _, item, operation in operations()
    ],
)


@pytest.mark.parametrize("service", SERVICES)
def test_a_document_is_valid_openapi_3_1(service: str) -> None:
    OPENAPI_31_VALIDATOR.validate(document(service))
    assert document(service)["openapi"] == "3.1.0"
    described = {tag["name"] for tag in document(service)["tags"] if tag["description"]}
    used = {tag for one in operations() if one[0] == service for tag in one[4]["tags"]}
    assert used <= described


@EACH
def test_an_operation_says_what_it_is(service: str, path: str, item: Node, operation: Node) -> None:
    assert operation["summary"].endswith(".")
    assert operation["description"].endswith(".")
    assert len(operation["tags"]) == 1
    ids = [one[4]["operationId"] for one in operations() if one[0] == service]
    assert ids.count(operation["operationId"]) == 1


@EACH
def test_an_operation_says_who_may_use_it(
    service: str, path: str, item: Node, operation: Node
) -> None:
    expected: list[Node] = [{"bearerAuth": []}]
    if operation["operationId"] in UNGUARDED:
        expected = []
    if operation["operationId"] == "refresh":
        expected = [{"refreshCookie": [], "csrfHeader": []}]
    assert operation["security"] == expected
    schemes = document(service)["components"]["securitySchemes"]
    assert {name for one in expected for name in one} <= set(schemes)
    assert all(scheme["description"] for scheme in schemes.values())
    if operation["operationId"] != "login":
        assert ("401" in operation["responses"]) == bool(expected)


@EACH
def test_an_operation_names_every_status_and_header(
    service: str, path: str, item: Node, operation: Node
) -> None:
    expected = set(ALWAYS)
    if "{" in path:
        expected.add("404")
    if "requestBody" in operation:
        expected.add("415")
    limited = service == "auth" and operation["operationId"] not in {"jwks", "healthz", "readyz"}
    commands = service == "command" and not path.endswith("z")
    if limited or commands:
        expected.add("429")
    assert expected <= set(operation["responses"])
    assert any(status.startswith("2") for status in operation["responses"])
    for status, answer in operation["responses"].items():
        headers = {name: resolved(service, one) for name, one in answer["headers"].items()}
        assert set(headers) >= EVERYWHERE
        assert all(one["description"] and one["schema"] for one in headers.values())
        assert all("example" in one for one in headers.values())
        if status in WITH_STATUS:
            assert headers[WITH_STATUS[status]]["required"]
        assert answer["description"].endswith(".") or status == "200"


@EACH
def test_every_problem_of_an_operation_has_an_example(
    service: str, path: str, item: Node, operation: Node
) -> None:
    for status, answer in operation["responses"].items():
        if PROBLEM not in answer.get("content", {}):
            assert status.startswith(("2", "3"))
            continue
        media = answer["content"][PROBLEM]
        types = media["schema"]["allOf"][1]["properties"]["type"]["enum"]
        assert types == [f"/problems/{slug}" for slug in media["examples"]]
        for slug, example in media["examples"].items():
            assert CATALOGUE[slug].status == int(status)
            validator(service, media["schema"]).validate(example["value"])


@EACH
def test_requests_and_answers_have_examples_that_fit_their_schemas(
    service: str, path: str, item: Node, operation: Node
) -> None:
    contents = [operation.get("requestBody", {}).get("content", {})]
    contents += [answer.get("content", {}) for answer in operation["responses"].values()]
    for content in contents:
        if JSON in content:
            validator(service, content[JSON]["schema"]).validate(content[JSON]["example"])
    for status, answer in operation["responses"].items():
        if status in {"200", "201", "202"}:
            (media_type,) = set(answer["content"]) - {PROBLEM}
            assert media_type in {JSON, "text/event-stream"}


@EACH
def test_every_parameter_is_described_and_has_an_example(
    service: str, path: str, item: Node, operation: Node
) -> None:
    given = [*item.get("parameters", []), *operation.get("parameters", [])]
    parameters = [resolved(service, one) for one in given]
    for parameter in parameters:
        assert parameter["description"].endswith(".")
        shown = parameter.get("example", parameter["schema"].get("example"))
        if shown is None:
            (shown, *_) = parameter["schema"]["examples"]
        validator(service, parameter["schema"]).validate(shown)
    in_path = {one["name"] for one in parameters if one["in"] == "path"}
    assert in_path == set(re.findall(r"\{(\w+)\}", path))


@pytest.mark.parametrize("service", SERVICES)
def test_no_object_is_left_open_and_no_schema_is_unused(service: str) -> None:
    schemas = document(service)["components"]["schemas"]
    for name, schema in schemas.items():
        assert schema["additionalProperties"] is False, name
        for member in schema["properties"].values():
            assert "nullable" not in member
    text = str(document(service))
    assert [name for name in schemas if f"#/components/schemas/{name}'" not in text] == []


def test_links_lead_to_operations_and_fill_their_parameters() -> None:
    by_id = {(one[0], one[4]["operationId"]): one for one in operations()}
    by_path = {(one[1], one[2]): one for one in operations()}
    links = 0
    for service, *_, operation in operations():
        for answer in operation["responses"].values():
            for link in answer.get("links", {}).values():
                if "operationId" in link:
                    target = by_id[service, link["operationId"]]
                else:
                    path, method = link["operationRef"].split("#/paths/")[1].rsplit("/", 1)
                    target = by_path[unquote(path).replace("~1", "/"), method]
                known = {
                    resolved(target[0], one)["name"]
                    for one in (*target[3].get("parameters", []), *target[4].get("parameters", []))
                    if "name" in resolved(target[0], one)
                } | {"Consistency-Token"}
                assert set(link.get("parameters", {})) <= known
                links += 1
    assert links > 20
