"""The names of all metrics and labels, and the closed sets of what labels hold.

Instruments and looks take these names alone; what each metric says is in `runtime.metrics`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

CounterName = Literal[
    "messaging_appends_total",
    "messaging_appended_events_total",
    "messaging_deliveries_total",
    "messaging_projected_events_total",
    "messaging_projection_retries_total",
    "messaging_stream_events_total",
    "messaging_logins_total",
    "messaging_token_refreshes_total",
]
HistogramName = Literal[
    "messaging_http_request_seconds",
    "messaging_append_seconds",
    "messaging_projection_batch_events",
    "messaging_projection_batch_seconds",
    "messaging_token_wait_seconds",
]
GaugeName = Literal[
    "messaging_open_streams",
    "messaging_queue_waiting_events",
    "messaging_queue_oldest_waiting_seconds",
    "messaging_queue_memory_ratio",
    "messaging_checkpoint_events",
    "messaging_paused_partitions",
    "messaging_held_partitions",
    "messaging_parked_events",
    "messaging_canary_age_seconds",
    "messaging_replica_lag_bytes",
]
MetricName = CounterName | HistogramName | GaugeName
Kind = Literal["counter", "histogram", "gauge"]
Label = Literal[
    "cause", "method", "node", "outcome", "partition", "route", "status", "task", "type"
]
Segment = Literal["api", "queue", "projection", "replication", "streams", "identity"]

# What a name ends in, `_total` of a counter taken off.
UNITS = ("seconds", "bytes", "ratio", "events", "streams", "partitions")
# Counters whose unit is the thing that they count.
COUNTED = ("appends", "deliveries", "retries", "logins", "refreshes")

# The same everywhere; as regular expressions.
COMMON_VALUES: Mapping[Label, str] = {
    "method": "GET|HEAD|POST|PATCH|DELETE|OPTIONS|other",
    "node": "primary|replica",
    "partition": "[0-9]{1,4}",
    # As the URL map spells it, places like <username> unfilled.
    "route": "unmatched|(/[a-z0-9._-]*|/<[a-z:_]+>)+",
    "status": "[1-5]xx",
}
# As in events.pauses, which this room must not import.
PAUSE_CAUSES = ("operator", "poison", "import")
EVENT_TYPES = (
    *("message.sent.v1", "message.edited.v1", "message.deleted.v1", "conversation.read.v1"),
    *("account.deleted.v2", "canary.sent.v1"),
)
