"""Prints CPU milliseconds a request of each API, and the ratio to a plain Flask answer.

`make bench` starts a stack of its own. Requests go to the services directly, over one kept
connection; their processes' CPU time is read before and after, so that neither the client nor
NGINX counts. Rounds of all kinds alternate, and the median is shown: these numbers are for
ratios, not for the clock.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import click
import httpx
from rich.console import Console
from rich.table import Table

from bench.cpu import cpu_seconds
from bench.people import Pair, meet
from bench.stack import Service, plain_flask, stack

_GUNICORN = ["--worker-class=gthread", "--workers=2", "--threads=8", "--no-control-socket"]
Request = Callable[[httpx.Client], httpx.Response]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of request to one service."""

    name: str
    service: Service
    request: Request


@click.command()
@click.option("--requests", default=500, show_default=True, help="Requests a round.")
@click.option("--rounds", default=5, show_default=True, help="Rounds of each case.")
def main(requests: int, rounds: int) -> None:
    """Measure and print."""
    with stack() as services, plain_flask(_GUNICORN) as plain:
        pair = meet(services)
        cases = _cases(services, plain, pair)
        costs: dict[str, list[float]] = {case.name: [] for case in cases}
        before = _projection_cpu(services)
        for _ in range(rounds):
            for case in cases:
                costs[case.name].append(_round(case, requests))
        pair.await_everything(services)
        events = sum("POST" in name or "DELETE" in name for name in costs) * requests * rounds
        projection = (_projection_cpu(services) - before) / events
    _show({name: statistics.median(values) for name, values in costs.items()}, projection)


def _cases(services: dict[str, Service], plain: Service, pair: Pair) -> list[Case]:
    command, query = services["command_api"], services["query_api"]
    peer = f"/query/v1/conversations/{pair.alice.username}"
    return [
        Case(name="plain Flask answer", service=plain, request=lambda client: client.get("/")),
        Case(name="command: POST messages", service=command, request=pair.send),
        Case(name="command: POST messages, with key", service=command, request=pair.send_with_key),
        Case(name="command: POST read", service=command, request=pair.read),
        Case(name="query: messages/last", service=query, request=pair.get(f"{peer}/messages/last")),
        Case(name="query: a page of 50", service=query, request=pair.get(f"{peer}/messages")),
        Case(name="query: unread", service=query, request=pair.get("/query/v1/unread")),
        Case(
            name="query: conversations", service=query, request=pair.get("/query/v1/conversations")
        ),
    ]


def _round(case: Case, requests: int) -> float:
    """Return CPU milliseconds a request."""
    with httpx.Client(base_url=case.service.url, timeout=30) as client:
        case.request(client).raise_for_status()
        before = cpu_seconds(case.service.pid)
        for _ in range(requests):
            case.request(client).raise_for_status()
        # The kernel counts in ticks of 10 ms.
        return (cpu_seconds(case.service.pid) - before) / requests * 1000


def _projection_cpu(services: dict[str, Service]) -> float:
    """Return the workers' CPU milliseconds so far; what they use while idle counts as well."""
    workers = [service for name, service in services.items() if name.startswith("worker")]
    return sum(cpu_seconds(worker.pid) for worker in workers) * 1000


def _show(costs: dict[str, float], projection: float) -> None:
    table = Table("request", "CPU ms", "ratio", title=time.strftime("%Y-%m-%d"))
    plain = costs["plain Flask answer"]
    for name, cost in costs.items():
        table.add_row(name, f"{cost:.2f}", f"{cost / plain:.2f}")
    table.add_row("projection, an event", f"{projection:.2f}", f"{projection / plain:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
