"""What the address of a Redis says: `redis://` in clear, `rediss://` by TLS that is verified."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from runtime.errors import SettingsError

_CA = "ssl_ca_certs"


@dataclass(frozen=True, kw_only=True)
class RedisAddress:
    """Where an ACL user finds a database.

    Attributes:
        tls: Whether by TLS; the server then proves its name, there is no weaker form.
        authorities: File of the certificates trusted for that; None: those of the system.
    """

    host: str
    port: int
    database: int
    user: str
    tls: bool = False
    authorities: str | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return what `url` says.

        Raises:
            SettingsError: It is no address of a Redis.
        """
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        tls = parts.scheme == "rediss"
        if parts.scheme not in {"redis", "rediss"} or query.keys() - ({_CA} if tls else set()):
            raise SettingsError(
                f"{url!r} is no address of a Redis: give redis://user@host:port/database, or"
                f" rediss://user@host:port/database?{_CA}=FILE."
            )
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 6379,
            database=int(parts.path.lstrip("/") or 0),
            user=unquote(parts.username or "default"),
            tls=tls,
            authorities=query.get(_CA),
        )

    @property
    def tls_options(self) -> dict[str, Any]:
        """What redis-py and kombu want to know of TLS; nothing where there is none."""
        if not self.tls:
            return {}
        return {
            "ssl_cert_reqs": "required",
            "ssl_check_hostname": True,
            "ssl_ca_certs": self.authorities,
        }


def check_authorities(path: str | None, *, name: str) -> None:
    """Let the file of certificates pass that the setting `name` trusts; None is none.

    Raises:
        SettingsError: It cannot be read, or holds no certificate.
    """
    if path is None:
        return
    try:
        ssl.create_default_context(cafile=str(Path(path)))
    except OSError as error:  # What OpenSSL says is one, too.
        raise SettingsError(
            f"{name}: {path} holds no certificate that could be trusted: {error}."
        ) from error
