"""A stack that has just been started: healthy, closed, unprivileged, and discreet."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO

import httpx

from tests.containers.project import Project, service_of
from tests.running_stack import wait_until

_CHUNK = 1 << 20


def test_every_container_is_healthy_and_so_is_the_whole(project: Project) -> None:
    def states() -> dict[str, str]:
        return {service_of(c): c["State"]["Health"]["Status"] for c in project.containers()}

    # What another test has broken and healed may be looked at anew some seconds later.
    wait_until(lambda: set(states().values()) == {"healthy"}, 60)
    assert {"nginx", "auth-api", "worker", "redis", "postgres-replica", "pgpool"} <= set(states())
    ready = httpx.get(f"{project.served.url}/readyz")
    assert ready.status_code == 200, ready.text


def test_without_secrets_it_says_what_is_missing(project: Project) -> None:
    bare = {"MESSAGING_SECRETS": ""}
    done = project.run("docker", "compose", "up", "--detach", check=False, environ=bare)
    assert done.returncode != 0
    assert "make them with scripts/secrets" in done.stderr


def test_only_nginx_has_an_open_port_and_only_one(project: Project) -> None:
    published = {
        (service_of(container), inner, binding["HostPort"])
        for container in project.containers()
        for inner, bindings in container["NetworkSettings"]["Ports"].items()
        for binding in bindings or ()
    }
    assert published == {("nginx", "8080/tcp", str(project.port))}


def test_no_process_runs_as_root_or_may_become_root(project: Project) -> None:
    for container in project.containers():
        listed = project.run("docker", "top", container["Id"], "-eo", "uid,pid").stdout
        users = {line.split()[0] for line in listed.splitlines()[1:]}
        assert users
        assert "0" not in users, service_of(container)
        host = container["HostConfig"]
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert host["ReadonlyRootfs"], service_of(container)
        assert not host["Privileged"]


def test_no_service_reaches_the_world_but_nginx(project: Project) -> None:
    listed = project.compose("config", "--format", "json")
    for name, service in json.loads(listed)["services"].items():
        if name != "nginx":
            assert "public" not in service["networks"]
    script = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=3)"
    done = project.run(
        "docker", "compose", "exec", "-T", "auth-api", "python", "-c", script, check=False
    )
    assert "unreachable" in done.stderr


def test_no_secret_is_seen_from_outside_or_logged(
    project: Project, secrets: dict[str, str]
) -> None:
    told = json.dumps(project.containers()) + project.compose("logs", "--no-color")
    for image in project.images:
        told += project.run("docker", "inspect", image).stdout
        told += project.run("docker", "history", "--no-trunc", image).stdout
    assert [name for name, secret in secrets.items() if secret in told] == []


def layers(image: str) -> Iterator[bytes]:
    """Yield what an image's layers hold, in pieces; some engines store them compressed."""
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saving:
        with tarfile.open(fileobj=saving.stdout, mode="r|") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None:
                    yield from plain(file)
        assert saving.stdout is not None
        saving.stdout.read()
    assert saving.returncode == 0


def plain(file: IO[bytes]) -> Iterator[bytes]:
    chunk = file.read(_CHUNK)
    unzip = zlib.decompressobj(wbits=31) if chunk.startswith(b"\x1f\x8b") else None
    while chunk:
        yield unzip.decompress(chunk) if unzip else chunk
        chunk = file.read(_CHUNK)


# A text that is in a file of each image, as a secret could be.
_KNOWN = (b"class MessagingError(", b"GNU GENERAL PUBLIC LICENSE")


def test_no_layer_of_an_image_holds_a_secret(project: Project, secrets: dict[str, str]) -> None:
    keys = [secret.splitlines()[1] if "\n" in secret else secret for secret in secrets.values()]
    for image, known in zip(project.images, _KNOWN, strict=True):
        sought = re.compile(b"|".join(re.escape(text) for text in (known, *map(str.encode, keys))))
        longest = max(map(len, [*keys, known]))
        tail, found = b"", set()
        for piece in layers(image):
            found |= set(sought.findall(tail + piece))
            tail = piece[-longest:]
        assert found == {known}, image


def test_the_image_is_small_and_names_its_user(project: Project) -> None:
    (image,) = json.loads(project.run("docker", "inspect", project.images[0]).stdout)
    assert image["Size"] < 250_000_000
    assert image["Config"]["User"] == "10001:10001"
    assert image["Config"]["Healthcheck"]["Test"]
    assert image["Config"]["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_tools_to_build_with_are_not_in_the_image(project: Project) -> None:
    tools = "pip gcc cc make"
    script = f"for tool in {tools}; do command -v $tool || true; done"
    assert project.inside("worker", script) == ""
    script = "python -c 'import importlib.util as u; print(u.find_spec(\"setuptools\"))'"
    assert project.inside("worker", script).strip() == "None"


def test_reads_reach_the_replica_through_pgpool(project: Project) -> None:
    def selects() -> dict[str, int]:
        rows = [row.split("|") for row in project.query("operator", "SHOW POOL_NODES")]
        assert [row[1] for row in rows] == ["postgres-primary", "postgres-replica"]
        assert rows[1][11] == "streaming"
        return {row[1]: int(row[8]) for row in rows}

    before = selects()
    statement = "SELECT count(*) FROM read_model.message"
    as_reader = "PGAPPNAME=query-api PGPASSWORD=$(cat /run/secrets/postgres-query_api)"
    for _ in range(5):
        project.inside(
            "pgpool",
            f"{as_reader} psql -XqAt -h 127.0.0.1 -U query_api -d messaging -c '{statement}'",
        )
    after = selects()
    assert after["postgres-replica"] >= before["postgres-replica"] + 5
