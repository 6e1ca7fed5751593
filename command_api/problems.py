"""Which problem stands for which error of the command API."""

from __future__ import annotations

from collections.abc import Mapping

from command_api.directory import RecipientUnknownError
from events.append import (
    CommandRateError,
    IdempotencyKeyReusedError,
    QueueFullError,
    QueueUnavailableError,
)
from runtime.errors import MessagingError
from web.problems import CATALOGUE, Problem

STATUSES: Mapping[type[MessagingError], Problem] = {
    RecipientUnknownError: CATALOGUE["recipient-unknown"],
    IdempotencyKeyReusedError: CATALOGUE["idempotency-key-reused"],
    CommandRateError: CATALOGUE["rate-exceeded"],
    QueueFullError: CATALOGUE["queue-full"],
    QueueUnavailableError: CATALOGUE["queue-unavailable"],
}
