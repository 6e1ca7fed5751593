"""The AsyncAPI document: valid, whole, and true of what is written and read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.main import messaging
from events.contracts import asyncapi
from events.contracts.base import PoisonEventError
from events.contracts.envelope import CONTRACTS, READERS, Envelope, read_event
from events.contracts.schemas import FORMS, Form
from tests.unit.events.samples import envelopes, golden, storable

pytestmark = pytest.mark.unit

SPECIFICATION = Path(__file__).parent / "asyncapi_specification" / "3.0.0.json"
DOCUMENT = asyncapi.document()
VALIDATORS = {
    name: jsonschema_rs.Draft7Validator(
        {**message["payload"], "components": DOCUMENT["components"]}, validate_formats=True
    )
    for name, message in DOCUMENT["components"]["messages"].items()
}
CURRENT = [form for form in FORMS if not form.deprecated]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | storable,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(storable, inner, max_size=2),
    max_leaves=4,
) | st.sampled_from(["everyone", "owner", True, False, {"body": "b"}, {"subject": None}, {}, 0])


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolved(reference: str) -> Any:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_the_document_is_valid_asyncapi() -> None:
    specification = json.loads(SPECIFICATION.read_text(encoding="utf-8"))
    jsonschema_rs.Draft7Validator(specification).validate(DOCUMENT)
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.Draft7Validator(specification).validate({**DOCUMENT, "channels": []})


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > len(READERS)
    for reference in found:
        assert isinstance(resolved(reference), dict), reference


def test_the_queue_is_sent_current_versions_and_all_are_received() -> None:
    prefix = "#/channels/eventQueue/messages/"
    for operation, names in (("append", CONTRACTS), ("project", READERS)):
        messages = DOCUMENT["operations"][operation]["messages"]
        assert [message["$ref"].removeprefix(prefix) for message in messages] == list(names)
    assert DOCUMENT["channels"]["eventQueue"]["address"] == "queue:{partition}"


def test_what_is_not_written_any_more_is_marked_deprecated() -> None:
    schemas, messages = DOCUMENT["components"]["schemas"], DOCUMENT["components"]["messages"]
    deprecated = {name for name, schema in schemas.items() if schema.get("deprecated")}
    assert deprecated == {"account.deleted.v1"} == set(READERS) - set(CONTRACTS)
    assert {name for name, m in messages.items() if m["payload"].get("deprecated")} == deprecated


def test_the_examples_are_the_golden_files() -> None:
    examples = [
        example["payload"]
        for message in DOCUMENT["components"]["messages"].values()
        for example in message["examples"]
    ]
    assert examples == [golden(form.name) for form in FORMS]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_golden_file_is_valid(form: Form) -> None:
    attributes = golden(form.name)
    VALIDATORS[form.type_name].validate(attributes)
    jsonschema_rs.Draft7Validator(form.json_schema()).validate(attributes["data"])
    assert form.schema().validate(attributes["data"]) == {}
    others = VALIDATORS.keys() - {form.type_name}
    assert not any(VALIDATORS[other].is_valid(attributes) for other in others)


@given(envelopes)
def test_everything_written_is_valid(envelope: Envelope) -> None:
    written = orjson.loads(envelope.encode())
    VALIDATORS[envelope.event.type_name()].validate(written)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_schema_and_decoding_by_hand_agree_on_what_is_readable(
    form: Form, data: st.DataObject
) -> None:
    payload = golden(form.name)["data"]
    name = data.draw(st.sampled_from(sorted(payload)))
    if data.draw(st.booleans()):
        payload[name] = data.draw(json_values)
    else:
        del payload[name]
    try:
        read_event(form.type_name, payload)
        readable = True
    except PoisonEventError:
        readable = False
    forms = [one for one in FORMS if one.type_name == form.type_name]
    assert readable == any(not one.schema().validate(payload) for one in forms)


def test_the_command_prints_the_document() -> None:
    result = CliRunner().invoke(messaging, ["events", "schema"])
    assert result.exit_code == 0
    assert json.loads(result.output) == DOCUMENT
