"""No log of the stack holds what people write, who they are, or what they know."""

from __future__ import annotations

import secrets
import time

import httpx
import psycopg2
import pytest

from tests.running_stack import RunningStack, wait_until

pytestmark = pytest.mark.stack

# Each fails, or takes long, in a way of its own; psycopg2 puts values into statements like this.
STATEMENTS = (
    "SELECT '{mark}'::int",
    "SELECT '{mark}' FROM nothing.of_this_name",
    "SELEC '{mark}'",
    "SET x = '{mark}'",
    "SELECT pg_cancel_backend(pg_backend_pid()), '{mark}', pg_sleep(1)",
    "SELECT '{mark}', pg_sleep(1.2)",
    "DO $$ BEGIN RAISE NOTICE '{mark}'; END $$",
    "DO $$ BEGIN RAISE WARNING '{mark}'; END $$",
    "DO $$ BEGIN RAISE EXCEPTION '{mark}' USING DETAIL = '{mark}'; END $$",
    "INSERT INTO identity.account SELECT * FROM event_log.event WHERE '{mark}' = ''",
)


def _holding(stack: RunningStack, marks: tuple[str, ...]) -> list[str]:
    return [
        f"{path.name}: {line}"
        for path in (stack.state / "logs").iterdir()
        for line in path.read_text(errors="replace").splitlines()
        for mark in marks
        if mark in line
    ]


def _await_mention(stack: RunningStack, what: str) -> None:
    wait_until(lambda: _holding(stack, (what,)))


@pytest.mark.parametrize("server", ["primary", "pgpool"])
@pytest.mark.parametrize("role", ["auth_api", "worker", "query_api"])
def test_statements_and_their_errors_stay_out_of_logs(
    stack: RunningStack, role: str, server: str
) -> None:
    mark = f"mark-{secrets.token_hex(8)}"
    name = "query-api" if role == "query_api" else "api-write"
    with stack.connect(role, server=server, application_name=name) as connection:
        for statement in STATEMENTS:
            with connection.cursor() as cursor:
                try:
                    cursor.execute(statement.format(mark=mark))
                except psycopg2.Error:
                    continue
    connection.close()
    time.sleep(0.5)
    assert _holding(stack, (mark,)) == []


def test_people_and_their_words_stay_out_of_logs(stack: RunningStack) -> None:
    word, password = secrets.token_hex(8), secrets.token_hex(8)
    email = f"{word}@example.org"
    account = {"username": f"logs-{secrets.token_hex(4)}", "password": password}
    friend = {"username": f"logs-{secrets.token_hex(4)}", "password": password}
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        register = "/auth/v1/register"
        assert client.post(register, json={**account, "email": email}).status_code == 201
        other = {**friend, "email": f"{word}3@example.org"}
        assert client.post(register, json=other).status_code == 201
        for taken in (
            {**account, "email": f"{word}2@example.org"},
            account | {"username": "logs-b"},
        ):
            refused = client.post(register, json={"email": email, **taken})
            assert refused.status_code == 409
        token = client.post("/auth/v1/login", json=account).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        body = {"to": friend["username"], "body": f"message {word} \U0001f600"}
        sent = client.post("/command/v1/messages", json=body)
        assert sent.status_code == 202, sent.text
        token_of_it = {"Consistency-Token": sent.headers["Consistency-Token"], "Prefer": "wait=10"}
        found = client.get("/query/v1/search", params={"q": word}, headers=token_of_it)
        assert [message["body"] for message in found.json()["items"]] == [body["body"]]
    # All that these requests had to say is there: also the last one's line, and the worker's.
    _await_mention(stack, found.headers["X-Request-Id"])
    _await_mention(stack, sent.json()["event_id"])
    assert _holding(stack, (word, password, token, "$argon2")) == []
