"""Commands through NGINX, and what the read side shows of them."""

from __future__ import annotations

import pytest

from messaging_client import Receipt, SendMessage
from tests.acceptance.people import Person, Register

pytestmark = pytest.mark.stack


def test_a_message_to_somebody_just_registered_arrives(alice: Person, register: Register) -> None:
    newcomer = register("newcomer")
    answer = alice.post(newcomer, "Welcome", **{"X-Request-ID": "welcome-1"})
    assert answer.status_code == 202
    assert answer.headers["X-Request-ID"] == "welcome-1"
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.json()
    (message,) = newcomer.get(
        f"conversations/{alice.username}/messages", token=answer.headers["Consistency-Token"]
    ).json()["items"]
    assert message["id"] == told["message_id"]
    assert (message["from"], message["body"]) == (alice.username, "Welcome")
    assert message["sent_at"] == told["accepted_at"]
    assert alice.see(answer.headers["Location"])["status"] == "applied"


def test_a_message_deleted_for_me_is_gone_for_me_alone(alice: Person, bob: Person) -> None:
    sent = alice.write(bob, "Hidden from bob")
    gone = bob.client.delete_message(sent.message_id, for_="me")
    assert bob.messages(alice) == []
    assert len(alice.messages(bob, token=gone.consistency_token)) == 1


def test_a_message_deleted_for_everyone_is_gone_for_both(alice: Person, bob: Person) -> None:
    sent = alice.write(bob, "Gone")
    gone = alice.client.delete_message(sent.message_id)
    assert bob.messages(alice, token=gone.consistency_token) == []
    assert alice.messages(bob) == []


def test_only_its_sender_deletes_for_everyone_or_edits(
    alice: Person, bob: Person, register: Register
) -> None:
    stranger = register("stranger")
    sent = alice.write(bob, "Mine")
    for person in (bob, stranger):
        edit = person.client.edit_message(sent.message_id, body="Not mine")
        assert person.outcome(edit) == ("rejected", "message-not-found")
    deleted = stranger.client.delete_message(sent.message_id, for_="me")
    assert stranger.outcome(deleted) == ("rejected", "message-not-found")
    edit = alice.client.edit_message(sent.message_id, body="Mine, better", subject="Edited")
    assert alice.outcome(edit) == ("applied", None)
    (message,) = bob.messages(alice, token=edit.consistency_token)
    assert (message.body, message.subject) == ("Mine, better", "Edited")
    assert message.edited_at == edit.accepted_at


def test_reading_leaves_nothing_unread_and_never_goes_back(alice: Person, bob: Person) -> None:
    sent = [alice.write(bob, f"Message {number}") for number in range(3)][-1]
    assert bob.client.unread(token=sent.consistency_token).total == 3
    bob.client.read_conversation(alice.username, 2)
    assert bob.client.unread().total == 1
    bob.client.read_conversation(alice.username, 1_000_000)
    assert bob.client.unread().total == 0
    bob.client.read_conversation(alice.username, 1)
    assert bob.client.unread().total == 0


def test_a_batch_of_500_arrives_in_order_and_its_tokens_cover_all(
    alice: Person, bob: Person, register: Register
) -> None:
    carol = register("carol")
    commands = [
        SendMessage(to=(bob if number % 2 else carol).username, body=f"{number} " + "x" * 1_500)
        for number in range(499)
    ]
    *good, bad = alice.client.batch([*commands, SendMessage(to="", body="")])
    assert all(isinstance(result, Receipt) for result in good)
    assert not isinstance(bad, Receipt)
    assert (len(good), bad.status) == (499, 422)
    for peer, rest in ((bob, 1), (carol, 0)):
        shown = alice.messages(peer)
        assert [int((message.body or "").split()[0]) for message in shown] == [
            number for number in range(499) if number % 2 == rest
        ]
        assert [message.position for message in shown] == list(range(1, len(shown) + 1))


def test_who_waits_is_answered_with_the_message_once_it_is_applied(
    alice: Person, bob: Person
) -> None:
    sent = alice.post(bob, "Hello", Prefer="wait=10", **{"Idempotency-Key": "k"})
    assert sent.status_code == 201, sent.text
    assert sent.headers["Preference-Applied"] == "wait=10"
    assert sent.json() == alice.see(sent.headers["Location"])
    again = alice.post(bob, "Hello", Prefer="wait=10", **{"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["id"]) == (201, sent.json()["id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(alice.messages(bob, token=sent.headers["Consistency-Token"])) == 1
    path = f"/command/v1/messages/{sent.json()['id']}"
    edited = alice.http.patch(path, json={"body": "Hi"}, headers={"Prefer": "wait=10"})
    assert (edited.status_code, edited.json()["body"]) == (200, "Hi")
