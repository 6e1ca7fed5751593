"""Wires the query API: settings in, Flask app out."""

from __future__ import annotations

from collections.abc import Mapping

import redis
from flask import Flask

from database.engines import create_engine_for
from query_api.reads.consumption import Consumption
from query_api.reads.conversations import Conversations
from query_api.reads.errors import NothingFoundError, NotYetVisibleError
from query_api.reads.events import Events
from query_api.reads.messages import Messages
from query_api.reads.nodes import Nodes
from query_api.reads.peers import Peers
from query_api.reads.places_to_wait import PlacesToWait
from query_api.reads.reader import Reader as ReadModelReader
from query_api.reads.replica import Replica
from query_api.reads.search import Search
from query_api.reads.sessions import EndedSessions
from query_api.reads.stamps import Stamps
from query_api.reads.unread import UnreadCounts
from query_api.routes import conversations, events, messages, search, stream
from query_api.routes.requests import Reads, serve
from query_api.schemas.parameters import HEADERS
from query_api.settings import Settings
from query_api.streaming.streaming import Streaming
from runtime import redis_client
from runtime.clock import utc_now
from runtime.errors import MessagingError
from runtime.revocations import RevocationList
from runtime.settings import Reader
from web.access_tokens import TokenVerifier
from web.app import build_api
from web.catalogue import CATALOGUE, Problem
from web.consistency import ConsistencyTokens
from web.guard import Guard, Verifier
from web.health import (
    Check,
    Readiness,
    aggregate,
    heartbeat,
    redis_answers,
    service_ready,
)
from web.keys import JwksKeys
from web.openapi import Api
from web.pages import problem_pages
from web.paging import Cursors
from web.stopping import stop_with

_STATUSES: Mapping[type[MessagingError], Problem] = {
    NothingFoundError: CATALOGUE["not-found"],
    NotYetVisibleError: CATALOGUE["not-yet-visible"],
}
# The database knows ended sessions as well: a Redis that hangs is not worth a longer wait.
_REDIS_TIMEOUT_S = 0.5
_DESCRIPTION = """
Read conversations and messages. Nothing here changes anything: that is what commands are for.

Answers come from replicas, at once. To see the effect of a command, send its `Consistency-Token`
along: the answer then shows it, or is 503 `not-yet-visible` after the time that `Prefer: wait=N`
gives (seconds, 0 to 10, by default 2). Every answer has an `ETag`; `If-None-Match` makes it 304
where nothing has changed.
"""


def create_app(settings: Settings | None = None, *, verifier: Verifier | None = None) -> Flask:
    """Return the query API.

    Args:
        settings: What to connect to; by default what the environment says.
        verifier: Who checks access tokens; by default by the keys of auth_api.
    """
    settings = settings or Settings.read(Reader())
    engine = create_engine_for(
        settings.database,
        application_name="query-api",
        pool_size=settings.database_pool,
        autocommit=True,
        pre_ping=False,
    )
    client = redis_client.connect(settings.redis, answer_timeout=_REDIS_TIMEOUT_S)
    replica = Replica(engine)
    verifier = verifier or TokenVerifier(
        JwksKeys(settings.jwks_url), issuer=settings.api.public_url
    )
    consumption = Consumption(replica, limit_seconds=settings.canary.limit_seconds, clock=utc_now)
    nodes = _nodes(settings)
    ended = EndedSessions(RevocationList(client), replica)
    app, api = build_api(
        name="query",
        title=settings.api.title,
        description=_DESCRIPTION,
        service=settings.api,
        public_url=settings.api.public_url,
        statuses=_STATUSES,
        parts={"database": replica.answers, "redis": redis_answers(client)},
        guard=Guard(verifier, ended),
        looks={"replica": consumption.samples, "nodes": nodes.samples},
        profile=settings.api.profile,
    )
    streaming = Streaming.over(
        replica, client, ended, settings=settings.stream, key=settings.consistency_key
    )
    stop_with(app, streaming.close)
    serve(app, _reads(replica, settings, streaming))
    _register(api)
    app.register_blueprint(problem_pages())
    app.register_blueprint(aggregate(Readiness(_system(settings, client, nodes, consumption))))
    return app


def _reads(replica: Replica, settings: Settings, streaming: Streaming) -> Reads:
    places = PlacesToWait(most=settings.wait.limit, most_of_account=settings.wait.limit_of_account)
    reader, key = ReadModelReader(replica, places), settings.consistency_key
    peers = Peers()
    return Reads(
        messages=Messages(reader, peers),
        conversations=Conversations(reader),
        unread=UnreadCounts(reader),
        search=Search(reader, peers),
        stamps=Stamps(reader, peers),
        events=Events(reader),
        tokens=ConsistencyTokens(key),
        cursors=Cursors(key),
        streaming=streaming,
    )


def _register(api: Api) -> None:
    for name, header in HEADERS.items():
        api.spec.components.parameter(name, "header", header)
    for routes in (conversations, messages, search, events):
        api.register_blueprint(routes.blueprint, parameters=list(HEADERS))
    api.register_blueprint(stream.blueprint)


def _nodes(settings: Settings) -> Nodes:
    # A connection of its own: a check that hangs must not take one from the reads.
    return Nodes(
        create_engine_for(
            settings.database, application_name="query-api", pool_size=1, autocommit=True
        )
    )


def _system(
    settings: Settings, client: redis.Redis, nodes: Nodes, consumption: Consumption
) -> dict[str, Check]:
    """Return what the whole system needs to be ready."""
    canaries = {"consumption": consumption.check} if settings.canary.every_seconds else {}
    return {
        "auth_api": service_ready(settings.readiness.auth_url),
        "command_api": service_ready(settings.readiness.command_url),
        "pgpool": nodes.pgpool,
        "primary": nodes.primary,
        "replica": nodes.replica,
        "redis": redis_answers(client),
        "streams": service_ready(settings.readiness.stream_url),
        "workers": heartbeat(client, "workers"),
        **canaries,
    }
