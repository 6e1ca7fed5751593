"""A small API built as the real ones are, with a guard of fakes, for tests of what they share."""

from __future__ import annotations

import time
from uuid import UUID

from flask import Flask, Response

from runtime.errors import MessagingError, UnavailableError
from runtime.ids import AccountId, SessionId
from runtime.settings import ProfileSettings, ServiceSettings
from web.app import build_api
from web.blueprints import ApiBlueprint
from web.guard import Guard, Identity, TokenInvalidError, VerifiedToken, current_identity, public
from web.health import Check
from web.problems import CATALOGUE
from web.responses import json_response
from web.strict_schemas import QueryInteger, StrictInteger, StrictSchema, Text, UsernameField

ALICE = Identity(AccountId(UUID(int=1)), SessionId(UUID(int=2)))
AUTHORIZED = {"Authorization": "Bearer good"}


class NoteSchema(StrictSchema):
    to = UsernameField(required=True)
    body = Text(least=1, most=100, required=True)
    number = StrictInteger(least=1)


class ListSchema(StrictSchema):
    limit = QueryInteger(least=1, most=200, load_default=50)


class NoteTakenError(MessagingError):
    """This note is taken."""


class BusyError(UnavailableError):
    """Too busy just now."""

    retry_after = 7


class FakeVerifier:
    """Knows the token "good"."""

    def __init__(self) -> None:
        self.calls = 0

    def verify(self, token: str) -> VerifiedToken:
        self.calls += 1
        if token != "good":
            raise TokenInvalidError("The token is malformed.")
        return VerifiedToken(ALICE, time.time() + 300)


class FakeRevocations:
    """Knows the sessions that a test puts in."""

    def __init__(self) -> None:
        self.ended: set[SessionId] = set()

    def is_revoked(self, session_id: SessionId) -> bool:
        return session_id in self.ended


notes = ApiBlueprint("notes", __name__, description="Notes.")


@notes.route("/notes", methods=["POST"])
@notes.arguments(NoteSchema)
@notes.response(202, NoteSchema)
@notes.problems("username-taken")
def create_note(body: dict[str, object]) -> Response:
    """Take a note."""
    return json_response(body, 202)


@notes.route("/big-notes", methods=["POST"])
@notes.arguments(NoteSchema, body_limit=1 << 20)
@notes.response(202, NoteSchema)
def create_big_note(body: dict[str, object]) -> Response:
    """Take a note from a large body."""
    return json_response(body, 202)


@notes.route("/notes", methods=["GET"])
@notes.arguments(ListSchema, location="query")
@notes.response(200, NoteSchema)
def list_notes(query: dict[str, object]) -> Response:
    """List notes."""
    return json_response({**query, "account": current_identity().account_id})


@notes.route("/notes/<name>", methods=["GET", "DELETE"])
@notes.response(200)
def note(name: str) -> Response:
    """Do what the name says."""
    match name:
        case "taken":
            raise NoteTakenError
        case "busy":
            raise BusyError
        case "broken":
            raise RuntimeError("the secret is hunter2")
        case "unmapped":
            raise MessagingError("internal matters")
        case _:
            return json_response({"name": name})


@notes.route("/open", methods=["GET"])
@public
@notes.response(200)
def open_to_all() -> Response:
    """Answer anybody."""
    return json_response({})


def sample_app(
    *,
    verifier: FakeVerifier | None = None,
    revocations: FakeRevocations | None = None,
    parts: dict[str, Check] | None = None,
    profile: ProfileSettings | None = None,
) -> Flask:
    app, api = build_api(
        name="query",
        title="Sample",
        description="A sample.",
        service=ServiceSettings(service="sample", log_level="INFO"),
        public_url="http://127.0.0.1:8080",
        statuses={NoteTakenError: CATALOGUE["username-taken"]},
        parts=parts or {},
        guard=Guard(verifier or FakeVerifier(), revocations or FakeRevocations()),
        profile=profile or ProfileSettings(),
    )
    api.register_blueprint(notes)
    return app
