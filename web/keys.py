"""The public keys of auth_api as the other services know them: fetched, kept, fetched anew."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from runtime.errors import UnavailableError
from runtime.logging import get_logger

_log = get_logger(__name__)

_TIMEOUT_S = 2.0
# An unknown key id makes us ask again, but no stream of forged ids makes us ask more often.
_SHORTEST_PAUSE_S = 1.0
# A key that auth_api has withdrawn is forgotten after this.
_LONGEST_KEPT_S = 60.0
_MOST_BYTES = 65_536

Fetch = Callable[[], object]


class JwksKeys:
    """The keys that a JWKS document names; the last known ones while it cannot be fetched."""

    def __init__(
        self, url: str, *, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Fetch from `url` when a key is first needed, by httpx unless `fetch` is given."""
        self._fetch = fetch or (lambda: _download(url))
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Mapping[str, Ed25519PublicKey] | None = None
        self._asked_at = float("-inf")

    def get(self, kid: str) -> Ed25519PublicKey | None:
        """Return the key of this id, or None where auth_api has none.

        Raises:
            UnavailableError: No keys are known yet and auth_api cannot be reached.
        """
        keys = self._keys
        if keys is None or kid not in keys:
            with self._lock:
                self._refresh(_SHORTEST_PAUSE_S)
        elif self._clock() - self._asked_at > _LONGEST_KEPT_S and self._lock.acquire(
            blocking=False
        ):
            # One thread looks for withdrawn keys; the others need not wait for it.
            try:
                self._refresh(_LONGEST_KEPT_S)
            finally:
                self._lock.release()
        if self._keys is None:
            raise UnavailableError("The keys of auth_api cannot be fetched just now.")
        return self._keys.get(kid)

    def _refresh(self, pause: float) -> None:
        if self._clock() - self._asked_at <= pause:
            return
        try:
            self._keys = read_jwks(self._fetch())
        except (httpx.HTTPError, ValueError) as error:
            _log.warning("jwks.unreachable", reason=type(error).__name__)
        # Also after a failure: without keys, each request would wait for the timeout.
        self._asked_at = self._clock()


def read_jwks(document: object) -> Mapping[str, Ed25519PublicKey]:
    """Return the Ed25519 keys that a JWKS document names, by their id; others are passed over.

    Raises:
        ValueError: It is no JWKS document, or one of those keys is none.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("no JWKS document")  # noqa: TRY004  # one error for a bad document
    return {
        key["kid"]: Ed25519PublicKey.from_public_bytes(_unpadded(key["x"]))
        for key in listed
        if isinstance(key, dict)
        and key.get("kty") == "OKP"
        and key.get("crv") == "Ed25519"
        and isinstance(key.get("kid"), str)
        and isinstance(key.get("x"), str)
    }


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _download(url: str) -> object:
    # A proxy from the environment has no business between two services of ours.
    with httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
        answer = client.get(url)
    answer.raise_for_status()
    if len(answer.content) > _MOST_BYTES:
        raise ValueError("the JWKS document is too large")
    return answer.json()
