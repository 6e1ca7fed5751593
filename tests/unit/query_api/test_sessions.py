"""Who knows of ended sessions while Redis is away."""

from __future__ import annotations

from query_api.reads.sessions import EndedSessions
from query_api.reads.statements import Statement
from runtime.errors import UnavailableError
from runtime.ids import SessionId, new_id


class Listed:
    """The list of Redis, which may be away."""

    def __init__(self) -> None:
        self.away = False
        self.asked = 0

    def is_revoked(self, session_id: SessionId) -> bool:
        self.asked += 1
        if self.away:
            raise UnavailableError
        return False


class Database:
    """Knows every session as ended."""

    def select(self, statement: Statement, parameters: object) -> list[tuple[int]]:
        return [(1,)]


def test_the_database_is_asked_only_while_redis_is_away() -> None:
    listed, now = Listed(), [0.0]
    sessions = EndedSessions(listed, Database(), clock=lambda: now[0])
    session = SessionId(new_id())
    assert not sessions.is_revoked(session)
    listed.away = True
    assert sessions.is_revoked(session)
    listed.away = False
    now[0] = 0.9
    assert sessions.is_revoked(session)
    assert listed.asked == 2
    now[0] = 1.1
    assert not sessions.is_revoked(session)
