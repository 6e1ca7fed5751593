"""The rule of growth itself: each change that needs a new version is found, growth is not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from marshmallow import fields

from events.contracts import schemas
from events.contracts.schemas import FORMS, Form, MessageSentV1
from tests.unit.events import record
from tests.unit.events.growth import broken
from tests.unit.events.samples import GOLDEN

pytestmark = pytest.mark.unit

Json = dict[str, Any]
FORM = Form(type_name="message.edited.v1", schema=schemas.MessageEditedV1)
BEFORE = FORM.json_schema()


def faults(change: Callable[[Json], object]) -> list[str]:
    now = copy.deepcopy(BEFORE)
    change(now)
    return list(broken(BEFORE, now))


def subject(schema: Json) -> Json:
    found: Json = schema["properties"]["changes"]["properties"]["subject"]
    return found


def renamed(schema: Json) -> None:
    schema["properties"]["id"] = schema["properties"].pop("message_id")
    schema["required"] = ["changes", "id"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda s: s["properties"].pop("changes"), "payload.changes is gone"),
        (renamed, "payload.message_id is gone"),
        (renamed, "payload.id is new and required"),
        (lambda s: s["required"].remove("changes"), "payload.changes is not required any more"),
        (
            lambda s: (
                s["properties"].update(at={"type": "integer", "default": 0})
                or s["required"].append("at")
            ),
            "payload.at is new and required",
        ),
        (
            lambda s: s["properties"].update(at={"type": "integer"}),
            "payload.at is new and has no default",
        ),
        (
            lambda s: s["properties"]["message_id"].update(type="integer"),
            "payload.message_id: type was 'string', is 'integer'",
        ),
        (
            lambda s: s["properties"]["message_id"].pop("format"),
            "payload.message_id: format was 'uuid', is None",
        ),
        (
            lambda s: subject(s).update(type="string"),
            "payload.changes.subject: type was ['string', 'null'], is 'string'",
        ),
        (
            lambda s: subject(s).update(maxLength=200),
            "payload.changes.subject: maxLength was None, is 200",
        ),
        (
            lambda s: subject(s).update(default=""),
            "payload.changes.subject: default was None, is ''",
        ),
        (
            lambda s: s["properties"]["changes"].update(required=["body"]),
            "payload.changes.body is required now",
        ),
        (
            lambda s: s["properties"]["changes"]["properties"].update(at={"default": None}),
            "payload.changes.at is new where no other fields were allowed",
        ),
        (
            lambda s: s.update(additionalProperties=False),
            "payload: additionalProperties was True, is False",
        ),
    ],
)
def test_a_change_that_needs_a_new_version_is_found(
    change: Callable[[Json], object], fault: str
) -> None:
    assert fault in faults(change)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: None,
        lambda s: s["properties"].update(at={"type": ["integer", "null"], "default": None}),
        lambda s: s.update(description="Said better.", deprecated=True),
        lambda s: subject(s).update(description="Said better.", examples=["Hello"]),
        lambda s: s["required"].reverse(),
    ],
)
def test_an_optional_field_with_a_default_and_better_words_are_growth(
    change: Callable[[Json], object],
) -> None:
    assert faults(change) == []


def test_every_field_of_every_form_is_watched() -> None:
    """Taking any one field out, or its need, is found: no form is recorded but unwatched."""
    for form in FORMS:
        before = form.json_schema()
        for name in before["properties"]:
            now = copy.deepcopy(before)
            del now["properties"][name]
            assert list(broken(before, now)) == [f"payload.{name} is gone"]
        for name in before["required"]:
            now = {**before, "required": [one for one in before["required"] if one != name]}
            assert list(broken(before, now)) == [f"payload.{name} is not required any more"]


class Narrowed(MessageSentV1):
    """A form that an unwary change has narrowed."""

    body = fields.Integer(required=True)  # type: ignore[assignment]  # that is the mistake


def test_what_needs_a_version_is_refused_and_nothing_recorded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = Form(type_name="message.sent.v1", schema=Narrowed)
    kept = [form for form in FORMS if form.name not in {changed.name, "account.deleted.v1"}]
    monkeypatch.setattr(record, "FORMS", [changed, *kept])
    monkeypatch.setattr(record, "DOCUMENT", tmp_path / "asyncapi.json")
    assert record.main() == 1
    said = capsys.readouterr().err
    assert "message.sent.v1: payload.body: type was 'string', is 'integer'" in said
    assert "account.deleted.v1 is gone" in said
    assert not (tmp_path / "asyncapi.json").exists()


def test_an_edited_golden_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for path in GOLDEN.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "message.sent.v1.json").write_bytes(b"{}")
    (tmp_path / "account.deleted.v1.json").unlink()
    monkeypatch.setattr(record, "GOLDEN", tmp_path)
    assert record.faults() == [
        "account.deleted.v1.json was changed",
        "message.sent.v1.json was changed",
    ]
