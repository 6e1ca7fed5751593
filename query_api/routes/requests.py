"""What the routes share: the reads they call, and how fresh an answer the request asks for."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app, request

from query_api.reads.conversations import Conversations
from query_api.reads.events import Events
from query_api.reads.freshness import Freshness
from query_api.reads.messages import Messages
from query_api.reads.search import Search
from query_api.reads.stamps import Stamps
from query_api.reads.unread import UnreadCounts
from query_api.streaming.streaming import Streaming
from web.consistency import ConsistencyTokens
from web.guard import current_identity
from web.paging import Cursors
from web.preferences import wait_seconds

_EXTENSION = "query_api"
_TOKEN = "HTTP_CONSISTENCY_TOKEN"  # noqa: S105  # a header's name
_PREFER = "HTTP_PREFER"
_DEFAULT_WAIT_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Reads:
    """Everything that the routes read with, wired once."""

    messages: Messages
    conversations: Conversations
    unread: UnreadCounts
    search: Search
    stamps: Stamps
    events: Events
    tokens: ConsistencyTokens
    cursors: Cursors
    streaming: Streaming


def serve(app: Flask, reads: Reads) -> None:
    """Let the routes of `app` read with `reads`."""
    app.extensions[_EXTENSION] = reads


def reads() -> Reads:
    """Return what the present app reads with."""
    found: Reads = current_app.extensions[_EXTENSION]
    return found


def freshness(*, default_wait: float = _DEFAULT_WAIT_S) -> Freshness:
    """Return how fresh an answer the present request asks for.

    Args:
        default_wait: Seconds to wait for its tokens where it does not say how long.

    Raises:
        ConsistencyTokenInvalidError: One of its tokens is malformed or changed.
    """
    environ = request.environ
    tokens = reads().tokens.decode_all(environ.get(_TOKEN))
    return Freshness(
        tokens=tokens,
        seconds=wait_seconds(environ.get(_PREFER), default_wait),
        account=current_identity().account_id,
    )
