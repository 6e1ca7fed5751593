"""The OpenAPI 3.1 document of a service, built from its blueprints and served as `openapi.json`."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import flask_smorest
import orjson
from flask import Blueprint, Flask, Response

from web.blueprints import ApiBlueprint
from web.guard import public
from web.responses import JSON
from web.traits import takes_any_query

_PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["/problems/not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "object",
            "description": "For each field at fault, by its path, what is wrong with it.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
}
_HEADERS = {
    "X-Request-ID": ("The request's own id if it was well-formed, else a new one.", "string"),
    "WWW-Authenticate": ("How to authenticate (RFC 6750).", "string"),
    "Retry-After": ("Seconds to wait.", "integer"),
}
_SCHEMES = {
    "bearerAuth": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token from /auth/v1/login or /auth/v1/token.",
    },
    "refreshCookie": {"type": "apiKey", "in": "cookie", "name": "refresh_token_cookie"},
    "csrfHeader": {"type": "apiKey", "in": "header", "name": "X-CSRF-TOKEN"},
}


class Api(flask_smorest.Api):  # type: ignore[misc]  # flask-smorest has no types
    """The blueprints of one service and the document that describes them."""

    # web.blueprints documents the default answer: a problem.
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask, *, prefix: str, description: str, public_url: str) -> None:
        """Serve everything under `prefix`; the app's config holds title and versions."""
        self._prefix = prefix
        super().__init__(
            app,
            spec_kwargs={
                "info": {"description": description, "license": _LICENSE},
                "servers": [{"url": public_url}],
                "security": [{"bearerAuth": []}],
            },
        )
        self.spec.components.schema("Problem", _PROBLEM)
        for name, (text, kind) in _HEADERS.items():
            self.spec.components.header(name, {"description": text, "schema": {"type": kind}})
        for name, scheme in _SCHEMES.items():
            self.spec.components.security_scheme(name, scheme)

    def register_blueprint(
        self,
        blp: ApiBlueprint,
        *,
        parameters: Any = None,  # flask-smorest's
        **options: Any,  # Flask's
    ) -> None:
        """Serve and document `blp`, under the service's prefix whether it names it or not."""
        if not isinstance(blp, ApiBlueprint):
            raise TypeError("use web.blueprints.ApiBlueprint: others read requests leniently")
        own = options.pop("url_prefix", blp.url_prefix) or ""
        within = own if own.startswith(self._prefix) else self._prefix + own
        super().register_blueprint(blp, parameters=parameters, url_prefix=within, **options)

    @cached_property
    def document(self) -> bytes:
        """The OpenAPI document as JSON; made at its first use, when all blueprints are in."""
        return orjson.dumps(self.spec.to_dict(), option=orjson.OPT_INDENT_2)

    def document_page(self) -> Blueprint:
        """Return the blueprint of `openapi.json`."""
        blueprint = Blueprint("openapi", __name__)

        @public
        @takes_any_query
        def openapi() -> Response:
            """Serve the OpenAPI document."""
            return Response(self.document, headers={"Cache-Control": "no-cache"}, content_type=JSON)

        blueprint.add_url_rule("/openapi.json", view_func=openapi)
        return blueprint

    def _register_error_handlers(self) -> None:
        # web.lifecycle answers every error; flask-smorest's own answers are no problem+json.
        return


_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
