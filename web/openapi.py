"""The OpenAPI 3.1 document of a service, built from its blueprints and served as `openapi.json`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import flask_smorest
import orjson
from flask import Blueprint, Flask, Response

from web.blueprints import ApiBlueprint
from web.documents import complete
from web.guard import public
from web.problem_documents import PROBLEM_SCHEMA
from web.responses import JSON
from web.traits import takes_any_query

_HEADERS: Mapping[str, tuple[str, dict[str, Any], str | int]] = {
    "X-Request-ID": (
        "The request's own id if it was well-formed, else a new one.",
        {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
        "0197f9d18c3e7c02b1a45b0f6d3f2a11",
    ),
    "X-Content-Type-Options": (
        "The content is of the type that it says.",
        {"type": "string", "const": "nosniff"},
        "nosniff",
    ),
    "Cache-Control": (
        "Nobody may keep a problem.",
        {"type": "string", "const": "no-store"},
        "no-store",
    ),
    "WWW-Authenticate": (
        "How to authenticate (RFC 6750).",
        {"type": "string", "pattern": "^Bearer"},
        'Bearer error="invalid_token", error_description="The token has expired."',
    ),
    "Retry-After": ("Seconds to wait.", {"type": "integer", "minimum": 1}, 1),
    "Allow": (
        "The methods that the path knows.",
        {"type": "string", "pattern": "^[A-Z]+(, [A-Z]+)*$"},
        "GET, HEAD, OPTIONS",
    ),
}
# What an answer to an unreadable body may say, by what made it unreadable.
_OPTIONAL_HEADERS: Mapping[str, tuple[str, str]] = {
    "Accept": ("The media type that a body must have.", "application/json"),
    "Accept-Encoding": ("The encoding that a body must have.", "identity"),
}
_SCHEMES = {
    "bearerAuth": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token from /auth/v1/login or /auth/v1/token.",
    },
    "refreshCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "refresh_token_cookie",
        "description": "The refresh token, as /auth/v1/login or /auth/v1/token set it.",
    },
    "csrfHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-TOKEN",
        "description": "The value of the cookie csrf_refresh_token, which came with it.",
    },
}


class Api(flask_smorest.Api):  # type: ignore[misc]  # flask-smorest has no types
    """The blueprints of one service and the document that describes them."""

    # web.blueprints documents the default answer: a problem.
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(
        self, app: Flask, *, prefix: str, description: str, public_url: str, cache_control: str
    ) -> None:
        """Serve everything under `prefix`; the app's config holds title and versions.

        `cache_control` is that header of answers that set none.
        """
        self._prefix = prefix
        self._cache_control = cache_control
        super().__init__(
            app,
            spec_kwargs={
                "info": {"description": description, "license": _LICENSE},
                "servers": [{"url": public_url}],
                "security": [{"bearerAuth": []}],
            },
        )
        self.spec.components.schema("Problem", PROBLEM_SCHEMA)
        for name, header in _headers().items():
            self.spec.components.header(name, header)
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
        whole = complete(self.spec.to_dict(), cache_control=self._cache_control)
        return orjson.dumps(whole)

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


def _headers() -> dict[str, dict[str, Any]]:
    always = {
        name: {"description": text, "required": True, "schema": schema, "example": example}
        for name, (text, schema, example) in _HEADERS.items()
    }
    sometimes = {
        name: {"description": text, "schema": {"type": "string"}, "example": example}
        for name, (text, example) in _OPTIONAL_HEADERS.items()
    }
    return {**always, **sometimes}


_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
