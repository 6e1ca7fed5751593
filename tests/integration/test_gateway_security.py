"""NGINX alone: what it tells browsers, and what it gives away to nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.gateway import Gateway, running_gateway

_GENEROUS = {"MESSAGING_AUTH_RATE": "1000", "MESSAGING_AUTH_BURST": "1000"}


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running_gateway(_GENEROUS) as started:
        yield started


@pytest.mark.parametrize("path", ["/", "/site.css", "/healthz", "/nowhere", "/query/v1/unread"])
def test_every_answer_confines_the_browser(gateway: Gateway, path: str) -> None:
    _, headers, _ = gateway.get(path)
    [policy] = headers["content-security-policy"]
    directives = {name: rest for name, *rest in map(str.split, policy.split(";"))}
    for name in ("default-src", "object-src", "base-uri", "form-action", "frame-ancestors"):
        assert directives[name] == ["'none'"]
    assert headers["x-content-type-options"] == ["nosniff"]
    assert headers["referrer-policy"] == ["no-referrer"]
    assert headers["cross-origin-opener-policy"] == ["same-origin"]
    assert headers["cross-origin-resource-policy"] == ["same-origin"]


@pytest.mark.parametrize("path", ["/", "/auth/v1/docs", "/nowhere"])
def test_no_other_origin_may_read_an_answer(gateway: Gateway, path: str) -> None:
    _, headers, _ = gateway.get(path, "Origin: https://evil.example")
    assert not [name for name in headers if name.startswith("access-control-")]


def test_where_the_public_address_is_https_browsers_are_told_to_stay_there() -> None:
    settings = _GENEROUS | {"MESSAGING_PUBLIC_URL": "https://chat.example"}
    with running_gateway(settings) as behind_tls:
        for path in ("/", "/auth/v1/docs", "/nowhere"):
            _, headers, _ = behind_tls.get(path)
            assert headers["strict-transport-security"] == ["max-age=31536000"]


def test_on_plain_http_nothing_is_said_of_https_whatever_a_client_claims(
    gateway: Gateway,
) -> None:
    _, headers, _ = gateway.get("/", "X-Forwarded-Proto: https")
    assert "strict-transport-security" not in headers


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "TRACK"])
def test_methods_that_nobody_supports_are_refused(gateway: Gateway, method: str) -> None:
    raw = f"{method} /auth/v1/docs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    status, _, _ = gateway.say(raw.encode())
    assert status == 405


@pytest.mark.parametrize(
    "path",
    ["/.git/config", "/.env", "/index.html~", "/site.css.bak", "/nginx.conf", "/html/",
     "/messaging.conf", "/../nginx.conf", "/%2e%2e/nginx.conf"],
)  # fmt: skip
def test_files_that_are_no_pages_are_not_served(gateway: Gateway, path: str) -> None:
    status, _, body = gateway.get(path)
    assert status in {400, 404}
    assert json.loads(body)["type"] in {"/problems/not-found", "/problems/bad-request"}


@pytest.mark.parametrize(
    "framing",
    [
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        "Content-Length: +5\r\n\r\nabcde",
        "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_a_body_of_two_lengths_is_refused(gateway: Gateway, framing: str) -> None:
    status, headers, _ = gateway.say(
        f"POST /auth/v1/docs HTTP/1.1\r\nHost: x\r\n{framing}".encode()
    )
    assert status in {400, 501}
    assert headers["connection"] == ["close"]


def test_a_redirect_stays_on_this_origin_whatever_host_is_asked_for(gateway: Gateway) -> None:
    status, headers, _ = gateway.say(
        b"GET /flower HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    )
    assert status == 301
    assert headers["location"] == ["/flower/"]
