"""Deleting an account through the whole stack, as the account and as its peers see it."""

from __future__ import annotations

import json
import secrets
import time

import httpx
import pytest

from messaging_client import RecipientUnknownError
from tests.acceptance.people import Person, Register
from tests.running_stack import RunningStack, wait_until

pytestmark = pytest.mark.stack
PASSWORD = "correct horse battery"
TABLES = (
    "SELECT schemaname, tablename FROM pg_tables"
    " WHERE schemaname IN ('identity', 'event_log', 'read_model')"
)


def register_named(stack: RunningStack, username: str) -> httpx.Response:
    body = {"username": username, "email": f"{username}@example.org", "password": PASSWORD}
    return httpx.post(f"{stack.url}/auth/v1/register", json=body, timeout=30)


def leave(person: Person, password: str | None = None) -> httpx.Response:
    body = {"password": password or person.password}
    return person.http.request("DELETE", "/auth/v1/me", json=body)


def tables_with(stack: RunningStack, words: str) -> list[str]:
    connection = stack.connect("postgres")
    try:
        cursor = connection.cursor()
        cursor.execute(TABLES)
        found = []
        for schema, name in cursor.fetchall():
            cursor.execute(
                f"SELECT 1 FROM {schema}.{name} AS t WHERE position(%s IN t::text) > 0"
                " OR position(%s IN t::text) > 0 LIMIT 1",
                (words, words.encode().hex()),
            )
            if cursor.fetchone():
                found.append(f"{schema}.{name}")
        return found
    finally:
        connection.close()


def logged_deletions(stack: RunningStack, account: str) -> set[tuple[str, str]]:
    """Return type and author of the order of the account's deletion, as the log has it."""
    connection = stack.connect("operator")
    try:
        cursor = connection.cursor()
        cursor.execute(
            "SELECT type, data ->> 'ordered_by' FROM event_log.event"
            " WHERE actor_id = %s AND type LIKE 'account.deleted.%%'",
            (account,),
        )
        return set(cursor.fetchall())
    finally:
        connection.close()


def test_a_deleted_account_leaves_tombstones_and_its_name(
    stack: RunningStack, register: Register
) -> None:
    secret = f"secret-{secrets.token_hex(16)}"
    gone, peers = register("gone"), [register("peer") for _ in range(3)]
    for peer in peers:
        sent = [gone.write(peer, f"{secret} {number}") for number in range(3)]
        answer = peer.write(gone, "an answer")
        message = sent[0].message_id
        edit = gone.client.edit_message(message, body=f"{secret} again")
        assert len(peer.messages(gone, token=edit.consistency_token)) == 4
    assert set(tables_with(stack, secret)) == {"event_log.event", "read_model.message"}

    assert leave(gone, "wrong").status_code == 403
    deletion = leave(gone)
    assert deletion.status_code == 202
    assert deletion.json()["status"] == "accepted"
    assert leave(gone).status_code == 401

    wait_until(lambda: tables_with(stack, secret) == [], 20)
    for peer in peers:
        [conversation] = peer.see("conversations")["items"]
        assert conversation["with"] is None
        assert (conversation["unread_count"], conversation["last_position"]) == (0, 4)
        assert conversation["last_message"]["body"] == "an answer"
        assert conversation["last_message"]["to"] is None
        assert peer.client.unread().total == 0
        assert peer.get(f"conversations/{gone.username}/messages").status_code == 404
    assert peers[-1].get(f"messages/{message}").status_code == 404
    tombstone = peers[-1].see(f"messages/{message}?include=deleted")
    assert (tombstone["from"], tombstone["body"], tombstone["position"]) == (None, None, 1)
    assert tombstone["deleted_at"] == deletion.json()["accepted_at"]
    assert answer.accepted_at

    wait_until(lambda: register_named(stack, gone.username).status_code == 201, 20)
    wait_until(lambda: tables_with(stack, gone.username) == ["identity.account"], 5)
    # The new holder of the name is another person.
    assert peers[0].messages(gone) == []


def test_an_operator_deletes_an_account_and_the_log_says_so(
    stack: RunningStack, register: Register
) -> None:
    secret = f"secret-{secrets.token_hex(16)}"
    gone, peer = register("gone"), register("peer")
    token = gone.write(peer, secret).consistency_token
    assert (
        peer.get("conversations", token=token).json()["items"][0]["last_message"]["body"] == secret
    )
    asked = stack.messaging("accounts", "delete", gone.username)  # Nobody answers.
    assert asked.returncode == 1
    assert f"Delete {gone.username} and all that they wrote" in asked.stderr
    assert gone.http.get("/auth/v1/me").status_code == 200

    done = stack.messaging("accounts", "delete", gone.username, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["username"], told["sessions_ended"]) == (gone.username, 1)
    for path in ("/auth/v1/me", "/query/v1/conversations"):
        wait_until(lambda path=path: gone.http.get(path).status_code == 401, 6)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    again = stack.messaging("accounts", "delete", gone.username, "--yes")
    assert (again.returncode, again.stdout) == (1, "")
    assert f"No account has the username '{gone.username}'." in again.stderr

    wait_until(lambda: tables_with(stack, secret) == [], 20)
    [conversation] = peer.see("conversations")["items"]
    assert (conversation["with"], conversation["last_message"]) == (None, None)
    assert logged_deletions(stack, told["account_id"]) == {("account.deleted.v2", "operator")}
    wait_until(lambda: register_named(stack, gone.username).status_code == 201, 20)


def test_the_log_says_when_it_was_the_owner(stack: RunningStack, register: Register) -> None:
    gone = register("gone")
    account = str(gone.client.me().id)
    assert leave(gone).status_code == 202
    said = {("account.deleted.v2", "owner")}
    wait_until(lambda: logged_deletions(stack, account) == said, 20)


def test_every_service_refuses_a_deleted_accounts_token_within_five_seconds(
    register: Register,
) -> None:
    gone, peer = register("gone"), register("peer")
    gone.write(peer, "hello")
    assert len(gone.messages(peer)) == 1
    started = time.monotonic()
    assert leave(gone).status_code == 202
    for method, path in (
        ("GET", "/auth/v1/me"),
        ("GET", "/query/v1/conversations"),
        ("DELETE", f"/command/v1/messages/{'0' * 8}-0000-7000-8000-{'0' * 12}"),
    ):
        wait_until(
            lambda method=method, path=path: gone.http.request(method, path).status_code == 401,  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            6,
        )
    assert time.monotonic() - started < 6
    login = {"username": gone.username, "password": gone.password}
    assert gone.http.post("/auth/v1/login", json=login).status_code == 401


def test_a_message_to_a_deleted_account_is_refused_or_rejected(register: Register) -> None:
    gone, peer, stranger = register("gone"), register("peer"), register("stranger")
    peer.write(gone, "are you there?")
    assert len(peer.messages(gone)) == 1
    assert leave(gone).status_code == 202

    def fate() -> tuple[str, str | None] | None:
        try:
            return peer.outcome(peer.write(gone, "hello?"))
        except RecipientUnknownError:  # The name is not in this process's memory.
            return None

    # A command API may remember the name for a minute; the erasure is applied within seconds.
    wait_until(lambda: fate() in (None, ("rejected", "recipient-deleted")), 10)
    with pytest.raises(RecipientUnknownError):
        stranger.client.send_message(f"{stranger.username}-x", "?")
