"""A messaging service in memory, spoken to over HTTP by a transport of httpx; it can misbehave."""

from tests.fake_service.answers import problem
from tests.fake_service.service import EPOCH, FakeService, Handler, Mischief

__all__ = ["EPOCH", "FakeService", "Handler", "Mischief", "problem"]
