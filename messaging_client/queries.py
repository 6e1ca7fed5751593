"""Queries: they change nothing, and show what this client has written."""

from __future__ import annotations

from uuid import UUID

from messaging_client.caller import Caller, Question, checked_wait, segment, understood
from messaging_client.models import Conversation, Event, Message, Unread
from messaging_client.paging import Pages


class QueryCalls:
    """What one may ask. Each call takes `token`, too.

    These are consistency tokens of others' commands, comma-separated: the answer shows their
    effect. Those of this client's own commands go along by themselves.
    """

    _caller: Caller

    def conversations(self, *, limit: int = 50, token: str | None = None) -> Pages[Conversation]:
        """Return one's conversations, the one with the latest message first; `limit` a page."""
        question = Question(path="/query/v1/conversations", params={"limit": limit}, token=token)
        return Pages(self._caller, question, Conversation.of)

    def messages(
        self,
        username: str,
        *,
        before: int | None = None,
        after: int | None = None,
        include_deleted: bool = False,
        limit: int = 50,
        token: str | None = None,
    ) -> Pages[Message]:
        """Return the messages with a user: the newest first, or from `after` on the oldest first.

        Args:
            username: The other of the two.
            before: Only positions below this one.
            after: Only positions above this one; 0 is the beginning.
            include_deleted: With tombstones of messages deleted for everyone.
            limit: How many a page, 1 to 200. Within a page the oldest is first in either case.
            token: Consistency tokens of others.

        Raises:
            NotFoundError: No account has this username.
        """
        params: dict[str, str | int] = {"limit": limit}
        params |= {"before": before} if before is not None else {}
        params |= {"after": after} if after is not None else {}
        params |= {"include": "deleted"} if include_deleted else {}
        path = f"/query/v1/conversations/{segment(username)}/messages"
        question = Question(path=path, params=params, token=token)
        return Pages(self._caller, question, Message.of, backwards=after is None)

    def last_message(
        self, username: str, *, from_any: bool = False, token: str | None = None
    ) -> Message:
        """Return the last message from a user; with `from_any` the last of either of the two.

        Raises:
            NotFoundError: There is none.
        """
        path = f"/query/v1/conversations/{segment(username)}/messages/last"
        params = {"from": "any"} if from_any else None
        return self._message(Question(path=path, params=params, token=token))

    def unread_messages(
        self, username: str, *, after: int = 0, limit: int = 50, token: str | None = None
    ) -> Pages[Message]:
        """Return the unread messages from a user above position `after`, the oldest first."""
        path = f"/query/v1/conversations/{segment(username)}/messages/unread"
        params = {"limit": limit, "after": after}
        return Pages(self._caller, Question(path=path, params=params, token=token), Message.of)

    def unread(self, *, token: str | None = None) -> Unread:
        """Return how much is unread, and where."""
        answer = self._caller.ask(Question(path="/query/v1/unread", token=token))
        return understood(Unread.of, answer.document)

    def message(
        self, message_id: UUID | str, *, include_deleted: bool = False, token: str | None = None
    ) -> Message:
        """Return one message that one sent or received; with `include_deleted` a tombstone too.

        Raises:
            NotFoundError: There is none that one may see.
        """
        params = {"include": "deleted"} if include_deleted else None
        path = f"/query/v1/messages/{UUID(str(message_id))}"
        return self._message(Question(path=path, params=params, token=token))

    def search(
        self, q: str, *, with_: str | None = None, limit: int = 50, token: str | None = None
    ) -> Pages[Message]:
        """Return the messages that hold every word of `q`, the newest first.

        Args:
            q: The words.
            with_: Only of the conversation with this user.
            limit: How many a page.
            token: Consistency tokens of others.
        """
        params: dict[str, str | int] = {"q": q, "limit": limit}
        params |= {"with": with_} if with_ is not None else {}
        question = Question(path="/query/v1/search", params=params, token=token)
        return Pages(self._caller, question, Message.of)

    def event(self, event_id: UUID | str, *, token: str | None = None, wait: int = 0) -> Event:
        """Return what became of a command of one's own.

        Args:
            event_id: Its event, from the receipt.
            token: Its own token, from the receipt: without it nothing is told before it is applied.
            wait: For how many seconds, 0 to 10, to wait for the outcome.

        Raises:
            NotFoundError: There is none, or it is another's, or not yet applied and without token.
            ValueError: The service waits for 0 to 10 seconds.
        """
        return event_of(self._caller, event_id, token=token, wait=checked_wait(wait))

    def _message(self, question: Question) -> Message:
        return understood(Message.of, self._caller.ask(question).document)


def event_of(caller: Caller, event_id: UUID | str, *, token: str | None, wait: int) -> Event:
    """Return what became of a command, as `QueryCalls.event` says."""
    # The token belongs into the address here: it says who may be told, not what must be visible.
    question = Question(
        path=f"/query/v1/events/{UUID(str(event_id))}",
        params={"token": token} if token else None,
        wait_s=wait,
    )
    return understood(Event.of, caller.ask_plainly(question).document)
