"""Logging in, refreshing, logging out."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from auth_api.cookies import (
    COOKIES_DOCUMENT,
    clear_cookies,
    refresh_token_of_request,
    set_cookies,
)
from auth_api.schemas import sessions as schemas
from auth_api.schemas.sessions import LoginSchema, SessionListSchema, TokenSchema
from auth_api.services import Services, current_services
from auth_api.sessions import Client, Session
from auth_api.tokens import Grant
from runtime.clock import rfc3339
from runtime.ids import SessionId
from web.blueprints import ApiBlueprint
from web.guard import current_identity, public
from web.links import link
from web.responses import json_response, no_content

blueprint = ApiBlueprint("sessions", __name__, description="Tokens, from login to logout.")


@blueprint.route("/login", methods=["POST"])
@public
@blueprint.arguments(LoginSchema, example=schemas.LOGIN)
@blueprint.response(200, TokenSchema, example=schemas.TOKEN, headers=COOKIES_DOCUMENT)
@blueprint.links(200, sessions=link("list_sessions", "Among them the one that has begun."))
@blueprint.problems("login-failed", "too-many-failures", "too-many-requests")
def login(body: dict[str, str]) -> Response:
    """Start a session.

    An unknown username and a wrong password get the same answer after the same time.
    """
    services = current_services()
    client = Client(
        user_agent=request.headers.get("User-Agent", "").replace("\0", ""),
        address=request.remote_addr or "",
    )
    grant = services.logins.login(body["username"], body["password"], client)
    return _granted(services, grant)


@blueprint.route("/token", methods=["POST"])
@public
@blueprint.response(200, TokenSchema, example=schemas.TOKEN, headers=COOKIES_DOCUMENT)
@blueprint.problems(
    "refresh-token-invalid", "csrf-token-invalid", "session-revoked", "too-many-requests"
)
@blueprint.doc(security=[{"refreshCookie": [], "csrfHeader": []}])
def refresh() -> Response:
    """Exchange the refresh cookie for the next one and an access token.

    A refresh token is good for one use, and for 10 seconds more, so that two tabs may refresh at
    once. Using it later than that ends the whole session.
    """
    services = current_services()
    token = refresh_token_of_request(services.keys)
    return _granted(services, services.rotation.refresh(token.session_id, token.token_id))


@blueprint.route("/logout", methods=["POST"])
@blueprint.response(204, description="Ended.", headers=COOKIES_DOCUMENT)
@blueprint.problems("too-many-requests")
def logout() -> Response:
    """End this session.

    Its refresh token ends at once, its access tokens within 5 seconds.
    """
    who = current_identity()
    current_services().sessions.end(who.account_id, who.session_id)
    return _goodbye()


@blueprint.route("/sessions", methods=["GET"])
@blueprint.response(200, SessionListSchema, example=schemas.SESSIONS)
@blueprint.links(
    200,
    end=link("end_session", "End one of them.", session_id="$response.body#/items/0/id"),
)
@blueprint.problems("too-many-requests")
def list_sessions() -> Response:
    """List the account's sessions.

    The one used last comes first; `current` is the one of this request.
    """
    who = current_identity()
    sessions = current_services().sessions.of(who.account_id)
    return json_response({"items": [_shown(one, who.session_id) for one in sessions]})


@blueprint.route("/sessions", methods=["DELETE"])
@blueprint.response(204, description="All ended.", headers=COOKIES_DOCUMENT)
@blueprint.problems("too-many-requests")
def end_all_sessions() -> Response:
    """End all sessions of the account.

    This one ends too: as by a logout.
    """
    current_services().sessions.end_all(current_identity().account_id)
    return _goodbye()


@blueprint.route("/sessions/<uuid:session_id>", methods=["DELETE"], parameters=[schemas.SESSION_ID])
@blueprint.response(204, description="Ended.")
@blueprint.problems("too-many-requests")
def end_session(session_id: UUID) -> Response:
    """End one session of the account.

    As a logout, but from afar: of a lost device, say.
    """
    current_services().sessions.end(current_identity().account_id, SessionId(session_id))
    return no_content()


def _goodbye() -> Response:
    response = no_content()
    clear_cookies(response)
    return response


def _shown(session: Session, current: SessionId) -> dict[str, object]:
    return {
        "id": session.id,
        "created_at": rfc3339(session.created_at),
        "last_used_at": rfc3339(session.last_used_at),
        "user_agent": session.user_agent,
        "address": session.address,
        "current": session.id == current,
    }


def _granted(services: Services, grant: Grant) -> Response:
    access = services.tokens.access(grant)
    response = json_response(
        {"access_token": access.text, "token_type": "Bearer", "expires_in": access.seconds}
    )
    set_cookies(
        response, services.tokens.refresh(grant), ends_at=grant.ends_at, now=services.clock()
    )
    return response
