"""What a service reads, its container is told; what docs/settings.md says of it is so."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types

import auth_api.settings
import command_api.settings
import query_api.settings
from runtime.settings import (
    BrokerSettings,
    CanarySettings,
    DatabaseSettings,
    QueueSettings,
    Reader,
    RedisSettings,
    Secret,
    ServiceSettings,
    read_access_lifetime,
)
from workers.poison_limit import FaultSettings

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs/settings.md").read_text(encoding="utf-8")

# Sizes that fit what gunicorn and PGPool are given here; every service has its own.
LEFT_TO_DEFAULTS = {"MESSAGING_DATABASE_POOL", "MESSAGING_STATEMENT_TIMEOUT"}
# What the groups that a service shares with others read, and it does not use.
ELSEWHERE = {
    "query-api": {
        *("MESSAGING_STREAM_LIMIT", "MESSAGING_STREAM_ACCOUNT_LIMIT", "MESSAGING_STREAM_HEARTBEAT")
    },
    # It has no requests.
    "worker": {"MESSAGING_PROFILE_SLOW_MS", "MESSAGING_PROFILE_SHOWN"},
}


class RecordingReader(Reader):
    """Reads an environment as every service does, and notes what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.defaults: dict[str, int] = {}

    def text(self, name: str, default: str | None = None) -> str:
        self.names.add(name)
        return super().text(name, default)

    def path(self, name: str) -> Path | None:
        self.names.add(name)
        return super().path(name)

    def integer(self, name: str, default: int, *, least: int = 1) -> int:
        self.names.add(name)
        self.defaults[name] = default
        return super().integer(name, default, least=least)

    def secret(self, name: str) -> Secret:
        self.names.add(name)
        return Secret("a secret of more than thirty-two characters")


def read_worker(reader: Reader) -> None:
    groups = (ServiceSettings, DatabaseSettings, RedisSettings, BrokerSettings)
    for group in (*groups, CanarySettings, QueueSettings, FaultSettings):
        group.read(reader)
    read_access_lifetime(reader)


READ: dict[str, Callable[[Reader], object]] = {
    "auth-api": auth_api.settings.Settings.read,
    "command-api": command_api.settings.CommandSettings.read,
    "query-api": query_api.settings.Settings.read,
    "query-stream": query_api.settings.Settings.read,
    "worker": read_worker,
}


def recorded(service: str, monkeypatch: pytest.MonkeyPatch) -> RecordingReader:
    """Read a service's settings from the environment of its container, all defaults."""
    for name, value in COMPOSE["services"][service]["environment"].items():
        if value is None or "${" in str(value):
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, str(value))
    reader = RecordingReader()
    READ[service](reader)
    return reader


@pytest.mark.parametrize("service", sorted(READ))
def test_a_container_is_told_of_every_setting_that_its_service_reads(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = set(COMPOSE["services"][service]["environment"])
    elsewhere = ELSEWHERE.get(service, set())
    assert recorded(service, monkeypatch).names - told <= LEFT_TO_DEFAULTS | elsewhere


@pytest.mark.parametrize("service", sorted(READ))
def test_the_page_of_settings_tells_each_default(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {
        name: row
        for row in PAGE.splitlines()
        for name in re.findall(r"`(\w+)`", row.split("|")[1] if row.startswith("|") else "")
    }
    for name, default in recorded(service, monkeypatch).defaults.items():
        assert re.search(rf"(^|[|;`\s]){default:,}[\s;|`]", rows[name]), name


def test_every_row_of_the_page_of_settings_is_in_a_table() -> None:
    lines = PAGE.splitlines()
    for before, row in pairwise(lines):
        if row.startswith("| `"):
            assert before.startswith("|"), row
