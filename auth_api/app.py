"""The factory of auth_api: `gunicorn "auth_api.app:create_app()"`."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from auth_api.cookies import configure_cookies
from auth_api.errors import STATUSES
from auth_api.routes import accounts, keys, sessions
from auth_api.services import Services
from auth_api.settings import Settings
from database.engines import create_engine_for
from runtime import redis_client
from runtime.meters import begin
from runtime.revocations import RevocationList
from runtime.settings import Reader
from web.access_tokens import TokenVerifier
from web.app import build_api
from web.guard import Guard
from web.health import database_answers, redis_answers

_DESCRIPTION = """Creates accounts, hands out and ends sessions.

Access tokens (JWT, EdDSA, 5 minutes) go into the `Authorization` header of all three services.
The refresh token is a cookie that only `POST /auth/v1/token` reads."""


def create_app(settings: Settings | None = None) -> Flask:
    """Return the WSGI application; without `settings` it reads them from the environment."""
    settings = settings or Settings.read(Reader())
    engine = create_engine_for(
        settings.database, application_name="api-write", pool_size=settings.database_pool
    )
    client = redis_client.connect(settings.redis)
    revocations = RevocationList(client)
    services = Services.wire(settings, engine=engine, client=client)
    issuer = settings.api.public_url
    app, api = build_api(
        name="auth",
        title=settings.api.title,
        description=_DESCRIPTION,
        service=settings.api,
        public_url=issuer,
        statuses=STATUSES,
        parts={
            "database": database_answers(engine),
            "redis": redis_answers(client),
            "ended_sessions": revocations.check,
        },
        guard=Guard(TokenVerifier(services.keys, issuer=issuer), revocations),
        profile=settings.api.profile,
    )
    # NGINX sets X-Forwarded-For, and no stranger comes without it: we listen on the loopback, or in
    # closed networks of containers.
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)  # type: ignore[method-assign]  # Flask's way
    configure_cookies(app, services.keys, issuer=issuer)
    app.extensions.update(services.attach())
    begin("messaging_logins_total", "messaging_token_refreshes_total")
    for blueprint in (accounts.blueprint, sessions.blueprint, keys.blueprint):
        api.register_blueprint(blueprint)
    return app
