"""The two kinds of tokens: access tokens for every service, refresh tokens for this one alone."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import jwt

from auth_api.keys import SigningKeys
from auth_api.settings import Lifetimes
from runtime.clock import Clock, utc_now
from runtime.ids import AccountId, SessionId, new_id
from web.access_tokens import ACCESS_AUDIENCE, ACCESS_TYPE, ALGORITHM

# Another audience than the access token's: neither can ever pass as the other.
REFRESH_AUDIENCE = "messaging-refresh"
REFRESH_TYPE = "refresh"


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a login or a refresh has earned: tokens of this session.

    Attributes:
        account_id: Whose session it is.
        session_id: The session.
        refresh_id: The id of the refresh token to be handed out.
        ends_at: When that refresh token expires at the latest.
    """

    account_id: AccountId
    session_id: SessionId
    refresh_id: UUID
    ends_at: datetime


@dataclass(frozen=True, kw_only=True)
class AccessToken:
    """A signed access token, and for how many seconds it is good."""

    text: str
    seconds: int


class Tokens:
    """Writes tokens, signed with the current key."""

    def __init__(
        self, keys: SigningKeys, *, issuer: str, lifetimes: Lifetimes, clock: Clock = utc_now
    ) -> None:
        """Sign with `keys` in the name of `issuer`, the service's public address."""
        self._keys = keys
        self._issuer = issuer
        self._lifetimes = lifetimes
        self._clock = clock

    def access(self, grant: Grant) -> AccessToken:
        """Return an access token for the session, which does not outlive it."""
        now = self._clock()
        expires_at = min(now + timedelta(seconds=self._lifetimes.access), grant.ends_at)
        text = self._signed(
            grant, jti=new_id(), aud=ACCESS_AUDIENCE, typ=ACCESS_TYPE, iat=now, exp=expires_at
        )
        return AccessToken(text=text, seconds=int((expires_at - now).total_seconds()))

    def refresh(self, grant: Grant) -> str:
        """Return the refresh token for the session, with a CSRF token of its own inside."""
        return self._signed(
            grant,
            jti=grant.refresh_id,
            aud=REFRESH_AUDIENCE,
            typ=REFRESH_TYPE,
            iat=self._clock(),
            exp=grant.ends_at,
            # What flask-jwt-extended looks for.
            type=REFRESH_TYPE,
            fresh=False,
            csrf=secrets.token_urlsafe(24),
        )

    def _signed(self, grant: Grant, *, jti: UUID, **claims: object) -> str:
        key = self._keys.current()
        identity = {"sub": str(grant.account_id), "sid": str(grant.session_id), "jti": str(jti)}
        return jwt.encode(
            {"iss": self._issuer, **identity, **claims},
            key.private,
            algorithm=ALGORITHM,
            headers={"kid": key.kid},
        )
