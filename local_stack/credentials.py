"""Makes the secrets of a stack at its first start, each in a file that only its owner can read."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path

from local_stack import files

DATABASE_ROLES = (
    "postgres",
    "messaging_owner",
    "auth_api",
    "command_api",
    "query_api",
    "worker",
    "operator",
    "pgpool",
    "replicator",
)
REDIS_USERS = (
    "auth_api",
    "command_api",
    "query_api",
    "worker",
    "beat",
    "flower",
    "operator",
)
# Passwords, and the key by which Grafana encrypts what it keeps.
PAGES = ("pgadmin", "prometheus", "grafana", "grafana-key")
_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Rotated:
    """The keys after a rotation, by their ids.

    Attributes:
        signs: The new key.
        verifies: The one that signed before, if there was one.
        removed: Those from before that.
    """

    signs: str
    verifies: str | None
    removed: tuple[str, ...]


class Credentials:
    """The secrets in one folder, mode 600 each; a missing one is made, an existing one kept."""

    def __init__(self, folder: Path) -> None:
        """Keep the secrets in `folder`."""
        self._folder = folder

    def make(self, *, pages: bool = False) -> None:
        """Make every secret that does not exist yet.

        With `pages` also those of the pages for operators that containers alone have.
        """
        files.folder(self._folder)
        for path in (
            *(self.database(role) for role in DATABASE_ROLES),
            *(self.redis(user) for user in REDIS_USERS),
            self.consistency_key,
            self.flower,
            self.pgpool_admin,
            *(map(self.page, PAGES) if pages else ()),
        ):
            if not path.exists():
                files.write(path, secrets.token_urlsafe(_BYTES) + "\n")
        files.folder(self.signing_keys)
        if not any(self.signing_keys.glob("*.pem")):
            self._make_signing_key()

    def database(self, role: str) -> Path:
        """Return the file with the password of database role `role`."""
        return self._folder / f"postgres-{role}"

    def redis(self, user: str) -> Path:
        """Return the file with the password of Redis user `user`."""
        return self._folder / f"redis-{user}"

    @property
    def consistency_key(self) -> Path:
        """The file with the key of the consistency tokens."""
        return self._folder / "consistency-key"

    @property
    def flower(self) -> Path:
        """The file with Flower's password."""
        return self._folder / "flower"

    @property
    def pgpool_admin(self) -> Path:
        """The file with the password of PGPool's own console."""
        return self._folder / "pgpool-admin"

    def page(self, name: str) -> Path:
        """Return the file with a secret of one of `PAGES`."""
        return self._folder / name

    @property
    def signing_keys(self) -> Path:
        """The folder with the keys that sign access tokens; the last by name signs."""
        return self._folder / "signing-keys"

    def rotate_signing_key(self) -> Rotated:
        """Make a key that signs from now on; keep the one before it, remove older ones."""
        before = sorted(path.stem for path in self.signing_keys.glob("*.pem"))
        signs = self._make_signing_key(after=before[-1] if before else "")
        for kid in before[:-1]:
            (self.signing_keys / f"{kid}.pem").unlink(missing_ok=True)
        return Rotated(
            signs=signs, verifies=before[-1] if before else None, removed=tuple(before[:-1])
        )

    def _make_signing_key(self, *, after: str = "") -> str:
        """Put a new key into the folder, whose name sorts behind `after`; return its id."""
        # Imported here: it costs 50 ms, and is needed a few times in a stack's life.
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
        )
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        made = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
        kid = f"{made}-{secrets.token_hex(4)}"
        if kid <= after:  # Made within the same second, by a clock set back since, or by hand.
            kid = f"{after}_{secrets.token_hex(4)}"
        pem = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        files.write(self.signing_keys / f"{kid}.pem", pem)
        return kid


def read(path: Path) -> str:
    """Return the secret in `path`."""
    return path.read_text(encoding="utf-8").strip()


def sha256(path: Path) -> str:
    """Return the SHA-256 of the secret in `path`, as Redis's ACL files want it."""
    return hashlib.sha256(read(path).encode()).hexdigest()
