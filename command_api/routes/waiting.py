"""Answers of commands whose client waits for their effect (RFC 7240, `Prefer: wait`)."""

from __future__ import annotations

from flask import Response, request

from command_api.handlers.accepting import Accepted, Answer
from command_api.handlers.context import Context
from command_api.outcomes import Question
from command_api.routes.answers import accepted, headers_of
from web.preferences import wait_requested
from web.responses import JSON


def applied_or_accepted(answer: Answer, context: Context, *, status: int) -> Response:
    """Return the command's message with `status` once it is applied, else the usual 202.

    Only who prefers to wait is answered later than at once.
    """
    (result,) = answer.results
    seconds = int(wait_requested(request.environ.get("HTTP_PREFER")) or 0)
    if seconds and isinstance(result, Accepted) and result.message_id is not None:
        message = context.tools.outcomes.message(
            Question(
                event_id=result.event_id,
                message_id=result.message_id,
                consistency_token=result.consistency_token,
                seconds=seconds,
                authorization=request.environ["HTTP_AUTHORIZATION"],
                request_id=context.request_id,
            )
        )
        if message is not None:
            headers = headers_of(answer)
            headers["Location"] = f"/query/v1/messages/{result.message_id}"
            headers["Preference-Applied"] = f"wait={seconds}"
            return Response(message, status, headers, content_type=JSON)
    return accepted(answer)
