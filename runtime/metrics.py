"""The catalogue of all metrics: name with unit, kind, help, labels and their closed sets of values.

Nothing else may be measured or shown: instruments take its names alone, and the alert rules, the
dashboard and docs/metrics.md are held to this page by tests. No label ever holds what a person
chose or an id: a label's values are few, and known beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from runtime.metric_names import (
    EVENT_TYPES,
    PAUSE_CAUSES,
    CounterName,
    GaugeName,
    HistogramName,
    Kind,
    Label,
    MetricName,
    Segment,
)

_LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_SIZES = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What one metric says.

    Attributes:
        name: Its name, which ends in its unit; `_total` besides where it only counts up.
        kind: As Prometheus knows it.
        segment: Which part of an event's way it is about.
        help: What it says, for people.
        labels: By what it is told apart, in the order in which instruments take their values.
        values: Of labels whose values differ between metrics, all that there are.
        buckets: Of a histogram, the upper bounds.
    """

    name: MetricName
    kind: Kind
    segment: Segment
    help: str
    labels: tuple[Label, ...] = ()
    values: Mapping[Label, tuple[str, ...]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()


def _counter(
    name: CounterName, segment: Segment, text: str, *labels: Label, values: tuple[str, ...] = ()
) -> Metric:
    return Metric(
        name=name,
        kind="counter",
        segment=segment,
        help=text,
        labels=labels,
        values=dict.fromkeys(labels, values),
    )


def _histogram(
    name: HistogramName,
    segment: Segment,
    text: str,
    *,
    labels: tuple[Label, ...] = (),
    values: Mapping[Label, tuple[str, ...]] = MappingProxyType({}),
    buckets: tuple[float, ...] = _LATENCIES,
) -> Metric:
    return Metric(
        name=name,
        kind="histogram",
        segment=segment,
        help=text,
        labels=labels,
        values=values,
        buckets=buckets,
    )


def _gauge(
    name: GaugeName,
    segment: Segment,
    text: str,
    *labels: Label,
    values: Mapping[Label, tuple[str, ...]] = MappingProxyType({}),
) -> Metric:
    return Metric(name=name, kind="gauge", segment=segment, help=text, labels=labels, values=values)


CATALOGUE: Mapping[MetricName, Metric] = {
    metric.name: metric
    for metric in (
        _histogram(
            "messaging_http_request_seconds",
            "api",
            "From a request's arrival to its answer's head, by route and class of status.",
            labels=("route", "method", "status"),
        ),
        _histogram(
            "messaging_token_wait_seconds",
            "api",
            "How long a query waited for its consistency tokens; `late`: in vain.",
            labels=("outcome",),
            values={"outcome": ("shown", "late")},
        ),
        _histogram(
            "messaging_append_seconds",
            "queue",
            "Time of one append to the event queue, the flush to disk included.",
        ),
        _counter(
            "messaging_appends_total",
            "queue",
            "Appends to the event queue; `replayed`: an idempotency key was known; `full` and"
            " `limited`: back-pressure; `closed`: the queue is not opened; `unavailable`: Redis"
            " did not do it.",
            "outcome",
            values=("appended", "replayed", "reused", "full", "limited", "closed", "unavailable"),
        ),
        _counter(
            "messaging_appended_events_total",
            "queue",
            "Events that were appended to the event queue.",
            "type",
            values=EVENT_TYPES,
        ),
        _gauge(
            "messaging_queue_waiting_events",
            "queue",
            "Entries of a partition that wait to be applied: its head less its checkpoint.",
            "partition",
        ),
        _gauge(
            "messaging_queue_oldest_waiting_seconds",
            "queue",
            "Age of the oldest entry that waits to be applied; 0 where none does.",
            "partition",
        ),
        _gauge(
            "messaging_queue_memory_ratio",
            "queue",
            "Share of the memory that Redis may use; above 0.9 commands are refused.",
        ),
        _counter(
            "messaging_deliveries_total",
            "projection",
            "Celery deliveries that workers took: what they cost, against events projected.",
            "task",
            values=("project", "sweep", "canary"),
        ),
        _counter(
            "messaging_projected_events_total",
            "projection",
            "Events committed to the event log, by what became of them; canaries are not among"
            " them.",
            "outcome",
            values=("applied", "rejected", "parked"),
        ),
        _histogram(
            "messaging_projection_batch_events",
            "projection",
            "Entries of a batch, which is one transaction.",
            buckets=_SIZES,
        ),
        _histogram(
            "messaging_projection_batch_seconds",
            "projection",
            "Time of a batch, from the checkpoint's lock to the commit.",
        ),
        _counter(
            "messaging_projection_retries_total",
            "projection",
            "Drains of a partition that failed, and are repeated; and events that were tried again"
            " since nobody knows what is wrong with them.",
        ),
        _gauge(
            "messaging_parked_events",
            "projection",
            "Events of a partition that are set aside as dead letters.",
            "partition",
        ),
        _gauge(
            "messaging_paused_partitions",
            "projection",
            "1 for a partition that is paused, by cause: an operator, an import that is under way,"
            " or too much poison.",
            *("partition", "cause"),
            values={"cause": PAUSE_CAUSES},
        ),
        _gauge(
            "messaging_held_partitions",
            "projection",
            "1 for a partition whose next event takes the database longer than a statement may,"
            " each time that it is tried.",
            "partition",
        ),
        _gauge(
            "messaging_canary_age_seconds",
            "replication",
            "Age of the newest canary that the projector applied, as the primary or a replica"
            " shows it.",
            *("partition", "node"),
        ),
        _gauge(
            "messaging_checkpoint_events",
            "replication",
            "Entries ever applied, as the primary or a replica shows it: the difference is the"
            " replica's lag.",
            *("partition", "node"),
        ),
        _gauge(
            "messaging_replica_lag_bytes",
            "replication",
            "Log of the primary that the replica has not replayed, as PGPool tells it.",
        ),
        _gauge("messaging_open_streams", "streams", "Event streams that are open."),
        _counter(
            "messaging_stream_events_total",
            "streams",
            "Server-sent events that streams were given.",
            "type",
            values=("message.sent", "message.edited", "message.deleted", "conversation.read"),
        ),
        _counter(
            "messaging_logins_total",
            "identity",
            "Attempts to log in; `limited`: refused unseen, after too many failures.",
            "outcome",
            values=("succeeded", "failed", "limited"),
        ),
        _counter(
            "messaging_token_refreshes_total",
            "identity",
            "Uses of refresh tokens; `replayed`: of one used before, which ends its session;"
            " `ended`: of a session that is over.",
            "outcome",
            values=("succeeded", "replayed", "ended"),
        ),
    )
}
