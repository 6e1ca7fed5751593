"""Routes of conversations: the list, and what is unread in it."""

from __future__ import annotations

from typing import Any, cast

from flask import Response

from query_api.reads.conversations import Direction, Place
from query_api.routes.documents import FRESH, PAGE_HEADERS, TAGGED, unchanged
from query_api.routes.pages import link_with, page_response
from query_api.routes.requests import freshness, reads
from query_api.schemas import answers
from query_api.schemas.parameters import ConversationsQuery
from runtime.ids import AccountId
from web.blueprints import ApiBlueprint
from web.conditional import conditional_json
from web.guard import current_identity

blueprint = ApiBlueprint("conversations", __name__, description="Your conversations.")


@blueprint.route("/conversations", methods=["GET"])
@blueprint.arguments(ConversationsQuery, location="query")
@blueprint.response(
    200, answers.ConversationPageSchema, example=answers.CONVERSATIONS, headers=PAGE_HEADERS
)
@unchanged(blueprint)
@blueprint.problems("cursor-invalid", *FRESH)
def conversations(query: dict[str, Any]) -> Response:
    """List your conversations, the one with the latest message first."""
    me, cursor = current_identity().account_id, query.get("cursor")
    place = None if cursor is None else _place(me, cursor)
    page = reads().conversations.page(me, limit=query["limit"], place=place, freshness=freshness())
    return page_response(
        page.items, next_page=_link(me, page.older), prev_page=_link(me, page.newer)
    )


@blueprint.route("/unread", methods=["GET"])
@blueprint.response(200, answers.UnreadSchema, example=answers.UNREAD, headers=TAGGED)
@unchanged(blueprint)
@blueprint.problems(*FRESH)
def unread() -> Response:
    """Count the messages that you have yet to read, by conversation, the latest first."""
    return conditional_json(reads().unread.all(current_identity().account_id, freshness()))


def _list_of(me: AccountId) -> str:
    return f"conversations {me}"


def _place(me: AccountId, cursor: str) -> Place:
    direction, active_at, conversation_id = reads().cursors.decode(_list_of(me), cursor)
    return Place(
        direction=cast("Direction", direction),
        active_at=active_at,
        conversation_id=conversation_id,
    )


def _link(me: AccountId, place: Place | None) -> str | None:
    if place is None:
        return None
    values = (place.direction, place.active_at, place.conversation_id)
    return link_with({"cursor": reads().cursors.encode(_list_of(me), values)})
