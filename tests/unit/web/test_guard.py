"""The guard: who is let in, how that is remembered, and for how long."""

from __future__ import annotations

from uuid import UUID

import pytest

from runtime.errors import UnavailableError
from runtime.ids import AccountId, SessionId
from web.guard import (
    LONGEST_MEMORY_S,
    Guard,
    Identity,
    TokenInvalidError,
    TokenMissingError,
    VerifiedToken,
)

pytestmark = pytest.mark.unit


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Verifier:
    """Every token is good and names a session by its length; counts what it is asked."""

    def __init__(self, clock: Clock, lifetime: float = 300) -> None:
        self.asked = 0
        self._clock = clock
        self._lifetime = lifetime

    def verify(self, token: str) -> VerifiedToken:
        self.asked += 1
        identity = Identity(AccountId(UUID(int=1)), SessionId(UUID(int=len(token))))
        return VerifiedToken(identity, self._clock() + self._lifetime)


class Revocations:
    def __init__(self) -> None:
        self.ended: set[SessionId] = set()
        self.away = False

    def is_revoked(self, session_id: SessionId) -> bool:
        if self.away:
            raise UnavailableError
        return session_id in self.ended


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def revocations() -> Revocations:
    return Revocations()


@pytest.mark.parametrize("header", [None, "", "Basic YTpi", "Negotiate x", "token abc"])
def test_without_a_bearer_token_the_challenge_names_no_error(
    header: str | None, clock: Clock, revocations: Revocations
) -> None:
    with pytest.raises(TokenMissingError) as caught:
        Guard(Verifier(clock), revocations).identify(header)
    assert caught.value.headers == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "bearer   "])
def test_a_bearer_header_without_a_token_is_invalid(
    header: str, clock: Clock, revocations: Revocations
) -> None:
    with pytest.raises(TokenInvalidError):
        Guard(Verifier(clock), revocations).identify(header)


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", "BEARER  abc "])
def test_the_scheme_is_known_in_any_case(
    header: str, clock: Clock, revocations: Revocations
) -> None:
    identity = Guard(Verifier(clock), revocations).identify(header)
    assert identity.session_id == UUID(int=3)


def test_a_verified_token_is_remembered_for_a_few_seconds(
    clock: Clock, revocations: Revocations
) -> None:
    verifier = Verifier(clock)
    guard = Guard(verifier, revocations, clock=clock)
    for _ in range(10):
        guard.identify("Bearer abc")
        clock.now += LONGEST_MEMORY_S / 20
    assert verifier.asked == 1
    clock.now += LONGEST_MEMORY_S
    guard.identify("Bearer abc")
    assert verifier.asked == 2


def test_the_end_of_a_session_is_effective_within_five_seconds(
    clock: Clock, revocations: Revocations
) -> None:
    guard = Guard(Verifier(clock), revocations, clock=clock)
    identity = guard.identify("Bearer abc")
    revocations.ended.add(identity.session_id)
    clock.now += 4.99
    with pytest.raises(TokenInvalidError, match="ended"):
        guard.identify("Bearer abc")


def test_a_token_is_not_remembered_beyond_its_expiry(
    clock: Clock, revocations: Revocations
) -> None:
    verifier = Verifier(clock, lifetime=1)
    guard = Guard(verifier, revocations, clock=clock)
    guard.identify("Bearer abc")
    clock.now += 1
    guard.identify("Bearer abc")
    assert verifier.asked == 2


def test_a_refused_token_is_not_remembered_as_good(clock: Clock, revocations: Revocations) -> None:
    guard = Guard(Verifier(clock), revocations, clock=clock)
    revocations.ended.add(SessionId(UUID(int=3)))
    for _ in range(2):
        with pytest.raises(TokenInvalidError):
            guard.identify("Bearer abc")


def test_when_nobody_knows_what_has_ended_a_new_token_is_not_let_in(
    clock: Clock, revocations: Revocations
) -> None:
    guard = Guard(Verifier(clock), revocations, clock=clock)
    guard.identify("Bearer abc")
    revocations.away = True
    guard.identify("Bearer abc")
    with pytest.raises(UnavailableError):
        guard.identify("Bearer abcd")


def test_the_memory_is_bounded(clock: Clock, revocations: Revocations) -> None:
    guard = Guard(Verifier(clock), revocations, remembered=10, clock=clock)
    for number in range(1_000):
        guard.identify(f"Bearer {number}")
    held = len(guard._young) + len(guard._old)
    assert held <= 20
    assert guard.identify("Bearer 999").session_id == UUID(int=3)
