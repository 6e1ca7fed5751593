"""What docker-compose.swarm.yml promises of each service, as far as it can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types

ROOT = Path(__file__).resolve().parents[3]


class Loader(yaml.SafeLoader):  # type: ignore[misc]  # it has no types
    """Reads Compose's own tags (`!reset []`) as nothing."""


Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


def services(name: str) -> dict[str, dict[str, Any]]:
    text = (ROOT / name).read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.load(text, Loader=Loader)["services"]
    return found


HERE, SWARM = services("docker-compose.yml"), services("docker-compose.swarm.yml")


# Run when somebody calls them.
COMMANDS = {"operator", "backup", "restore"}


def keeps_something(service: dict[str, Any]) -> bool:
    return any(isinstance(volume, str) for volume in service.get("volumes", ()))


def test_every_service_but_the_operators_commands_is_placed() -> None:
    assert set(SWARM) == set(HERE) - COMMANDS


@pytest.mark.parametrize(
    "name", sorted(name for name in set(HERE) - COMMANDS if keeps_something(HERE[name]))
)
def test_what_keeps_something_stays_with_it_and_is_there_once(name: str) -> None:
    deploy = SWARM[name]["deploy"]
    (constraint,) = deploy["placement"]["constraints"]
    assert constraint.startswith("node.labels.messaging-")
    assert deploy["replicas"] == 1
    assert deploy["update_config"]["order"] == deploy["rollback_config"]["order"] == "stop-first"
    label = constraint.removeprefix("node.labels.").replace(" == ", "=")
    assert label in (ROOT / "docs/deployment.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(set(SWARM) - {"migrate"}))
def test_an_update_that_fails_goes_back(name: str) -> None:
    assert SWARM[name]["deploy"]["update_config"]["failure_action"] == "rollback"


@pytest.mark.parametrize("name", ["auth-api", "command-api", "query-api", "query-stream"])
def test_several_are_spread_and_none_is_ended_for_what_others_lack(name: str) -> None:
    service = SWARM[name]
    assert service["deploy"]["placement"]["preferences"] == [{"spread": "node.labels.zone"}]
    assert service["deploy"]["update_config"]["order"] == "start-first"
    before, after = (one["environment"]["MESSAGING_HEALTH_URL"] for one in (HERE[name], service))
    assert after == before.replace("readyz", "healthz")


@pytest.mark.parametrize("name", ["redis", "postgres-primary", "postgres-replica"])
def test_what_starts_slowly_is_not_ended_for_it(name: str) -> None:
    assert SWARM[name]["healthcheck"] == {"start_period": "1h"}
