"""The stack file of a swarm: nothing that it does not know, all that the containers need."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.containers import containers


@pytest.fixture
def composed(tmp_path: Path) -> dict[str, Any]:
    """What Compose prints of a small project whose files are there."""
    for name in ("password", "consistency-key", "conf", "key-1.pem"):
        (tmp_path / name).write_text(f"the text of {name}")
    api = {
        "image": "messaging",
        "command": None,
        "build": {"context": "."},
        "restart": "unless-stopped",
        "security_opt": ["no-new-privileges:true"],
        "depends_on": {"other": {"condition": "service_healthy"}},
        "profiles": ["one"],
        "deploy": {"resources": {"limits": {"cpus": 1.5, "memory": "1"}}},
        "environment": {"MESSAGING_SIGNING_KEYS_DIR": "/run/signing-keys", "UNSET": None},
        "secrets": [{"source": "password"}],
        "shm_size": "1024",
        "tmpfs": ["/tmp"],
        "ports": [{"target": 1, "published": "80", "host_ip": "127.0.0.1", "mode": "ingress"}],
        "volumes": [{"type": "volume", "source": "data", "target": "/data"}],
    }
    return {
        "name": "mine",
        "services": {"api": api},
        "networks": {"back": {"internal": True}},
        "volumes": {"data": {}},
        "secrets": {
            name: {"file": str(tmp_path / name)} for name in ("password", "consistency-key")
        },
        "configs": {"conf": {"file": str(tmp_path / "conf")}},
    }


def converted(composed: dict[str, Any], keys: Path) -> dict[str, Any]:
    command = ["stack", str(keys)]
    done = CliRunner().invoke(containers, command, input=json.dumps(composed))
    assert done.exit_code == 0, done.output
    stack: dict[str, Any] = json.loads(done.output)
    return stack


def test_what_a_swarm_does_not_know_is_left_out(composed: dict[str, Any], tmp_path: Path) -> None:
    service = converted(composed, tmp_path)["services"]["api"]
    assert set(service) == {
        *("image", "deploy", "environment", "secrets", "ports", "volumes"),
    }
    assert service["environment"] == {"MESSAGING_SIGNING_KEYS_DIR": "/run/signing-keys"}


def test_memory_stands_in_for_what_it_passes_over(composed: dict[str, Any], tmp_path: Path) -> None:
    service = converted(composed, tmp_path)["services"]["api"]
    assert service["volumes"] == [
        {"type": "volume", "source": "data", "target": "/data"},
        {"type": "tmpfs", "target": "/tmp"},
        {"type": "tmpfs", "target": "/dev/shm", "tmpfs": {"size": 1024}},
    ]
    assert service["deploy"]["resources"]["limits"]["cpus"] == "1.5"
    assert service["ports"] == [{"target": 1, "published": 80, "protocol": "tcp", "mode": "host"}]


def test_signing_keys_become_secrets_at_their_place(
    composed: dict[str, Any], tmp_path: Path
) -> None:
    stack = converted(composed, tmp_path)
    assert {"source": "signing-key-1", "target": "/run/signing-keys/key-1.pem"} in (
        stack["services"]["api"]["secrets"]
    )
    assert stack["secrets"]["signing-key-1"]["file"] == str(tmp_path / "key-1.pem")


def test_a_changed_file_has_another_name(composed: dict[str, Any], tmp_path: Path) -> None:
    before = converted(composed, tmp_path)
    (tmp_path / "conf").write_text("another text")
    after = converted(composed, tmp_path)
    assert before["configs"]["conf"]["name"].startswith("mine_conf_")
    assert before["configs"]["conf"]["name"] != after["configs"]["conf"]["name"]
    assert before["secrets"] == after["secrets"]


def test_a_changed_secret_has_another_name(composed: dict[str, Any], tmp_path: Path) -> None:
    before = converted(composed, tmp_path)["secrets"]
    (tmp_path / "password").write_text("another text")
    after = converted(composed, tmp_path)["secrets"]
    assert before.pop("password") != after.pop("password")
    assert before == after


def test_the_name_of_a_secret_tells_nothing_of_it(composed: dict[str, Any], tmp_path: Path) -> None:
    before = converted(composed, tmp_path)
    for name, given in before["secrets"].items():
        plain = hashlib.sha256(Path(given["file"]).read_bytes()).hexdigest()
        assert given["name"].startswith(f"mine_{name}_")
        assert given["name"].rpartition("_")[2] not in plain
    (tmp_path / "consistency-key").write_text("another key")
    after = converted(composed, tmp_path)
    for name, given in before["secrets"].items():
        assert given["name"] != after["secrets"][name]["name"]
    assert before["configs"] == after["configs"]
