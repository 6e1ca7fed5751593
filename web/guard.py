"""The token guard: every route needs an access token unless its view is marked `@public`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from flask import g

from runtime.ids import AccountId, SessionId
from web.problems import CATALOGUE, ProblemError
from web.traits import PUBLIC

LONGEST_MEMORY_S = 4.0
_SCHEME = "bearer"

View = TypeVar("View", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sends a request: an account, in one of its sessions.

    `expires_at` (seconds since 1970) is when the access token does that proves it.
    """

    account_id: AccountId
    session_id: SessionId
    expires_at: float = field(default=float("inf"), compare=False)


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What an access token proves, until it expires (seconds since 1970)."""

    identity: Identity
    expires_at: float


class TokenInvalidError(ProblemError):
    """The access token is malformed, expired, revoked, or not meant for this service."""

    def __init__(self, detail: str) -> None:
        """Say why in `detail`: ASCII without quotes, for it goes into a header as well."""
        challenge = f'Bearer error="invalid_token", error_description="{detail}"'
        super().__init__(
            CATALOGUE["token-invalid"], detail, headers={"WWW-Authenticate": challenge}
        )


class TokenMissingError(ProblemError):
    """This needs an access token, and the request has none."""

    def __init__(self) -> None:
        """Challenge without an error code, as RFC 6750 asks."""
        super().__init__(CATALOGUE["unauthorized"], headers={"WWW-Authenticate": "Bearer"})


class Verifier(Protocol):
    """Checks an access token by itself."""

    def verify(self, token: str) -> VerifiedToken:
        """Return what `token` proves, or raise TokenInvalidError."""


class Revocations(Protocol):
    """Knows the sessions that have ended while their access tokens still run."""

    def is_revoked(self, session_id: SessionId) -> bool:
        """Return whether the session has ended."""


def public(view: View) -> View:
    """Mark a view that anybody may use without a token."""
    setattr(view, PUBLIC, True)
    return view


class Guard:
    """Lets a request pass by its access token, remembered for 4 seconds at most.

    So a session's end is effective within 5 seconds, and a busy client's signature is checked
    once in 4 seconds.
    """

    def __init__(
        self,
        verifier: Verifier,
        revocations: Revocations,
        *,
        remembered: int = 10_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Ask `verifier`, then `revocations`; keep at most twice `remembered` answers."""
        self._verifier = verifier
        self._revocations = revocations
        self._remembered = remembered
        self._clock = clock
        # Two generations make a bounded memory without bookkeeping: the young one becomes the
        # old one when it is full, and what is used only moves up by being verified again.
        self._young: dict[str, tuple[Identity, float]] = {}
        self._old: dict[str, tuple[Identity, float]] = {}

    def identify(self, authorization: str | None) -> Identity:
        """Return whose token an Authorization header carries.

        Raises:
            TokenMissingError: There is no bearer token in it.
            TokenInvalidError: There is one, but it proves nothing.
            UnavailableError: Whether it does cannot be found out just now.
        """
        token = _bearer(authorization)
        now = self._clock()
        known = self._young.get(token) or self._old.get(token)
        if known is not None and now < known[1]:
            return known[0]
        verified = self._verifier.verify(token)
        if self._revocations.is_revoked(verified.identity.session_id):
            raise TokenInvalidError("The session has ended.")
        identity = replace(verified.identity, expires_at=verified.expires_at)
        self._remember(token, identity, now)
        return identity

    def _remember(self, token: str, identity: Identity, now: float) -> None:
        if len(self._young) >= self._remembered:
            self._old, self._young = self._young, {}
        until = min(now + LONGEST_MEMORY_S, identity.expires_at)
        self._young[token] = (identity, until)


def current_identity() -> Identity:
    """Return who sends the present request; its view must be guarded."""
    identity: Identity = g.identity
    return identity


def _bearer(authorization: str | None) -> str:
    if not authorization:
        raise TokenMissingError
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != _SCHEME:
        raise TokenMissingError
    token = token.strip(" ")
    if not token:
        raise TokenInvalidError("The header holds no token.")
    return token
