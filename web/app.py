"""The factory of the three APIs: one Flask app with all the rules that they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import marshmallow as ma
from flask import Flask, Response

import runtime.logging
from runtime.errors import MessagingError
from runtime.exposition import Look
from runtime.settings import ProfileSettings, Reader, ServiceSettings
from web.access_log import AccessLog
from web.blueprints import ApiBlueprint
from web.bodies import MOST_BYTES
from web.documents import cache_control_header
from web.guard import Guard, public
from web.health import Check, Readiness
from web.lifecycle import Lifecycle
from web.metrics import metrics_page
from web.openapi import Api
from web.pages import docs_pages
from web.problems import Problem
from web.profiling import Profiler
from web.responses import json_response

ServiceName = Literal["auth", "command", "query"]

_CACHE_CONTROL: Mapping[ServiceName, str] = {
    "auth": "no-store",
    "command": "no-store",
    "query": "private, no-cache",
}
_NO_PROFILE = ProfileSettings()


@dataclass(frozen=True, kw_only=True)
class ApiSettings(ServiceSettings):
    """What each of the APIs has: a name, a log level, the public address and a title.

    `profile` says whether each answer tells its cost.
    """

    public_url: str
    title: str
    profile: ProfileSettings = _NO_PROFILE

    @classmethod
    def read(cls, reader: Reader, *, title: str = "messaging") -> ApiSettings:
        """Read the group."""
        service = ServiceSettings.read(reader)
        return cls(
            service=service.service,
            log_level=service.log_level,
            public_url=reader.url("MESSAGING_PUBLIC_URL", "http://127.0.0.1:8080").rstrip("/"),
            title=title,
            profile=ProfileSettings.read(reader),
        )


def build_api(  # noqa: PLR0913  # a factory's keywords, each told apart below
    *,
    name: ServiceName,
    title: str,
    description: str,
    service: ServiceSettings,
    public_url: str,
    statuses: Mapping[type[MessagingError], Problem],
    parts: Mapping[str, Check],
    guard: Guard | None,
    looks: Mapping[str, Look] = MappingProxyType({}),
    profile: ProfileSettings = _NO_PROFILE,
) -> tuple[Flask, Api]:
    """Return the app of one service, and the API on which to register its blueprints.

    Every route is guarded unless its view is marked `@public`; errors are problem+json; bodies and
    queries are read strictly; health, openapi.json and docs are there.

    Args:
        name: Which of the three; its routes lie under `/<name>/v1`.
        title: The title of its OpenAPI document.
        description: What it is for, in Markdown.
        service: How the process is called in logs and how much it logs.
        public_url: NGINX's address as clients see it.
        statuses: The problem that stands for each of the service's own errors.
        parts: For each part it needs, a check that raises UnavailableError when it is not ready.
        guard: Who checks access tokens; None makes every route public.
        looks: What `/metrics` looks at when asked, beside what was measured.
        profile: Whether each answer tells its cost.
    """
    runtime.logging.configure(service)
    prefix = f"/{name}/v1"
    app = _flask_app(title)
    if profile.enabled:
        Profiler(app, profile, prefix=prefix)
    Lifecycle(
        app,
        guard=guard,
        statuses=statuses,
        cache_control=_CACHE_CONTROL[name],
        access_log=AccessLog(service=service.service),
    )
    api = Api(
        app,
        prefix=prefix,
        description=description,
        public_url=public_url,
        cache_control=_CACHE_CONTROL[name],
    )
    api.register_blueprint(_health(Readiness(parts)))
    app.register_blueprint(api.document_page(), url_prefix=prefix)
    app.register_blueprint(docs_pages(title=title), url_prefix=prefix)
    app.register_blueprint(metrics_page(looks))
    return app, api


def _flask_app(title: str) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.config.update(
        API_TITLE=title,
        API_VERSION="1",
        OPENAPI_VERSION="3.1.0",
        MAX_CONTENT_LENGTH=MOST_BYTES,
    )
    # A path has one spelling; a redirect would lose the body of a command.
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    return app


class HealthSchema(ma.Schema):
    """The answer of healthz."""

    status = ma.fields.String(required=True, metadata={"enum": ["ok"]})


class PartSchema(ma.Schema):
    """Whether one part is ready."""

    status = ma.fields.String(required=True, metadata={"enum": ["ready", "unready"]})
    detail = ma.fields.String()


class ReadinessSchema(ma.Schema):
    """The answer of readyz."""

    status = ma.fields.String(required=True, metadata={"enum": ["ready", "unready"]})
    parts = ma.fields.Dict(
        keys=ma.fields.String(), values=ma.fields.Nested(PartSchema), required=True
    )


_READY = {"status": "ready", "parts": {"database": {"status": "ready"}}}
_UNREADY = {
    "status": "unready",
    "parts": {"database": {"status": "unready", "detail": "The database does not answer."}},
}
_NOT_KEPT = {"Cache-Control": cache_control_header("no-store")}


def _health(readiness: Readiness) -> ApiBlueprint:
    blueprint = ApiBlueprint("health", __name__, description="Whether the service can work.")

    @blueprint.route("/healthz", methods=["GET"])
    @blueprint.response(200, HealthSchema, example={"status": "ok"}, headers=_NOT_KEPT)
    @public
    def healthz() -> Response:
        """Tell that the process is up.

        It is so whatever it depends on: whether that is there as well, `readyz` tells.
        """
        return json_response({"status": "ok"}, headers={"Cache-Control": "no-store"})

    @blueprint.route("/readyz", methods=["GET"])
    @blueprint.response(200, ReadinessSchema, example=_READY, headers=_NOT_KEPT)
    @blueprint.alt_response(
        503,
        schema=ReadinessSchema,
        description="Some part is not ready.",
        example=_UNREADY,
        headers=_NOT_KEPT,
    )
    @public
    def readyz() -> Response:
        """Tell whether every part that this service needs is ready.

        Each part is named; what is wrong with one that is not ready is said in a sentence.
        """
        return readiness.response()

    return blueprint
