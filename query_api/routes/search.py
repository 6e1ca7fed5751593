"""The route of search: my messages by their words."""

from __future__ import annotations

from functools import partial
from typing import Any

import orjson
from flask import Response

from query_api.routes.documents import FRESH, PAGE_HEADERS, TO_MESSAGE, unchanged
from query_api.routes.pages import answer, place_of, sorted_page_response
from query_api.routes.requests import freshness, reads
from query_api.schemas import answers
from query_api.schemas.parameters import SearchQuery
from runtime.ids import AccountId
from web.blueprints import ApiBlueprint
from web.guard import current_identity

blueprint = ApiBlueprint("search", __name__, description="Your messages, by their words.")


@blueprint.route("/search", methods=["GET"])
@blueprint.arguments(SearchQuery, location="query")
@blueprint.response(200, answers.FoundPageSchema, example=answers.FOUND, headers=PAGE_HEADERS)
@unchanged(blueprint)
@blueprint.problems("cursor-invalid", "not-found", *FRESH)
@blueprint.links(200, message=TO_MESSAGE)
def search(query: dict[str, Any]) -> Response:
    """Find the messages that hold every one of some words, the newest first.

    Subject and body are searched, of the messages that you may see in your own conversations.
    Words are found whole, in upper or lower case; punctuation does not count. A text without a
    word finds nothing.
    """
    me, fresh = current_identity().account_id, freshness()
    words, username = query["q"], query.get("peer")
    of = _list_of(me, words, username)
    place = place_of(query.get("cursor"), of)
    stamps = reads().stamps
    if username is None:
        look = partial(stamps.of_account, me, fresh)
    else:
        look = partial(stamps.of_conversation, me, username, fresh)
    return answer(
        look,
        lambda: reads().search.page(
            me, words, username=username, limit=query["limit"], place=place, freshness=fresh
        ),
        lambda page, tag: sorted_page_response(page, of, tag),
    )


def _list_of(me: AccountId, words: str, username: str | None) -> str:
    return f"search {me} {orjson.dumps([words, username]).decode()}"
