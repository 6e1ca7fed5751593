"""Typed access to the environment, from which `runtime.settings` reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from environs import Env, EnvError
from marshmallow.validate import Range

from runtime.errors import SettingsError
from runtime.redis_address import RedisAddress, check_authorities
from runtime.secret import Secret


class Reader:
    """Typed access to the environment; every failure names the variable and the mend."""

    def __init__(self) -> None:
        """Read the process's environment, no `.env` file."""
        self._env = Env()

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text that is not empty."""
        value = self._env.str(name, "") or default
        if not value:
            raise SettingsError(f"{name} is not set: set it and start again.")
        return value

    def choice(self, name: str, default: str, *, among: Sequence[str]) -> str:
        """Return the one of `among`, all in capitals, that is named; small letters do as well."""
        value = self.text(name, default).upper()
        if value not in among:
            raise SettingsError(f"{name}={value!r} is not usable: give one of {', '.join(among)}.")
        return value

    def path(self, name: str) -> Path | None:
        """Return a path, None where it is not set."""
        value = self._env.str(name, "")
        return Path(value) if value else None

    def folder(self, name: str) -> Path:
        """Return the path of a folder, which need not be there yet."""
        return Path(self.text(name))

    def integer(self, name: str, default: int, *, least: int = 1, most: int | None = None) -> int:
        """Return a whole number from `least` to `most`, both included."""
        shown = self._env.str(name, "")
        if not shown:
            return default
        try:
            return int(self._env.int(name, validate=Range(min=least, max=most)))
        except EnvError as error:
            bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
            raise SettingsError(
                f"{name}={shown!r} is not usable: give a whole number {bounds}."
            ) from error

    def flag(self, name: str) -> bool:
        """Return whether a switch is on: 1; off is 0 or nothing."""
        value = self._env.str(name, "") or "0"
        if value not in {"0", "1"}:
            raise SettingsError(f"{name}={value!r} is not usable: give 1 or 0.")
        return value == "1"

    def url(self, name: str, default: str | None = None) -> str:
        """Return an address with a scheme and a host, without a password."""
        value = self.text(name, default)
        parts = urlsplit(value)
        if not parts.scheme or not parts.hostname:
            raise SettingsError(f"{name} is no address: give scheme://host:port/….")
        if parts.password:
            raise SettingsError(f"{name} holds a password: put it into a file and name that.")
        return value

    def database_url(self, name: str) -> str:
        """Return an address of Postgres; what it trusts, in `sslrootcert` or by libpq, is there."""
        value = self.url(name)
        given = dict(parse_qsl(urlsplit(value).query)).get("sslrootcert")
        for path, source in (
            (given, name),
            (self._env.str("PGSSLROOTCERT", None), "PGSSLROOTCERT"),
        ):
            check_authorities(None if path == "system" else path or None, name=source)
        return value

    def redis_url(self, name: str) -> str:
        """Return an address of Redis; what it trusts, in `ssl_ca_certs`, is there."""
        value = self.url(name)
        try:
            address = RedisAddress.parse(value)
        except ValueError as error:
            raise SettingsError(f"{name} is no address of a Redis: {error}.") from error
        check_authorities(address.authorities, name=name)
        return value

    def secret(self, name: str) -> Secret:
        """Return what the file holds that the variable `name` points to, without outer blanks."""
        path = Path(self.text(name))
        try:
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{name}: cannot read {path}: {error}.") from error
        if not value:
            raise SettingsError(f"{name}: {path} is empty: write the secret into it.")
        return Secret(value)
