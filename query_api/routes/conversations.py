"""Routes of conversations: the list, and what is unread in it."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response

from query_api.routes.documents import FRESH, PAGE_HEADERS, TAGGED, to_conversation, unchanged
from query_api.routes.pages import answer, place_of, sorted_page_response
from query_api.routes.requests import freshness, reads
from query_api.schemas import answers
from query_api.schemas.parameters import ConversationsQuery
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
@blueprint.links(200, **to_conversation("items"))
def conversations(query: dict[str, Any]) -> Response:
    """List your conversations.

    The one with the latest message comes first; `next` leads to older ones.
    """
    me, fresh = current_identity().account_id, freshness()
    of = f"conversations {me}"
    place = place_of(query.get("cursor"), of)
    return answer(
        lambda: reads().stamps.of_account(me, fresh),
        lambda: reads().conversations.page(me, limit=query["limit"], place=place, freshness=fresh),
        lambda page, tag: sorted_page_response(page, of, tag),
    )


@blueprint.route("/unread", methods=["GET"])
@blueprint.response(200, answers.UnreadSchema, example=answers.UNREAD, headers=TAGGED)
@unchanged(blueprint)
@blueprint.problems(*FRESH)
@blueprint.links(200, **to_conversation("conversations"))
def unread() -> Response:
    """Count the messages that you have yet to read.

    By conversation, the latest first; conversations without unread messages are left out.
    """
    me, fresh = current_identity().account_id, freshness()
    return answer(
        partial(reads().stamps.of_account, me, fresh),
        partial(reads().unread.all, me, fresh),
        lambda found, tag: conditional_json(found, etag=tag),
    )
