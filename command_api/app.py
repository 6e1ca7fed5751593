"""Wires the command API; `gunicorn "command_api.app:create_app()"` serves it."""

from __future__ import annotations

from functools import partial

from apispec.core import Components
from flask import Flask
from redis import Redis

from command_api.directory import Directory
from command_api.handlers.context import Tools
from command_api.last_known import LastKnownNames
from command_api.outcomes import QueryApi
from command_api.problems import STATUSES
from command_api.routes.batch import batch
from command_api.routes.conversations import conversations
from command_api.routes.messages import messages
from command_api.routes.requests import TOOLS
from command_api.schemas.batch import COMPONENTS, LEAST_MEMBERS
from command_api.settings import CommandSettings
from database.engines import create_engine_for
from events.celery_app import create_celery, wake_projector
from events.queue import EventQueue
from runtime import redis_client
from runtime.clock import utc_now
from runtime.errors import UnavailableError
from runtime.meters import begin
from runtime.profiling import counted
from runtime.revocations import RevocationList
from runtime.settings import Reader
from web.access_tokens import TokenVerifier
from web.app import build_api
from web.consistency import ConsistencyTokens
from web.guard import Guard
from web.health import Check, redis_answers
from web.keys import JwksKeys

DESCRIPTION = """\
Accepts writes and deletes.

**202 is a promise**: the event is on disk and will be applied, rejected with a reason, or set aside
where an operator sees it. It is never lost. Whether a message exists and is yours is decided when
the event is applied: look at `Location`, or send the `Consistency-Token` with any query.

Send or edit a message with `Prefer: wait=N`, and the answer shows it once that is applied: 201,
or 200 for an edit. If it is not within N seconds, 1 to 10, the answer is the usual 202.

Give a command an `Idempotency-Key`, and it can be repeated without a second effect.
"""

_IMPATIENT = {"max_retries": 0, "socket_timeout": 1.0, "socket_connect_timeout": 0.5}


def create_app(settings: CommandSettings | None = None, *, guard: Guard | None = None) -> Flask:
    """Return the app; it connects to nothing before the first request.

    Args:
        settings: What the environment holds, unless given.
        guard: Who checks access tokens, unless the usual one.
    """
    settings = settings or CommandSettings.read(Reader())
    client = redis_client.connect(settings.redis)
    tools = _tools(settings, client)
    app, api = build_api(
        name="command",
        title=settings.api.title,
        description=DESCRIPTION,
        service=settings.api,
        public_url=settings.api.public_url,
        statuses=STATUSES,
        parts={"redis": redis_answers(client), "queue": _queue_is_open(tools.queue)},
        guard=guard or _guard(settings, client),
        profile=settings.api.profile,
    )
    app.extensions[TOOLS] = tools
    begin("messaging_appends_total")
    for blueprint in (messages, conversations, batch):
        api.register_blueprint(blueprint)
    _complete_document(api.spec.components)
    return app


def _complete_document(components: Components) -> None:
    for name, schema in COMPONENTS.items():
        components.schema(name, schema=schema)
    for name, least in LEAST_MEMBERS.items():
        components.schemas[name]["minProperties"] = least


def _tools(settings: CommandSettings, client: Redis) -> Tools:
    # One thread at a time reads the directory: a connection is all that it needs.
    engine = create_engine_for(
        settings.database, application_name="api-write", pool_size=1, autocommit=True
    )
    celery = create_celery(settings.broker, partitions=settings.queue.partitions)
    # A wake-up must not hold up a 202: one that is lost is repeated by the sweep.
    celery.conf.broker_transport_options |= _IMPATIENT
    wake = partial(wake_projector, celery)
    return Tools(
        queue=EventQueue(client, settings.queue),
        directory=Directory(engine, LastKnownNames(client)),
        tokens=ConsistencyTokens(settings.consistency_key),
        rate=settings.rate,
        # Celery's own connections to Redis count nothing.
        wake=counted("redis", wake) if settings.api.profile.enabled else wake,
        clock=utc_now,
        outcomes=QueryApi(settings.query_url),
    )


def _guard(settings: CommandSettings, client: Redis) -> Guard:
    verifier = TokenVerifier(JwksKeys(settings.jwks_url), issuer=settings.api.public_url)
    return Guard(verifier, RevocationList(client))


def _queue_is_open(queue: EventQueue) -> Check:
    def check() -> None:
        if queue.epoch() is None:
            raise UnavailableError("The event queue has not been opened yet.")

    return check
