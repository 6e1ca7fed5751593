"""The record of the contracts: nothing that was released changes but by growth."""

from __future__ import annotations

import json
import re

import orjson
import pytest

from events.contracts import asyncapi
from events.contracts.envelope import CONTRACTS, READERS, Envelope, read_event
from events.contracts.redaction import TEXT_FIELDS, without_text
from events.contracts.schemas import FORMS, Form
from tests.unit.events import record
from tests.unit.events.samples import golden

pytestmark = pytest.mark.unit

MEND = "run scripts/contracts and commit what it wrote"


def test_no_contract_has_changed_without_a_new_version() -> None:
    """If this fails, leave the version as it was and make a new one: see docs/contracts.md."""
    assert record.faults() == []


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_the_record_holds_each_form_as_it_is(form: Form) -> None:
    assert record.recorded(form) == form.json_schema(), MEND


def test_the_document_in_the_docs_is_current() -> None:
    assert json.loads(record.DOCUMENT.read_text(encoding="utf-8")) == asyncapi.document(), MEND


def test_every_version_ever_written_has_schema_golden_file_and_sum() -> None:
    names = {form.name for form in FORMS}
    assert {form.type_name for form in FORMS} == set(READERS)
    assert {path.stem for path in record.SCHEMAS.glob("*.json")} == names
    assert record.digests() == record.sums(), MEND
    assert set(record.sums()) == {f"{name}.json" for name in names}


def test_every_form_that_holds_text_has_a_redacted_one() -> None:
    named = {form.name for form in FORMS}
    for form in FORMS:
        has_text = set(form.json_schema()["properties"]) & set(TEXT_FIELDS)
        assert bool(has_text) == (f"{form.name}.redacted" in named), form.name


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_golden_file_is_read_as_the_current_contract(form: Form) -> None:
    """A golden file is never changed: make a new version instead, and add a file."""
    attributes = golden(form.name)
    envelope = Envelope.decode(asyncapi.golden(form.name))
    current = READERS[form.type_name].contract
    assert attributes["type"] == form.type_name
    assert type(envelope.event) is current
    assert envelope.event == read_event(form.type_name, attributes["data"])
    written = orjson.loads(envelope.encode())
    # Upcasters and growth add fields: what was there is there still.
    assert written["data"].items() >= attributes["data"].items()
    assert written == {**attributes, "type": current.type_name(), "data": written["data"]}


@pytest.mark.parametrize("form", [f for f in FORMS if f.redacted], ids=lambda form: form.name)
def test_redacting_a_golden_file_gives_the_redacted_one(form: Form) -> None:
    whole = golden(form.type_name)
    assert {**whole, "data": without_text(whole["data"])} == golden(form.name)


def test_what_the_api_promises_by_name_is_written_so() -> None:
    promised = {
        "message.sent.v1",
        "message.edited.v1",
        "message.deleted.v1",
        "conversation.read.v1",
    }
    assert promised < set(CONTRACTS)


def test_the_page_lists_every_version_and_what_is_written() -> None:
    page = (record.DOCUMENT.parent / "contracts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z.]+\.v\d+)` \|.*\| (.*?) \|$", page, re.MULTILINE)
    assert [name for name, _ in rows] == list(READERS)
    assert {name for name, written in rows if written == "yes"} == set(CONTRACTS)
