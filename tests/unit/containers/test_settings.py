"""What a service reads, its container is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types

from local_stack import environments
from tests.unit.recording import recorded

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = {
    "auth-api": "auth_api",
    "command-api": "command_api",
    "query-api": "query_api",
    "query-stream": "query_stream",
    "worker": "workers",
    "beat": "beat",
    "flower": "flower",
}

# Sizes that fit what gunicorn and PGPool are given here; every service has its own.
LEFT_TO_DEFAULTS = {"MESSAGING_DATABASE_POOL", "MESSAGING_STATEMENT_TIMEOUT"}
# What those read who share a class with others, and do not use.
UNUSED = {
    # Streams are the other one's.
    "query-api": {
        *("MESSAGING_STREAM_LIMIT", "MESSAGING_STREAM_ACCOUNT_LIMIT", "MESSAGING_STREAM_HEARTBEAT")
    },
    # It sends nothing, and is asked at an address of its own.
    "flower": {"MESSAGING_CANARY_SECONDS", "MESSAGING_ALIVE_FILE"},
}


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_container_is_told_of_every_setting_that_its_service_reads(service: str) -> None:
    asked = recorded()[SERVICES[service]]
    told = COMPOSE["services"][service]["environment"]
    required = {name for name, each in asked.items() if each.default is None}
    assert {name for name in required if not told.get(name)} == set()
    assert set(asked) - set(told) <= LEFT_TO_DEFAULTS | UNUSED.get(service, set())


def test_query_stream_is_told_the_same_in_both_stacks() -> None:
    told = COMPOSE["services"]["query-stream"]["environment"]
    for name, value in environments.STREAMS.items():
        assert str(told[name]) in {value, f"${{{name}:-{value}}}"}, name
