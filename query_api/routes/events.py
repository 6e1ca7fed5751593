"""The route of events: what became of a command."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response

from query_api.routes.documents import FRESH, TAGGED, unchanged
from query_api.routes.requests import freshness, reads
from query_api.schemas import answers
from query_api.schemas.parameters import PATH, EventQuery
from runtime.ids import EventId
from web.blueprints import ApiBlueprint
from web.conditional import conditional_json
from web.guard import current_identity

blueprint = ApiBlueprint("events", __name__, description="What became of your commands.")


@blueprint.route("/events/<uuid:event_id>", methods=["GET"], parameters=[PATH["event_id"]])
@blueprint.arguments(EventQuery, location="query")
@blueprint.response(200, answers.EventSchema, example=answers.EVENT, headers=TAGGED)
@unchanged(blueprint)
@blueprint.problems(*FRESH)
def event(query: dict[str, Any], event_id: UUID) -> Response:
    """Tell what became of one of your commands.

    The address, token included, is the `Location` of the command's answer. Nothing is waited for
    unless `Prefer: wait` asks: then the answer comes once the event is applied, rejected or
    failed, or when the time is over.
    """
    text = query.get("token")
    status = reads().events.status(
        current_identity().account_id,
        EventId(event_id),
        token=None if text is None else reads().tokens.decode(text),
        freshness=freshness(default_wait=0.0),
    )
    return conditional_json(status)
