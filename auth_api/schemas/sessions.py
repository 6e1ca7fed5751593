"""Logins and tokens as clients write and see them."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields

from auth_api.schemas.passwords import PasswordField
from web.strict_schemas import StrictSchema, Text

_LONGEST_USERNAME = 256


class LoginSchema(StrictSchema):
    """What it takes to log in."""

    # Whatever cannot be a username or a password is a wrong one: the answer tells no difference.
    username = Text(
        least=1, most=_LONGEST_USERNAME, required=True, metadata={"examples": ["alice"]}
    )
    password = PasswordField(required=True, metadata={"examples": ["correct horse battery"]})


class TokenSchema(ma.Schema):
    """An access token; the refresh token comes as a cookie."""

    access_token = fields.String(
        required=True, metadata={"description": "A JWT, for the Authorization header."}
    )
    token_type = fields.String(required=True, metadata={"enum": ["Bearer"]})
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds."})


class SessionSchema(ma.Schema):
    """A session as its owner sees it."""

    id = fields.UUID(required=True)
    created_at = fields.String(required=True, metadata={"format": "date-time"})
    last_used_at = fields.String(required=True, metadata={"format": "date-time"})
    user_agent = fields.String(required=True)
    address = fields.String(required=True)
    current = fields.Boolean(
        required=True, metadata={"description": "Whether the access token is of this session."}
    )


class SessionListSchema(ma.Schema):
    """The live sessions of an account."""

    items = fields.List(fields.Nested(SessionSchema), required=True)


class JwkSchema(ma.Schema):
    """A public key (RFC 8037)."""

    kty = fields.String(required=True, metadata={"enum": ["OKP"]})
    crv = fields.String(required=True, metadata={"enum": ["Ed25519"]})
    use = fields.String(required=True, metadata={"enum": ["sig"]})
    alg = fields.String(required=True, metadata={"enum": ["EdDSA"]})
    kid = fields.String(required=True)
    x = fields.String(required=True)


class JwksSchema(ma.Schema):
    """The public keys by which access tokens are verified (RFC 7517)."""

    keys = fields.List(fields.Nested(JwkSchema), required=True)


LOGIN: dict[str, Any] = {"username": "alice", "password": "correct horse battery"}
TOKEN: dict[str, Any] = {
    "access_token": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiI…",
    "token_type": "Bearer",
    "expires_in": 300,
}
SESSIONS: dict[str, Any] = {
    "items": [
        {
            "id": "0197f9d1-8c3e-7c02-b1a4-5b0f6d3f2a13",
            "created_at": "2026-01-31T10:15:42.123456Z",
            "last_used_at": "2026-01-31T18:02:11.000317Z",
            "user_agent": "curl/8.14.1",
            "address": "192.0.2.7",
            "current": True,
        }
    ]
}
SESSION_ID: dict[str, Any] = {
    "in": "path",
    "name": "session_id",
    "required": True,
    "description": "The session's id, from the list of sessions.",
    "schema": {"type": "string", "format": "uuid"},
    "example": "0197f9d1-8c3e-7c02-b1a4-5b0f6d3f2a13",
}
JWKS: dict[str, Any] = {
    "keys": [
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": "20260131T101500Z-5f3a9c1e",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }
    ]
}
