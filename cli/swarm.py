"""The stack file of a swarm, made from what Compose makes of its files.

`docker stack deploy` reads an older form of Compose's files. What it does not know is put into its
words; what the swarm does by itself is left out.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Whoever is not ready yet is asked again: nothing waits for anything. Images are made before.
_LEFT_OUT = ("build", "depends_on", "profiles", "restart", "security_opt")
_SHARED_MEMORY = "/dev/shm"  # noqa: S108  # within a container
_KEYS = "MESSAGING_SIGNING_KEYS_DIR"
# Names are seen by whoever may list them: without this secret, none tells whether a guess is right.
_NAMING_KEY = "consistency-key"


def stack(composed: Mapping[str, Any], signing_keys: Path) -> dict[str, Any]:
    """Return the stack file for the result of `docker compose config`.

    Secrets and configurations are named after their content as well, since a swarm never changes
    one: what has changed is another one, and its services are updated. A secret's name tells
    nothing of it to who does not know the secret `consistency-key`. Each of the keys in the folder
    `signing_keys` becomes a secret of the services that sign with them.
    """
    keys = {f"signing-{path.stem}": path for path in sorted(signing_keys.glob("*.pem"))}
    secrets = {**composed["secrets"], **{name: {"file": str(keys[name])} for name in keys}}
    return {
        "services": {
            name: _service(service, keys) for name, service in composed["services"].items()
        },
        "networks": composed["networks"],
        "volumes": composed["volumes"],
        "secrets": _named(composed["name"], secrets, key=_content(secrets[_NAMING_KEY])),
        "configs": _named(composed["name"], composed["configs"], key=b""),
    }


def _service(service: Mapping[str, Any], keys: Mapping[str, Path]) -> dict[str, Any]:
    converted = {k: v for k, v in service.items() if k not in _LEFT_OUT and v is not None}
    limits = converted["deploy"]["resources"]["limits"]
    limits["cpus"] = str(limits["cpus"])
    in_memory = [{"type": "tmpfs", "target": place} for place in converted.pop("tmpfs", ())]
    if "shm_size" in converted:
        size = int(converted.pop("shm_size"))
        in_memory.append({"type": "tmpfs", "target": _SHARED_MEMORY, "tmpfs": {"size": size}})
    converted["volumes"] = [*converted.get("volumes", ()), *in_memory]
    converted["ports"] = [_port(port) for port in converted.pop("ports", ())]
    environment = converted.get("environment", {})
    # What has no value is not passed on at all: as if from nobody's environment.
    converted["environment"] = {k: v for k, v in environment.items() if v is not None}
    if _KEYS in environment:
        folder = environment[_KEYS]
        handed = [{"source": n, "target": f"{folder}/{p.name}"} for n, p in keys.items()]
        converted["secrets"] = [*converted["secrets"], *handed]
    return converted


def _port(port: Mapping[str, Any]) -> dict[str, Any]:
    # Each machine's own: behind the swarm's balancer all clients would have one address, and limits
    # count addresses.
    return {
        "target": port["target"],
        "published": int(port["published"]),
        "protocol": port.get("protocol", "tcp"),
        "mode": "host",
    }


def _named(project: str, files: Mapping[str, Any], *, key: bytes) -> dict[str, Any]:
    return {name: _after_content(project, name, given, key) for name, given in files.items()}


def _after_content(project: str, name: str, given: Mapping[str, Any], key: bytes) -> dict[str, str]:
    digest = hmac.new(key, _content(given), hashlib.sha256).hexdigest()
    # A swarm takes 64 characters.
    return {"file": given["file"], "name": f"{project}_{name}"[:51] + f"_{digest[:12]}"}


def _content(given: Mapping[str, Any]) -> bytes:
    return Path(given["file"]).read_bytes()
