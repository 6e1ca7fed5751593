"""A messaging service in memory, spoken to over HTTP by a transport of httpx; it can misbehave."""

from tests.fake_service import answers
from tests.fake_service.answers import problem
from tests.fake_service.clock import Clock
from tests.fake_service.service import EPOCH, FakeService, Handler, Mischief

__all__ = ["EPOCH", "Clock", "FakeService", "Handler", "Mischief", "answers", "problem"]
