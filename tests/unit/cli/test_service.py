"""Where the demo finds the service, and what it says if there is none."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cli.demo import service as services
from cli.demo.errors import DemoError
from cli.demo.service import Service
from local_stack.record import Record
from tests.fake_service import EPOCH, FakeService


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"MESSAGING_STATE": str(tmp_path / "state")}


@pytest.fixture
def recorded(environ: dict[str, str]) -> Path:
    folder = Path(environ["MESSAGING_STATE"])
    folder.mkdir()
    record = Record(identity="one", uid=os.geteuid(), event_partitions=16, ports={"nginx": 18080})
    record.write(folder / "stack.json")
    return folder


def test_the_stack_here_is_the_default(environ: dict[str, str], recorded: Path) -> None:
    found = services.find(environ, None)
    assert found == Service(url="http://127.0.0.1:18080", book=recorded / "demo", is_local=True)
    assert services.find(environ, "http://127.0.0.1:18080/") == found


def test_without_a_stack_the_mend_is_said(environ: dict[str, str]) -> None:
    with pytest.raises(DemoError, match="run `make up` first"):
        services.find(environ, None)


def test_another_service_has_a_book_of_its_own(environ: dict[str, str], recorded: Path) -> None:
    found = services.find(environ, "https://Chat.example:8443")
    assert found.url == "https://chat.example:8443"
    assert found.book.parent == recorded / "demo"
    assert not found.is_local


@pytest.mark.parametrize(
    "url",
    [
        "",
        "chat.example",
        "ftp://a",
        "http://",
        "http://a/b",
        "http://a?b",
        "http://a:x",
        "http://u@a",
    ],
)
def test_what_is_no_address_is_refused(environ: dict[str, str], recorded: Path, url: str) -> None:
    with pytest.raises(DemoError, match="is no address"):
        services.find(environ, url)


def _greet(transport: httpx.MockTransport) -> datetime:
    service = Service(url="http://fake", book=Path("nowhere"), is_local=True)
    with httpx.Client(transport=transport, base_url=service.url) as http:
        return services.greet(http, service)


def test_the_service_tells_its_time_in_whole_seconds_the_last_of_which_may_be_anothers() -> None:
    assert _greet(FakeService().transport) == EPOCH + timedelta(seconds=1)


def test_a_service_without_a_clock_has_ours() -> None:
    answer = httpx.Response(503, json={"status": "waiting"})
    told = _greet(httpx.MockTransport(lambda _: answer))
    assert abs(datetime.now(UTC) - told) < timedelta(minutes=1)


def test_a_service_that_is_down_is_named_with_the_mend() -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(DemoError, match=r"Nothing answers at http://fake .*make up"):
        _greet(httpx.MockTransport(refuse))


@pytest.mark.parametrize("answer", [{"text": "<html>"}, {"json": []}, {"json": {"a": 1}}])
def test_something_else_is_not_taken_for_the_service(answer: dict[str, object]) -> None:
    with pytest.raises(DemoError, match="is no messaging service"):
        _greet(httpx.MockTransport(lambda _: httpx.Response(200, **answer)))  # type: ignore[arg-type]  # one of two keywords
