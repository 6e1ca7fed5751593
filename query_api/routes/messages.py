"""Routes of messages: a conversation's pages, its last message, its unread ones, one by its id."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from flask import Response

from query_api.reads.answers import MessagePage
from query_api.reads.messages import Window
from query_api.routes.documents import (
    FRESH,
    PAGE_HEADERS,
    TAGGED,
    TO_MESSAGE,
    TO_THIS,
    to_commands,
    unchanged,
)
from query_api.routes.pages import answer, link_with, page_response
from query_api.routes.requests import freshness, reads
from query_api.schemas import answers
from query_api.schemas.parameters import PATH, LastQuery, MessageQuery, MessagesQuery, UnreadQuery
from runtime.ids import MessageId
from web.blueprints import ApiBlueprint
from web.conditional import conditional_json
from web.guard import current_identity
from web.message_schema import MESSAGE, MessageSchema

blueprint = ApiBlueprint("messages", __name__, description="Messages, as one of the two sees them.")


@blueprint.route(
    "/conversations/<username>/messages", methods=["GET"], parameters=[PATH["username"]]
)
@blueprint.arguments(MessagesQuery, location="query")
@blueprint.response(200, answers.MessagePageSchema, example=answers.MESSAGES, headers=PAGE_HEADERS)
@unchanged(blueprint)
@blueprint.problems(*FRESH)
@blueprint.links(200, message=TO_MESSAGE)
def conversation_messages(query: dict[str, Any], username: str) -> Response:
    """Show the messages of your conversation with a user.

    Ascending by position: the newest page, or the one before or after a position. `next` leads to
    newer messages, `prev` to older ones. Messages deleted for everyone are left out unless asked
    for; those deleted for you are gone.
    """
    window = Window(
        limit=query["limit"],
        before=query.get("before"),
        after=query.get("after"),
        tombstones="include" in query,
    )
    me, fresh = current_identity().account_id, freshness()
    return answer(
        partial(reads().stamps.of_conversation, me, username, fresh),
        partial(reads().messages.page, me, username, window, fresh),
        partial(_page_response, window),
    )


def _page_response(window: Window, page: MessagePage, tag: str) -> Response:
    newer, older = page.newer, page.older
    # A page between two bounds goes on up to the upper one; downwards it leaves the lower behind.
    bounded = window.after is not None
    upper = window.before if bounded else None
    return page_response(
        page.items,
        next_page=None if newer is None else link_with({"before": upper, "after": newer}),
        prev_page=None if older is None else link_with({"after": None, "before": older}),
        tag=tag,
    )


@blueprint.route(
    "/conversations/<username>/messages/last", methods=["GET"], parameters=[PATH["username"]]
)
@blueprint.arguments(LastQuery, location="query")
@blueprint.response(200, MessageSchema, example=MESSAGE, headers=TAGGED)
@unchanged(blueprint)
@blueprint.problems(*FRESH)
@blueprint.links(200, message=TO_THIS, **to_commands("$response.body#/id"))
def last_message(query: dict[str, Any], username: str) -> Response:
    """Show the last message from a user to you.

    With `?from=any` the last from either of you. Where there is none: 404.
    """
    me, fresh = current_identity().account_id, freshness()
    return answer(
        partial(reads().stamps.of_conversation, me, username, fresh),
        partial(reads().messages.last, me, username, fresh, from_either="sender" in query),
        lambda message, tag: conditional_json(message, etag=tag),
    )


@blueprint.route(
    "/conversations/<username>/messages/unread", methods=["GET"], parameters=[PATH["username"]]
)
@blueprint.arguments(UnreadQuery, location="query")
@blueprint.response(
    200, answers.MessagePageSchema, example=answers.UNREAD_MESSAGES, headers=PAGE_HEADERS
)
@unchanged(blueprint)
@blueprint.problems(*FRESH)
@blueprint.links(200, message=TO_MESSAGE)
def unread_messages(query: dict[str, Any], username: str) -> Response:
    """Show the messages from a user that you have yet to read, the oldest first.

    Showing them does not mark them as read: `POST /command/v1/conversations/{username}/read` does.
    """
    window = Window(limit=query["limit"], after=query.get("after"))
    me, fresh = current_identity().account_id, freshness()
    return answer(
        partial(reads().stamps.of_conversation, me, username, fresh),
        partial(reads().messages.unread, me, username, window, fresh),
        _unread_response,
    )


def _unread_response(page: MessagePage, tag: str) -> Response:
    newer = None if page.newer is None else link_with({"after": page.newer})
    return page_response(page.items, next_page=newer, prev_page=None, tag=tag)


@blueprint.route("/messages/<uuid:message_id>", methods=["GET"], parameters=[PATH["message_id"]])
@blueprint.arguments(MessageQuery, location="query")
@blueprint.response(200, MessageSchema, example=MESSAGE, headers=TAGGED)
@unchanged(blueprint)
@blueprint.problems(*FRESH)
@blueprint.links(200, **to_commands("$response.body#/id"))
def one_message(query: dict[str, Any], message_id: UUID) -> Response:
    """Show one message that you sent or received.

    One that others wrote to one another is 404, as one that never was.
    """
    message = reads().messages.one(
        current_identity().account_id,
        MessageId(message_id),
        freshness(),
        tombstones="include" in query,
    )
    return conditional_json(message)
