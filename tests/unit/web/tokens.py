"""Makes access tokens, right ones and wrong ones."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ISSUER = "http://127.0.0.1:8080"
KID = "key-1"
PRIVATE = Ed25519PrivateKey.generate()
ACCOUNT = UUID(int=1)
SESSION = UUID(int=2)


class OneKey:
    """Knows one key."""

    def get(self, kid: str) -> Ed25519PublicKey | None:
        return PRIVATE.public_key() if kid == KID else None


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a good token with some changed; None leaves a claim out."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": "messaging",
        "sub": str(ACCOUNT),
        "sid": str(SESSION),
        "jti": str(UUID(int=3)),
        "typ": "access",
        "iat": now,
        "exp": now + 300,
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(
    payload: dict[str, Any],
    *,
    key: Any = PRIVATE,
    algorithm: str = "EdDSA",
    headers: dict[str, Any] | None = None,
) -> str:
    """Return a token with these claims."""
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": KID, **(headers or {})})
