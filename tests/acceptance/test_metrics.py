"""Metrics of a running stack: they match what was sent, and tell nothing about anybody."""

from __future__ import annotations

import re
import secrets
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from runtime.metric_names import COMMON_VALUES
from runtime.metrics import CATALOGUE
from tests.acceptance.people import Person
from tests.running_stack import RunningStack, wait_until

pytestmark = pytest.mark.stack

_APIS = ("auth_api", "command_api", "query_api", "query_stream")
_WORKERS = ("worker-1", "worker-2")


def samples(stack: RunningStack, *services: str) -> Iterator[Sample]:
    for service in services:
        address = f"http://127.0.0.1:{stack.record['ports'][service]}/metrics"
        answer = httpx.get(address, timeout=30)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/plain")
        for family in text_string_to_metric_families(answer.text):
            yield from family.samples


def total(stack: RunningStack, services: tuple[str, ...], name: str, **labels: str) -> float:
    return sum(
        sample.value
        for sample in samples(stack, *services)
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_the_metrics_match_what_was_sent(stack: RunningStack, alice: Person, bob: Person) -> None:
    def now() -> Counter[str]:
        count = Counter[str]()
        for sample in samples(stack, *_APIS, *_WORKERS):
            labels = sample.labels
            if sample.name == "messaging_http_request_seconds_count":
                name = f"{labels['method']} {labels['route']} {labels['status']}"
            else:
                name = " ".join((sample.name, *labels.values()))
            count[name] += int(sample.value)
        return count

    before = now()
    sent = [alice.send(bob, f"message {number}") for number in range(7)]
    key = secrets.token_hex(8)
    sent += [alice.send(bob, "only once", **{"Idempotency-Key": key}) for _ in range(3)]
    refused = bob.client.edit_message(sent[0].json()["message_id"], body="not mine")
    assert bob.outcome(refused)[0] == "rejected"
    assert alice.post(bob, "").status_code == 422
    alice.see(f"conversations/{bob.username}/messages", *sent)
    # The streams' process is told of nothing; the others count after they answer.
    wait_until(lambda: (now() - before)["messaging_projected_events_total rejected"] == 1)
    grown = now() - before
    assert grown["messaging_appended_events_total message.sent.v1"] == 8
    assert grown["messaging_appends_total appended"] == 9
    assert grown["messaging_appends_total replayed"] == 2
    assert grown["messaging_append_seconds_count"] == 11
    assert grown["messaging_projected_events_total applied"] == 8
    assert grown["POST /command/v1/messages 2xx"] == 10
    assert grown["POST /command/v1/messages 4xx"] == 1
    assert grown["GET /query/v1/conversations/<username>/messages 2xx"] == 1


def test_nothing_waits_and_both_nodes_are_as_far_once_all_is_applied(
    stack: RunningStack, alice: Person, bob: Person
) -> None:
    alice.see(f"conversations/{bob.username}/messages", alice.send(bob, "hello"))
    partitions = stack.record["event_partitions"]

    def reached(service: str, node: str) -> list[tuple[str, float]]:
        found = [
            (sample.labels["partition"], sample.value)
            for sample in samples(stack, service)
            if sample.name == "messaging_checkpoint_events" and sample.labels["node"] == node
        ]
        assert len(found) == partitions
        return found

    wait_until(lambda: total(stack, ("worker-1",), "messaging_queue_waiting_events") == 0)
    wait_until(lambda: reached("worker-2", "primary") == reached("query_api", "replica"))
    assert total(stack, ("worker-1",), "messaging_paused_partitions") == 0
    assert 0 < total(stack, ("worker-2",), "messaging_queue_memory_ratio") < 1


def test_logins_and_streams_are_counted(stack: RunningStack, alice: Person) -> None:
    def logins(outcome: str) -> float:
        return total(stack, _APIS, "messaging_logins_total", outcome=outcome)

    failed, succeeded = logins("failed"), logins("succeeded")
    wrong = {"username": alice.username, "password": "not the password"}
    assert alice.http.post("/auth/v1/login", json=wrong).status_code == 401
    right = wrong | {"password": alice.password}
    assert alice.http.post("/auth/v1/login", json=right).status_code == 200
    assert (logins("failed"), logins("succeeded")) == (failed + 1, succeeded + 1)

    def open_streams() -> float:
        return total(stack, ("query_stream",), "messaging_open_streams")

    before = open_streams()
    with alice.http.stream("GET", "/query/v1/stream") as stream:
        assert stream.status_code == 200
        assert open_streams() == before + 1
    wait_until(lambda: open_streams() == before)


def test_every_metric_and_every_value_of_a_label_is_one_of_the_catalogue(
    stack: RunningStack, alice: Person, bob: Person
) -> None:
    sent = alice.send(bob, "unmistakable text")
    alice.get(f"messages/{sent.json()['message_id']}", token=sent.headers["Consistency-Token"])
    alice.http.get(f"/query/v1/no-such/{alice.username}")
    alice.http.request("BREW", f"/query/v1/messages/{alice.username}")
    for sample in samples(stack, *_APIS, *_WORKERS):
        base = re.sub(r"_(bucket|sum|count)$", "", sample.name)
        metric = next(m for m in CATALOGUE.values() if m.name in {sample.name, base})
        labels = dict(sample.labels)
        if sample.name.endswith("_bucket"):
            assert float(labels.pop("le")) in {*metric.buckets, float("inf")}
        assert set(labels) == set(metric.labels)
        for label in metric.labels:
            if label in metric.values:
                assert labels[label] in metric.values[label]
            else:
                assert re.fullmatch(COMMON_VALUES[label], labels[label]), labels


def test_no_metric_tells_anything_about_anybody(
    stack: RunningStack, alice: Person, bob: Person
) -> None:
    sent = alice.send(bob, "unmistakable text")
    alice.see(f"conversations/{bob.username}/messages", sent)
    ids = (sent.json()["message_id"], sent.json()["event_id"])
    for service in (*_APIS, *_WORKERS):
        port = stack.record["ports"][service]
        page = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
        for told in ("unmistakable", alice.username, bob.username, alice.email, *ids):
            assert told not in page


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/metrics/", "/auth/v1/metrics", "/query/v1/metrics", "/command/v1/../../metrics"],
)
def test_metrics_are_not_public(stack: RunningStack, path: str) -> None:
    answer = httpx.get(f"{stack.url}{path}")
    assert answer.status_code in {401, 404}
    assert "messaging_" not in answer.text


def test_prometheus_is_told_whom_to_ask(stack: RunningStack) -> None:
    written = (stack.state / "run/prometheus/prometheus.yml").read_text()
    for service in (*_APIS, *_WORKERS):
        assert f'"127.0.0.1:{stack.record["ports"][service]}"' in written
    assert (stack.state / "run/prometheus/alerts.yml").exists()


_RUNBOOKS = ("lag-grows.md", "failed-logins.md", "disk-fills.md")
_AN_EVENT = "1771234567890-0"
_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", _RUNBOOKS)
def test_the_commands_of_the_runbooks_run(stack: RunningStack, name: str) -> None:
    page = (_ROOT / f"docs/runbooks/{name}").read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    # Commands about one event are run where there is such an event: tests/operating.
    blocks = [block for block in blocks if _AN_EVENT not in block]
    assert blocks
    for block in blocks:
        commands = block.replace("http://127.0.0.1:8080", stack.url)
        commands = commands.replace(" .messaging", f" {stack.state}")
        done = subprocess.run(
            ["bash", "-c", commands],
            cwd=_ROOT,
            env=stack.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stderr, bool(done.stdout)) == ("", True), commands
