"""What a command's request carries beside its body: who, which key, which trace."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from flask import current_app, request

from command_api.handlers.context import Context, Tools
from events.append import Idempotency
from web.guard import current_identity
from web.problems import CATALOGUE, ProblemError
from web.request_ids import current_request_id

TOOLS = "command_api.tools"
KEY_HEADER = "Idempotency-Key"
LONGEST_KEY = 255

# RFC 8941, section 3.3.3: a string; what is not quoted counts as it stands.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_ESCAPED = re.compile(r'\\(["\\])')
_BARE = re.compile(r'(?!")[ -~]*')
# W3C Trace Context, version 00; ids of zeros alone are invalid.
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# Bad commands of a batch are part of its payload: this takes whatever JSON can say.
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class IdempotencyKeyInvalidError(ProblemError):
    """The Idempotency-Key header cannot be read."""

    def __init__(self, reason: str) -> None:
        """Say in `reason` what is wrong with it."""
        super().__init__(CATALOGUE["idempotency-key-invalid"], errors={KEY_HEADER: [reason]})


def context_of(payload: Mapping[str, object]) -> Context:
    """Return the circumstances of the present request, whose payload this is.

    Raises:
        IdempotencyKeyInvalidError: The request has an idempotency key that cannot be read.
    """
    environ = request.environ
    header: str | None = environ.get("HTTP_IDEMPOTENCY_KEY")
    tools: Tools = current_app.extensions[TOOLS]
    return Context(
        actor=current_identity().account_id,
        request_id=current_request_id(),
        traceparent=well_formed_trace(environ.get("HTTP_TRACEPARENT")),
        idempotency=None if header is None else _idempotency(header, payload),
        tools=tools,
    )


def read_key(header: str) -> str:
    """Return the key that an Idempotency-Key header gives, quoted or bare.

    Raises:
        IdempotencyKeyInvalidError: It is not 1 to 255 characters of ASCII.
    """
    text = header.strip(" \t")
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        key = _ESCAPED.sub(r"\1", quoted[1])
    elif _BARE.fullmatch(text):
        key = text
    else:
        raise IdempotencyKeyInvalidError(
            "Give printable ASCII characters, bare or as one quoted string."
        )
    if not 1 <= len(key) <= LONGEST_KEY:
        raise IdempotencyKeyInvalidError(f"Give 1 to {LONGEST_KEY} characters.")
    return key


def fingerprint(method: str, path: str, payload: Mapping[str, object]) -> str:
    """Return what two requests share exactly if they are the same command."""
    return hashlib.sha256(_canonical([method, path, payload]).encode()).hexdigest()


def well_formed_trace(header: str | None) -> str | None:
    """Return a `traceparent` header if it is well-formed, else None."""
    return header if header and _TRACEPARENT.fullmatch(header) else None


def _idempotency(header: str, payload: Mapping[str, object]) -> Idempotency:
    return Idempotency(
        key=read_key(header), fingerprint=fingerprint(request.method, request.path, payload)
    )
