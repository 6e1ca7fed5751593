"""The Python client against the whole stack: each of its calls, and what it does on its own."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

import httpx
import pytest

from messaging_client import (
    LoginFailedError,
    MessageReceipt,
    MessagingClient,
    NotFoundError,
    PasswordWrongError,
    RecipientUnknownError,
    Retries,
    SendMessage,
    UnauthorizedError,
    UsernameTakenError,
    http_client,
)
from tests.acceptance.people import Person, Register
from tests.running_stack import RunningStack, wait_until

pytestmark = pytest.mark.stack


class _Losing(httpx.BaseTransport):
    """Loses the first answer to each command, which has had its effect."""

    def __init__(self) -> None:
        self._inner = httpx.HTTPTransport()
        self._met: set[str] = set()
        self._lock = Lock()
        self.lost = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        key = request.headers.get("Idempotency-Key", "")
        with self._lock:
            is_new = key not in self._met
            self._met.add(key)
        if key and is_new:
            answer.read()
            answer.close()
            self.lost += 1
            raise httpx.ReadError("the answer was lost")
        return answer

    def close(self) -> None:
        self._inner.close()


class _Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_account_and_sessions(stack: RunningStack, alice: Person) -> None:
    me = alice.client.me()
    assert me.username == alice.username
    with MessagingClient(stack.url) as other:
        other.login(alice.username, alice.password)
        sessions = other.sessions()
        assert len(sessions) == 2
        assert sessions[0].user_agent.startswith("messaging-client/")
        (first,) = (session for session in sessions if not session.current)
        other.end_session(first.id)
        with pytest.raises(NotFoundError):
            other.end_session(me.id)
        with pytest.raises(PasswordWrongError):
            other.change_password("wrong", "another secret")
        other.change_password(alice.password, "another secret")
        with pytest.raises(LoginFailedError):
            alice.client.login(alice.username, alice.password)
        with pytest.raises(UsernameTakenError):
            other.register(alice.username, "another@example.org", "correct horse")
        other.login(alice.username, "another secret", remember=True)
        other.end_all_sessions()
        assert not other.is_logged_in


def test_a_session_is_renewed_in_time(stack: RunningStack, alice: Person) -> None:
    clock = _Clock()
    with MessagingClient(stack.url, retries=Retries(clock=clock)) as client:
        client.login(alice.username, alice.password)
        tokens = [client.access_token()]
        for _ in range(3):
            clock.now += 250
            assert client.me().username == alice.username
            tokens.append(client.access_token())
        assert len(set(tokens)) == 4
        assert len(client.sessions()) == 2


def test_an_ended_session_is_begun_anew_only_with_remembered_credentials(
    stack: RunningStack, alice: Person
) -> None:
    with MessagingClient(stack.url) as remembering:
        remembering.login(alice.username, alice.password, remember=True)
        alice.client.end_all_sessions()
        wait_until(lambda: alice.get("/auth/v1/me").status_code == 401, 10)
        assert remembering.me().username == alice.username
        forgetful = MessagingClient(stack.url)
        with forgetful:
            forgetful.login(alice.username, alice.password)
            remembering.end_all_sessions()
            with pytest.raises(UnauthorizedError):
                wait_until(lambda: forgetful.me().username == "nobody", 10)


def test_lost_answers_have_one_effect(stack: RunningStack, alice: Person, bob: Person) -> None:
    with http_client(stack.url) as http:
        http._transport = losing = _Losing()
        client = MessagingClient(stack.url, http=http)
        client.login(alice.username, alice.password)
        sent = [client.send_message(bob.username, str(number)) for number in range(5)]
        batch = [SendMessage(to=bob.username, body=str(number)) for number in range(5, 9)]
        results = client.batch(batch)
        client.edit_message(sent[0].message_id, body="0")
        client.read_conversation(bob.username, 9)
        shown = list(client.messages(bob.username, after=0))
        assert losing.lost == 8
    assert all(receipt.replayed for receipt in sent)
    assert [message.body for message in shown] == [str(number) for number in range(9)]
    ids = [one.message_id for one in (*sent, *results) if isinstance(one, MessageReceipt)]
    assert [message.id for message in shown] == ids


def test_who_waits_gets_the_message_or_the_outcome(alice: Person, bob: Person) -> None:
    sent = alice.client.send_message(bob.username, "hello", "about you", wait=10)
    assert sent.message
    assert (sent.message.body, sent.message.subject, sent.message.position) == (
        "hello",
        "about you",
        1,
    )
    edited = alice.client.edit_message(sent.message.id, subject=None, wait=10)
    assert edited.message
    assert (edited.message.body, edited.message.subject) == ("hello", None)
    refused = bob.client.delete_message(sent.message.id, wait=10)
    assert refused.outcome
    assert (refused.outcome.status, refused.outcome.reason) == ("rejected", "message-not-found")
    read = bob.client.read_conversation(alice.username, 1, wait=10)
    assert read.outcome
    assert read.outcome.status == "applied"
    assert bob.client.message(sent.message.id).read_at is not None


def test_queries_are_typed_and_follow_links(alice: Person, bob: Person) -> None:
    for number in range(7):
        token = alice.write(bob, f"number {number}").consistency_token
    shown = bob.client.messages(alice.username, limit=3, token=token)
    assert [message.position for message in shown] == [7, 6, 5, 4, 3, 2, 1]
    assert len(list(bob.client.unread_messages(alice.username, limit=2))) == 7
    assert len(list(bob.client.search("number", with_=alice.username, limit=2))) == 7
    assert bob.client.last_message(alice.username).body == "number 6"
    assert alice.client.last_message(bob.username, from_any=True).position == 7
    with pytest.raises(NotFoundError):
        alice.client.last_message(bob.username)
    with pytest.raises(RecipientUnknownError):
        alice.client.send_message(f"{bob.username}-x", "hello")
    with pytest.raises(NotFoundError):
        list(alice.client.messages(f"{bob.username}-x"))


def test_answers_at_hand_are_confirmed(stack: RunningStack, alice: Person, bob: Person) -> None:
    statuses: list[int] = []
    with http_client(stack.url) as http:
        http.event_hooks["response"] = [lambda answer: statuses.append(answer.status_code)]
        client = MessagingClient(stack.url, http=http, cached_answers=8)
        client.login(alice.username, alice.password)
        client.send_message(bob.username, "hello")
        first = client.conversations().first_page()
        assert client.conversations().first_page() == first
        assert statuses[-2:] == [200, 304]
        client.send_message(bob.username, "again")
        (conversation,) = client.conversations()
        assert conversation.last_position == 2


def test_a_deleted_account_is_gone(register: Register) -> None:
    gone = register("gone")
    with pytest.raises(PasswordWrongError):
        gone.client.delete_account("wrong")
    deletion = gone.client.delete_account(gone.password)
    assert deletion is not None
    assert deletion.accepted_at.tzinfo is not None
    assert not gone.client.is_logged_in
    with pytest.raises(LoginFailedError):
        gone.client.login(gone.username, gone.password)


def test_a_service_that_is_away_is_told_in_time() -> None:
    retries = replace(Retries(), outage_s=0.3)
    with (
        MessagingClient("http://127.0.0.1:9", retries=retries) as client,
        pytest.raises(Exception, match="POST /auth/v1/login: "),
    ):
        client.login("ann", "secret")
