"""The refresh cookie and its CSRF token: flask-jwt-extended sets them and compares them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import jwt
from flask import Flask, Response, request
from flask_jwt_extended import (
    JWTManager,
    get_jwt,
    set_refresh_cookies,
    unset_refresh_cookies,
    verify_jwt_in_request,
)
from flask_jwt_extended.exceptions import CSRFError, JWTExtendedException

from auth_api.errors import CsrfTokenInvalidError, RefreshTokenInvalidError
from auth_api.keys import SigningKeys
from auth_api.tokens import REFRESH_AUDIENCE, REFRESH_TYPE
from runtime.ids import SessionId
from web.access_tokens import ALGORITHM, signing_key
from web.guard import TokenInvalidError

_COOKIE = "refresh_token_cookie"
_CSRF_HEADER = "X-CSRF-TOKEN"
# For the OpenAPI document of what sets or clears them.
COOKIES_DOCUMENT = {
    "Set-Cookie": {
        "description": (
            "`refresh_token_cookie` (HttpOnly, Path=/auth/v1) and `csrf_refresh_token` (Path=/),"
            " both SameSite=Strict; one header line each."
        ),
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "example": "refresh_token_cookie=eyJhbGciOiJF…; HttpOnly; Path=/auth/v1; SameSite=Strict",
    }
}


@dataclass(frozen=True, kw_only=True)
class RefreshToken:
    """What a verified refresh cookie says: which token of which session it is."""

    session_id: SessionId
    token_id: UUID


def configure_cookies(app: Flask, keys: SigningKeys, *, issuer: str) -> None:
    """Make flask-jwt-extended set and read the refresh cookie in `app`."""
    app.config.update(
        JWT_ALGORITHM=ALGORITHM,
        JWT_DECODE_AUDIENCE=REFRESH_AUDIENCE,
        JWT_DECODE_ISSUER=issuer,
        JWT_TOKEN_LOCATION=["cookies"],
        JWT_COOKIE_SAMESITE="Strict",
        JWT_COOKIE_SECURE=issuer.startswith("https:"),
        JWT_REFRESH_COOKIE_PATH="/auth/v1",
        # Pages must be able to read this one, wherever they are.
        JWT_REFRESH_CSRF_COOKIE_PATH="/",
    )
    manager = JWTManager(app)
    manager.decode_key_loader(lambda header, _claims: keys.get(header["kid"]))


def set_cookies(
    response: Response, refresh_token: str, *, ends_at: datetime, now: datetime
) -> None:
    """Hand out `refresh_token` with `response`, to be kept until `ends_at`."""
    seconds = max(1, int((ends_at - now).total_seconds()))
    set_refresh_cookies(response, refresh_token, max_age=seconds)


def clear_cookies(response: Response) -> None:
    """Make the browser forget the refresh cookie, its CSRF token, and answers that it kept."""
    unset_refresh_cookies(response)
    response.headers["Clear-Site-Data"] = '"cache"'


def refresh_token_of_request(keys: SigningKeys) -> RefreshToken:
    """Return what the request's refresh cookie says, once signature and CSRF token are right.

    Raises:
        RefreshTokenInvalidError: There is no such cookie, or it proves nothing.
        CsrfTokenInvalidError: The header is missing or does not belong to the cookie.
    """
    cookie = request.cookies.get(_COOKIE)
    if not cookie:
        raise RefreshTokenInvalidError
    if not request.headers.get(_CSRF_HEADER, "").isascii():
        raise CsrfTokenInvalidError
    try:
        signing_key(cookie, keys)
        verify_jwt_in_request(refresh=True, locations=["cookies"])
        claims = get_jwt()
        if claims["typ"] != REFRESH_TYPE:
            raise RefreshTokenInvalidError
        return RefreshToken(session_id=SessionId(UUID(claims["sid"])), token_id=UUID(claims["jti"]))
    except CSRFError as error:
        raise CsrfTokenInvalidError from error
    except (
        TokenInvalidError,
        JWTExtendedException,
        jwt.InvalidTokenError,
        KeyError,
        ValueError,
        RecursionError,
    ) as error:
        raise RefreshTokenInvalidError from error
