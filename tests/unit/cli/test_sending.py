"""Messages are sent once each and in order, whatever happens on the way."""

from __future__ import annotations

import random
from collections.abc import Iterator

import httpx
import pytest

from cli.demo.accounts import Accounts
from cli.demo.outgoing import Outgoing
from cli.demo.parallel import Stop
from cli.demo.sending import Sender
from messaging_client import InvalidFieldsError
from tests.fake_service import FakeService, Handler, problem

_PEOPLE = ("ann", "bob", "carl", "dora", "eve")


def _messages(count: int) -> Iterator[Outgoing]:
    chance = random.Random(7)
    for number in range(1, count + 1):
        sender, recipient = chance.sample(_PEOPLE, 2)
        yield Outgoing(number=number, sender=sender, recipient=recipient, body=f"text {number}")


@pytest.fixture
def sender(accounts: Accounts) -> Sender:
    for name in _PEOPLE:
        accounts.register(name)
    return Sender(accounts, run="test", stop=Stop())


def _bodies(service: FakeService) -> dict[tuple[str, ...], list[str]]:
    return {
        pair: [message["body"] for message in messages]
        for pair, messages in service.conversations.items()
    }


def _expected(count: int) -> dict[tuple[str, ...], list[str]]:
    expected: dict[tuple[str, ...], list[str]] = {}
    for message in _messages(count):
        expected.setdefault(message.pair, []).append(message.body)
    return expected


def test_every_conversation_is_sent_in_order(sender: Sender, service: FakeService) -> None:
    done: list[None] = []
    sent = sender.send_all(_messages(300), lambda: done.append(None))
    assert _bodies(service) == _expected(300)
    assert sent.messages == sender.accepted == len(done) == 300


def test_nothing_is_lost_or_doubled_by_failures(sender: Sender, service: FakeService) -> None:
    chance = random.Random(1)

    def fail_often(request: httpx.Request, serve: Handler) -> httpx.Response:
        luck = chance.random()
        if luck < 0.1:
            return problem(503, "queue-unavailable")
        if luck < 0.2:
            return problem(429, "rate-exceeded", **{"Retry-After": "1"})
        answer = serve(request)
        if luck < 0.4:
            raise httpx.ReadError("the answer was lost")
        return answer

    service.mischief = fail_often
    sent = sender.send_all(_messages(300), lambda: None)
    assert _bodies(service) == _expected(300)
    ids = [receipt.message_id for one in sent.conversations.values() for receipt in one.receipts]
    assert len(set(ids)) == 300


def test_turns_are_counted(sender: Sender) -> None:
    spoken = ["ann", "ann", "bob", "ann", "bob", "bob"]
    messages = [
        Outgoing(number=n, sender=who, recipient="bob" if who == "ann" else "ann", body="hi")
        for n, who in enumerate(spoken)
    ]
    sent = sender.send_all(messages, lambda: None)
    assert sent.conversations["ann", "bob"].turns == 3


def test_a_recipient_whose_account_is_gone_gets_another(
    sender: Sender, service: FakeService
) -> None:
    del service.passwords["bob"]
    service.emails.clear()
    message = Outgoing(number=1, sender="ann", recipient="bob", body="hi")
    sender.send_all([message], lambda: None)
    assert _bodies(service) == {("ann", "bob"): ["hi"]}


def test_a_refusal_ends_all(sender: Sender, service: FakeService) -> None:
    def refuse_one(request: httpx.Request, serve: Handler) -> httpx.Response:
        return problem(422, "invalid-fields") if b"text 40" in request.content else serve(request)

    service.mischief = refuse_one
    with pytest.raises(InvalidFieldsError, match="invalid-fields"):
        sender.send_all(_messages(10_000), lambda: None)
    assert sender.accepted < 1_000
