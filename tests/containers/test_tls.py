"""With a certificate NGINX speaks TLS, and sends whoever comes without it there."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local_stack import ports
from tests.containers.project import Project

_FILES = ("-f", "docker-compose.yml", "-f", "docker-compose.tls.yml")
_MAKE = (
    *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
    *("-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
)


@pytest.fixture(scope="module")
def address(project: Project) -> Iterator[str]:
    """The address with TLS of NGINX, which has a certificate as long as the tests run."""
    key, certificate = project.secrets / "tls-key", project.secrets / "tls-certificate"
    project.run(*_MAKE, "-keyout", str(key), "-out", str(certificate))
    for path in (key, certificate):
        path.chmod(0o444)
    port = ports.choose({project.port})
    url = f"https://localhost:{port}"
    settings = {"MESSAGING_TLS_PORT": str(port), "MESSAGING_PUBLIC_URL": url}
    up = ("up", "--detach", "--wait", "--no-deps", "nginx")
    project.run("docker", "compose", *_FILES, *up, environ=settings)
    yield url
    project.up("--no-deps", "nginx")


@pytest.fixture(scope="module")
def trusting(project: Project) -> ssl.SSLContext:
    """What trusts the certificate, and nothing older than TLS 1.2."""
    return ssl.create_default_context(cafile=str(project.secrets / "tls-certificate"))


def test_it_serves_with_tls_and_says_so(address: str, trusting: ssl.SSLContext) -> None:
    answer = httpx.get(f"{address}/healthz", verify=trusting)
    assert answer.json() == {"status": "ok"}
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_without_tls_one_is_sent_there(project: Project, address: str) -> None:
    answer = httpx.post(f"{project.served.url}/auth/v1/login?x=1", json={})
    assert answer.status_code == httpx.codes.PERMANENT_REDIRECT
    assert answer.headers["location"] == f"{address}/auth/v1/login?x=1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_it_speaks_both_present_versions(
    project: Project, address: str, version: ssl.TLSVersion
) -> None:
    context = ssl.create_default_context(cafile=str(project.secrets / "tls-certificate"))
    context.minimum_version = context.maximum_version = version
    assert httpx.get(f"{address}/healthz", verify=context).is_success


def test_it_refuses_an_older_one(project: Project, address: str) -> None:
    place = address.removeprefix("https://")
    client = ("openssl", "s_client", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    done = project.run(*client, "-connect", place, check=False)
    assert done.returncode != 0
    # Its own words, not those of the client's library.
    assert "alert protocol version" in done.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl speaks HTTP/2")
def test_it_speaks_http_2(project: Project, address: str) -> None:
    certificate = Path(project.secrets / "tls-certificate")
    told = project.run(
        *("curl", "-s", "--http2", "--cacert", str(certificate), "-o", "/dev/null"),
        *("-w", "%{http_version}", f"{address}/healthz"),
    )
    assert told.stdout == "2"
