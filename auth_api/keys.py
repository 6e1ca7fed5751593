"""The signing keys of auth_api: a folder of Ed25519 private keys, read anew when it changes."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from runtime.errors import SettingsError
from runtime.logging import get_logger

_log = get_logger(__name__)

_LOOKED_EVERY_S = 1.0

# The names of the files with their times of change and sizes.
Listing = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A private key and the id by which its public half is known."""

    kid: str
    private: Ed25519PrivateKey


class SigningKeys:
    """The keys in a folder, `<kid>.pem` each: all of them verify, the last by name signs."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the folder; look at it again at most once a second."""
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._listing, self._keys = _read(folder)
        self._looked_at = clock()

    def current(self) -> SigningKey:
        """Return the key that signs."""
        self._look(_LOOKED_EVERY_S)
        kid = max(self._keys)
        return SigningKey(kid=kid, private=self._keys[kid])

    def get(self, kid: str) -> Ed25519PublicKey | None:
        """Return the public key of this id, or None where there is none."""
        # Another process may have found a new key before us and signed with it.
        self._look(_LOOKED_EVERY_S if kid in self._keys else 0)
        private = self._keys.get(kid)
        return private.public_key() if private is not None else None

    def jwks(self) -> dict[str, object]:
        """Return the public keys as a JWK set (RFC 7517, RFC 8037)."""
        self._look(0)
        return {"keys": [_jwk(kid, private) for kid, private in self._keys.items()]}

    def _look(self, pause: float) -> None:
        if self._clock() - self._looked_at < pause:
            return
        with self._lock:
            self._looked_at = self._clock()
            try:
                if _list(self._folder) != self._listing:
                    self._listing, self._keys = _read(self._folder)
                    _log.info("signing_keys.read", kids=list(self._keys))
            except (SettingsError, OSError) as error:
                # The keys that we have stay good; the operator finds this in the log.
                _log.error("signing_keys.unreadable", reason=str(error))


def _list(folder: Path) -> Listing:
    found = sorted(folder.glob("*.pem"))
    stats = [(path.name, path.stat()) for path in found]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


def _read(folder: Path) -> tuple[Listing, Mapping[str, Ed25519PrivateKey]]:
    listing = _list(folder)
    if not listing:
        raise SettingsError(
            f"MESSAGING_SIGNING_KEYS_DIR: {folder} holds no key: put an Ed25519 private key there,"
            " named <kid>.pem."
        )
    return listing, {Path(name).stem: _load(folder / name) for name, _, _ in listing}


def _load(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, OSError) as error:
        raise SettingsError(f"{path} is no readable private key: replace or remove it.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"{path} is no Ed25519 key: replace or remove it.")
    return key


def _jwk(kid: str, private: Ed25519PrivateKey) -> dict[str, str]:
    public = private.public_key().public_bytes_raw()
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "use": "sig",
        "alg": "EdDSA",
        "kid": kid,
        "x": base64.urlsafe_b64encode(public).rstrip(b"=").decode("ascii"),
    }
