"""The route of the event stream: what happens to your conversations, as it is applied."""

from __future__ import annotations

import select
import socket

from flask import Response

from query_api.routes.documents import STREAM_EXAMPLE, STREAM_HEADERS
from query_api.routes.requests import reads
from web.blueprints import ApiBlueprint
from web.contexts import current_request
from web.guard import current_identity
from web.traits import produces

_EVENTS = "text/event-stream"
_HEADERS = {
    "Cache-Control": "no-store",
    # For proxies like NGINX: pass on each event when it comes.
    "X-Accel-Buffering": "no",
}
_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The last `id` that you got: all that happened since is sent first.",
    "schema": {"type": "string", "format": "resume-id"},
    "example": "AYDk4P-ZMgMAAAAaG9sZCB0aGUgbGluZQ",
}
# Whoever reads nothing for so long is cut off; NGINX does so after 30 s.
_LONGEST_WRITE_S = 45.0

blueprint = ApiBlueprint("stream", __name__, description="What happens, as it happens.")


@blueprint.route("/stream", methods=["GET"], parameters=[_LAST_EVENT_ID])
@blueprint.response(
    200,
    {"type": "string", "format": "event-stream"},
    content_type=_EVENTS,
    description="Server-sent events, until you go away or the access token expires.",
    example=STREAM_EXAMPLE,
    headers=STREAM_HEADERS,
)
@blueprint.problems("last-event-id-invalid", "too-many-streams", "streams-full")
@produces(_EVENTS)
def stream() -> Response:
    """Tell of what happens to your conversations, as it is applied.

    Server-sent events: `message.sent`, `message.edited` and `message.deleted` with the message as
    you may see it when it is told, `conversation.read` with up to where somebody read. Both
    parties are told, the one who did it too. A message deleted for everyone, or by the deletion
    of its sender's account, comes with `deleted_at` and without text; one that you deleted for
    yourself without either, and to you alone.

    Each event has an `id`; the first, without data, comes at once. Send the last one that you got
    as `Last-Event-ID`, and nothing is lost, and nothing told twice; but for what could not be
    applied in its turn and was retried by an operator: that is seen by queries alone. The stream
    ends when the session or the access token does: come back with a fresh token.
    """
    request = current_request()
    if request.method == "HEAD":
        return Response(headers=_HEADERS, content_type=_EVENTS)
    client: socket.socket | None = request.environ.get("gunicorn.socket")
    if client is not None:
        client.settimeout(_LONGEST_WRITE_S)
    opened = reads().streaming.open(
        current_identity(),
        request.environ.get("HTTP_LAST_EVENT_ID"),
        is_gone=lambda: client is not None and _is_gone(client),
    )
    response = Response(opened.chunks, headers=_HEADERS, content_type=_EVENTS)
    response.call_on_close(opened.close)
    return response


def _is_gone(client: socket.socket) -> bool:
    """Return whether the other end of a connection has been closed."""
    look = select.poll()
    try:
        look.register(client, select.POLLRDHUP)
        return bool(look.poll(0))
    except (OSError, ValueError):
        return True
