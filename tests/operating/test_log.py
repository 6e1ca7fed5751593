"""`messaging events log`: pages, filters, and no text unless it is asked for."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from events.contracts.messages import MessageEdited
from runtime.ids import AccountId
from tests.operating.conftest import Harness, Pair, events, told
from tests.projector.mischief import message_of

pytestmark = pytest.mark.usefixtures("stack_of_servers")
SECRET = "what nobody else should read"


def of_pair(pair: Pair, *more: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = told("log", "--conversation", str(pair.conversation), *more)[
        "events"
    ]
    return found


def test_the_log_tells_what_became_of_each_event(harness: Harness, pair: Pair) -> None:
    sent = pair.sent(SECRET)
    refused = MessageEdited(message_id=message_of(sent.event).message_id, changes={"body": SECRET})
    harness.append(sent)
    harness.append(harness.envelope(refused, pair.other))
    harness.drain_all()
    first, second = of_pair(pair)
    assert set(first) == {
        *("place", "partition", "offset", "id", "type", "conversation_id", "actor_id", "position"),
        *("outcome", "reason", "occurred_at", "recorded_at", "request_id", "traceparent", "data"),
    }
    assert (first["id"], first["outcome"], first["position"]) == (str(sent.id), "applied", 1)
    assert (second["outcome"], second["reason"]) == ("rejected", "message-not-found")
    assert of_pair(pair, "--outcome", "rejected") == [second]
    assert of_pair(pair, "--status", "rejected") == [second]
    assert of_pair(pair, "--outcome", "rejected", "--outcome", "applied") == [first, second]
    assert of_pair(pair, "--type", "message.sent") == [first]
    assert of_pair(pair, "--type", "message.sent", "--type", "message.edited.v1") == [first, second]
    assert of_pair(pair, "--type", "message.sent.v1") == [first]
    assert of_pair(pair, "--account", str(pair.one)) == [first]
    assert of_pair(pair, "--account", str(pair.other)) == [first, second]
    assert of_pair(pair, "--actor", str(pair.other)) == [second]
    assert of_pair(pair, "--actor", str(pair.one), "--actor", str(pair.other)) == [first, second]
    assert of_pair(pair, "--since", "1h") == [first, second]
    assert of_pair(pair, "--until", "1h") == []
    assert of_pair(pair, "--until", "2000-01-01T00:00:00Z") == []
    assert of_pair(pair, "--since", "1h", "--type", "message.sent", "--outcome", "rejected") == []
    elsewhere = (harness.queue.partition_of(sent) + 1) % 4
    assert of_pair(pair, "--partition", str(elsewhere)) == []


def test_what_people_wrote_is_shown_only_if_it_is_asked_for(harness: Harness, pair: Pair) -> None:
    harness.append(pair.sent(SECRET))
    harness.drain_all()
    conversation = ("log", "--conversation", str(pair.conversation))
    assert SECRET not in events(*conversation).stdout
    assert SECRET not in events(*conversation, "--json").stdout
    assert SECRET in events(*conversation, "--show-text", "--json").stdout
    assert SECRET in events(*conversation, "--show-text").stdout


def test_pages_follow_one_another_without_gap(harness: Harness, pair: Pair) -> None:
    for number in range(7):
        harness.append(pair.sent(f"{number}"))
    harness.drain_all()
    conversation = ("log", "--conversation", str(pair.conversation), "--limit", "3")
    seen, more = list[int](), tuple[str, ...]()
    while True:
        page = told(*conversation, *more)
        seen += [event["position"] for event in page["events"]]
        if page["next"] is None:
            break
        more = ("--after", page["next"])
    assert seen == list(range(1, 8))
    assert "More: --after" in events(*conversation).stdout


def test_an_account_is_named_by_its_username_as_well(
    harness: Harness, pair: Pair, superuser: Engine
) -> None:
    name = f"u{uuid4().hex[:12]}"
    with superuser.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO identity.account (id, username, email, email_key, password_hash,"
                " created_at) VALUES (:id, :name, :name, :name, '-', now())"
            ),
            {"id": AccountId(pair.one), "name": name},
        )
    harness.append(pair.sent())
    harness.drain_all()
    assert len(told("log", "--account", name)["events"]) == 1
    result = events("log", "--account", "nobody-at-all")
    assert result.exit_code == 2
    assert "No account has the username 'nobody-at-all'" in result.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ["--after", "3"],
        ["--limit", "0"],
        ["--outcome", "lost"],
        ["--partition", "-1"],
        ["--partition", "4"],
        ["--actor", "nobody-at-all"],
        ["--conversation", "mine"],
        ["--until", "2h", "--since", "1h"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_code_2_and_names_the_option(wrong: list[str]) -> None:
    result = events("log", *wrong)
    assert result.exit_code == 2
    assert f"Invalid value for {wrong[0]}" in result.stderr.replace("'", "")
