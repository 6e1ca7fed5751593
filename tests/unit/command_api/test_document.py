"""The OpenAPI document, and what needs no server to be refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from command_api.settings import CommandSettings
from runtime.errors import SettingsError
from runtime.ids import AccountId, new_id
from runtime.settings import QueueSettings, Reader
from tests.command_harness import NOWHERE, Commands, commands_of, problem

QUEUE = QueueSettings(partitions=4, limit=10, bell_ttl_seconds=5)
COMMANDS = {
    ("/command/v1/messages", "post"),
    ("/command/v1/messages/{message_id}", "patch"),
    ("/command/v1/messages/{message_id}", "delete"),
    ("/command/v1/conversations/{username}/read", "post"),
    ("/command/v1/batch", "post"),
}


@pytest.fixture(scope="module")
def commands() -> Commands:
    return commands_of(AccountId(new_id()), NOWHERE, QUEUE)


@pytest.fixture(scope="module")
def document(commands: Commands) -> dict[str, Any]:
    answer = commands.app.test_client().get("/command/v1/openapi.json")
    assert answer.json is not None
    return dict(answer.json)


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (path, method): {**operation, "shared": item.get("parameters", [])}
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters" and not path.endswith("z")
    }


def test_the_document_names_every_command_and_no_more(document: dict[str, Any]) -> None:
    assert set(operations(document)) == COMMANDS


def test_every_command_documents_its_headers_and_refusals(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        names = {parameter["name"] for parameter in operation["shared"]}
        assert {"Idempotency-Key", "X-Request-ID", "traceparent"} <= names
        assert {"202", "400", "401", "406", "422", "429", "500", "503"} <= set(
            operation["responses"]
        )
        answer = operation["responses"]["202"]
        assert {"Consistency-Token", "Idempotent-Replayed"} <= set(answer["headers"])
        assert answer["content"]["application/json"]["example"]
        assert operation["summary"]


def test_the_documented_pattern_of_keys_is_that_of_the_code(document: dict[str, Any]) -> None:
    pattern = next(
        parameter["schema"]["pattern"]
        for parameter in document["paths"]["/command/v1/batch"]["parameters"]
        if parameter["name"] == "Idempotency-Key"
    )
    for key in ("a", '"a"', "a b", "x" * 255, '"' + '\\"' * 255 + '"'):
        assert re.fullmatch(pattern, key)
    for key in ("", '""', '"a', "x" * 256, "é"):
        assert not re.fullmatch(pattern, key)


def test_an_edit_that_names_no_field_breaks_the_documented_schema(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["EditMessage"]["minProperties"] == 1
    assert schemas["BatchEdit"]["minProperties"] == 3


def test_every_reference_in_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [one for inner in node.values() for one in references(inner)]
        if isinstance(node, list):
            return [one for inner in node for one in references(inner)]
        return []

    for reference in references(document):
        node: Any = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


@pytest.mark.parametrize(("path", "method"), sorted(COMMANDS))
def test_every_command_needs_a_token(commands: Commands, path: str, method: str) -> None:
    concrete = path.format(message_id=new_id(), username="bob")
    answer = commands.app.test_client().open(concrete, method=method.upper(), json={})
    assert problem(answer) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_another_method_names_the_ones_allowed(commands: Commands) -> None:
    answer = commands.call("PUT", f"messages/{new_id()}", json={})
    assert problem(answer) == (405, "method-not-allowed")
    assert {"PATCH", "DELETE"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    ("body", "media_type", "expected"),
    [
        ("{", "application/json", (400, "malformed-json")),
        ('{"to":"a","to":"b","body":"x"}', "application/json", (400, "malformed-json")),
        ('{"to":NaN,"body":"x"}', "application/json", (400, "malformed-json")),
        ("to=bob", "application/x-www-form-urlencoded", (415, "unsupported-media-type")),
        (
            '{"to":"a","body":"' + "x" * 131_072 + '"}',
            "application/json",
            (413, "content-too-large"),
        ),
    ],
)
def test_a_body_that_is_no_command_is_refused(
    commands: Commands, body: str, media_type: str, expected: tuple[int, str]
) -> None:
    assert (
        problem(commands.call("POST", "messages", data=body, content_type=media_type)) == expected
    )


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MESSAGING_DATABASE_URL", "MESSAGING_REDIS_URL", "MESSAGING_BROKER_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match="MESSAGING_DATABASE_URL"):
        CommandSettings.read(Reader())


def test_what_is_shown_to_who_waits_is_documented(document: dict[str, Any]) -> None:
    for (path, method), status in {
        ("/command/v1/messages", "post"): "201",
        ("/command/v1/messages/{message_id}", "patch"): "200",
    }.items():
        operation = operations(document)[path, method]
        parameters = [*operation["shared"], *operation.get("parameters", [])]
        assert "Prefer" in {parameter["name"] for parameter in parameters}
        shown = operation["responses"][status]
        assert {"Location", "Preference-Applied", "Consistency-Token"} <= set(shown["headers"])
        schema = shown["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Message"}
    deletion = operations(document)["/command/v1/messages/{message_id}", "delete"]
    assert "Prefer" not in {parameter["name"] for parameter in deletion["shared"]}
