"""The 202 of a command and of a batch."""

from __future__ import annotations

from flask import Response

from command_api.handlers.accepting import Accepted, Answer
from command_api.handlers.receipts import Refused
from web.consistency import HEADER as CONSISTENCY_TOKEN
from web.responses import json_response

REPLAYED = "Idempotent-Replayed"


def accepted(answer: Answer) -> Response:
    """Return the answer to one command."""
    (result,) = answer.results
    if isinstance(result, Refused):
        raise TypeError("a command alone is refused by an error")
    headers = headers_of(answer)
    headers["Location"] = f"/query/v1/events/{result.event_id}?token={result.consistency_token}"
    return json_response(_members(result), 202, headers)


def batch_accepted(answer: Answer) -> Response:
    """Return the answer to a batch: of each command its own 202 body or its problem."""
    results = [
        result.problem if isinstance(result, Refused) else _members(result)
        for result in answer.results
    ]
    return json_response({"results": results}, 202, headers_of(answer))


def headers_of(answer: Answer) -> dict[str, str]:
    """Return the headers that every answer to a command has, as far as they apply."""
    headers = {}
    if answer.tokens:
        headers[CONSISTENCY_TOKEN] = ",".join(answer.tokens)
    if answer.replayed:
        headers[REPLAYED] = "true"
    return headers


def _members(result: Accepted) -> dict[str, object]:
    members: dict[str, object] = {"event_id": result.event_id}
    if result.message_id is not None:
        members["message_id"] = result.message_id
    members["status"] = "accepted"
    members["accepted_at"] = result.accepted_at
    members["consistency_token"] = result.consistency_token
    return members
