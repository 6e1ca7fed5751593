"""Readiness: every part is named, none is waited for long, nothing secret is told."""

from __future__ import annotations

import threading
import time

import pytest

from runtime.errors import UnavailableError
from tests.unit.web.sample import sample_app
from web.health import Found, Readiness, service_ready

pytestmark = pytest.mark.unit


def ready() -> None:
    return


def unready() -> None:
    raise UnavailableError("The part does not answer.")


def broken() -> None:
    raise RuntimeError("postgres://user:hunter2@host")


def test_all_parts_ready_is_200() -> None:
    client = sample_app(parts={"a": ready, "b": ready}).test_client()
    answer = client.get("/query/v1/readyz")
    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": "ready",
        "parts": {"a": {"status": "ready"}, "b": {"status": "ready"}},
    }
    assert answer.headers["Cache-Control"] == "no-store"


def test_one_part_unready_is_503_and_says_which() -> None:
    client = sample_app(parts={"a": ready, "b": unready}).test_client()
    answer = client.get("/query/v1/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.get_json() == {
        "status": "unready",
        "parts": {
            "a": {"status": "ready"},
            "b": {"status": "unready", "detail": "The part does not answer."},
        },
    }


def test_what_a_check_did_not_foresee_is_not_told(capfd: pytest.CaptureFixture[str]) -> None:
    client = sample_app(parts={"a": broken}).test_client()
    answer = client.get("/query/v1/readyz")
    assert answer.status_code == 503
    assert "hunter2" not in answer.get_data(as_text=True)
    assert "readiness.check.failed" in capfd.readouterr().err


def test_why_a_part_is_lost_is_logged_once_and_not_told(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def away() -> None:
        raise UnavailableError("It does not answer.") from OSError("certificate verify failed")

    now = [0.0]
    sample_app()  # Logs go where this test can read them.
    readiness = Readiness({"a": away, "b": ready}, clock=lambda: now[0])
    for _ in range(3):
        now[0] += 1
        assert b"certificate" not in _body(readiness)
    logged = [line for line in capfd.readouterr().err.splitlines() if "part.unready" in line]
    assert len(logged) == 1
    assert '"part":"a"' in logged[0]
    assert "certificate verify failed" in logged[0]


def _body(readiness: Readiness) -> bytes:
    with sample_app().test_request_context():
        return bytes(readiness.response().data)


def test_checks_run_at_once_and_none_holds_up_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.health.LONGEST_LOOK_S", 0.3)
    release = threading.Event()

    def waits() -> None:
        release.wait(10)

    readiness = Readiness({"a": waits, "b": ready})
    started = time.monotonic()
    found = readiness.look()
    release.set()
    assert time.monotonic() - started < 2
    late = Found(ready=False, detail="No answer within 0.3 s.")
    assert found == {"a": late, "b": Found(ready=True)}


def test_an_answer_serves_all_who_ask_within_half_a_second() -> None:
    now = [0.0]
    asked = []
    readiness = Readiness({"a": lambda: asked.append(1)}, clock=lambda: now[0])
    readiness.look()
    readiness.look()
    assert len(asked) == 1
    now[0] += 0.6
    readiness.look()
    assert len(asked) == 2


def test_a_service_that_does_not_answer_is_not_ready() -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        service_ready("http://127.0.0.1:1/readyz")()


def test_a_live_process_is_healthy_whatever_its_parts_do() -> None:
    client = sample_app(parts={"a": unready}).test_client()
    answer = client.get("/query/v1/healthz")
    assert answer.status_code == 200
    assert answer.get_json() == {"status": "ok"}
