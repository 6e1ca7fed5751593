"""What query_api asks the environment for."""

from __future__ import annotations

from pathlib import Path

import pytest

from query_api.settings import Settings
from runtime.errors import SettingsError
from runtime.settings import Reader


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for name in ("DATABASE_PASSWORD_FILE", "REDIS_PASSWORD_FILE", "CONSISTENCY_KEY_FILE"):
        monkeypatch.setenv(f"MESSAGING_{name}", str(secret))
    monkeypatch.setenv("MESSAGING_DATABASE_URL", "postgresql+psycopg2://query_api@h:1/messaging")
    monkeypatch.setenv("MESSAGING_REDIS_URL", "redis://query_api@h:1/0")
    monkeypatch.setenv("MESSAGING_JWKS_URL", "http://h:1/jwks.json")
    monkeypatch.setenv("MESSAGING_PUBLIC_URL", "https://chat.example/")
    return monkeypatch


@pytest.mark.usefixtures("environ")
def test_the_others_are_looked_at_through_the_public_address_by_default() -> None:
    settings = Settings.read(Reader())
    assert settings.readiness.auth_url == "https://chat.example/auth/v1/readyz"
    assert settings.readiness.command_url == "https://chat.example/command/v1/readyz"
    assert settings.database_pool == 6


@pytest.mark.parametrize(
    "name", ["MESSAGING_DATABASE_URL", "MESSAGING_JWKS_URL", "MESSAGING_CONSISTENCY_KEY_FILE"]
)
def test_what_is_missing_is_named(environ: pytest.MonkeyPatch, name: str) -> None:
    environ.delenv(name)
    with pytest.raises(SettingsError, match=name):
        Settings.read(Reader())
