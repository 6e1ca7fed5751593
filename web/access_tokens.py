"""What every token of ours must look like, and the check of access tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from runtime.ids import AccountId, SessionId
from web.guard import Identity, TokenInvalidError, VerifiedToken

ALGORITHM = "EdDSA"
ACCESS_AUDIENCE = "messaging"
ACCESS_TYPE = "access"

# No extension, and no key that the token itself brings or names by address.
_REFUSED_HEADERS = frozenset({"crit", "jku", "jwk", "x5u", "x5c", "b64"})
_REQUIRED = ("iss", "aud", "sub", "sid", "jti", "typ", "iat", "exp")
_LONGEST_TOKEN = 4_096


class PublicKeys(Protocol):
    """Knows the public keys by which tokens may be signed at present."""

    def get(self, kid: str) -> Ed25519PublicKey | None:
        """Return the key of this id, or None where there is none."""


class TokenVerifier:
    """Checks access tokens: EdDSA by a known key, ours, for this service, not expired."""

    def __init__(self, keys: PublicKeys, *, issuer: str) -> None:
        """Trust `keys` and what they sign for `issuer`."""
        self._keys = keys
        self._issuer = issuer

    def verify(self, token: str) -> VerifiedToken:
        """Return what `token` proves.

        Raises:
            TokenInvalidError: It proves nothing.
            UnavailableError: Its key cannot be fetched just now.
        """
        key = signing_key(token, self._keys)
        claims = _claims(token, key, self._issuer)
        if claims["typ"] != ACCESS_TYPE:
            raise TokenInvalidError("The token is no access token.")
        try:
            identity = Identity(AccountId(UUID(claims["sub"])), SessionId(UUID(claims["sid"])))
        except (ValueError, TypeError, AttributeError) as error:
            raise TokenInvalidError("The token names no account and session.") from error
        return VerifiedToken(identity, float(claims["exp"]))


def signing_key(token: str, keys: PublicKeys) -> Ed25519PublicKey:
    """Return the key that `token` says it is signed with, once its header is acceptable.

    Raises:
        TokenInvalidError: The header is malformed, names another algorithm, an unknown key, or
            anything that would make a verifier look elsewhere.
    """
    header = _header(token)
    if header.get("alg") != ALGORITHM:
        raise TokenInvalidError("The token is not signed with EdDSA.")
    if not _REFUSED_HEADERS.isdisjoint(header):
        raise TokenInvalidError("The token has a header that is not accepted.")
    kid = header.get("kid")
    key = keys.get(kid) if isinstance(kid, str) and kid else None
    if key is None:
        raise TokenInvalidError("The token is signed with an unknown key.")
    return key


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        raise TokenInvalidError("The token is malformed.")
    try:
        return jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, RecursionError) as error:
        raise TokenInvalidError("The token is malformed.") from error


def _claims(token: str, key: Ed25519PublicKey, issuer: str) -> Mapping[str, Any]:
    try:
        return jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=ACCESS_AUDIENCE,
            issuer=issuer,
            options={"require": list(_REQUIRED), "strict_aud": True},
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenInvalidError("The token has expired.") from error
    except jwt.InvalidAudienceError as error:
        raise TokenInvalidError("The token is meant for another audience.") from error
    except (jwt.InvalidTokenError, RecursionError) as error:
        raise TokenInvalidError("The token does not hold.") from error
