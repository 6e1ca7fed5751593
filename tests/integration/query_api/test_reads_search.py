"""Search, on rows as the workers write them."""

from __future__ import annotations

import random
import unicodedata
from typing import Any
from urllib.parse import quote

import psycopg2
import pytest
from sqlalchemy import Engine, text

from database.models.search import finder_of
from query_api.reads import search
from runtime.ids import AccountId, conversation_of, new_id
from tests.integration.query_api.conftest import Register
from tests.query_harness import Queries, World, problem
from tests.servers import Servers


def found(me: Queries, words: str, more: str = "") -> list[str]:
    """Return the bodies that a search finds, in its order."""
    return [item["body"] for item in me.get(f"search?q={quote(words)}{more}")["items"]]


def test_a_message_found_looks_as_everywhere(world: World, alice: Queries, bob: Queries) -> None:
    sent = world.send(bob.account, alice.account, "Shall we meet at noon?", subject="Lunch")
    page = alice.get("search?q=noon")
    assert page == {
        "items": [alice.get(f"messages/{sent.message_id}")],
        "next": None,
        "prev": None,
    }
    assert bob.get("search?q=noon")["items"] == [bob.get(f"messages/{sent.message_id}")]


def test_every_word_is_wanted_of_subject_and_body_together(
    world: World, alice: Queries, bob: Queries
) -> None:
    world.send(bob.account, alice.account, "Shall we meet at noon?", subject="Lunch")
    for words in ("noon", "meet noon", "noon, MEET!", "lunch noon", " lunch ", "we-meet we"):
        assert found(alice, words) == ["Shall we meet at noon?"], words
    for words in ("noon tomorrow", "mee", "noo:*", "meet | dinner", "!lunch dinner"):
        assert found(alice, words) == [], words


@pytest.mark.parametrize("words", ["?!", " ", "“”", "&", "'", "\\", ":*", "<>", "\u200b", "-/-"])
def test_what_has_no_words_finds_nothing(
    world: World, alice: Queries, bob: Queries, words: str
) -> None:
    world.send(bob.account, alice.account, "anything ?! & ' \\ :*")
    assert found(alice, words) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("“Hello”—she said…", "hello she said"),
        ("ÄRGER mit der Straße", "ärger STRASSE"),
        (unicodedata.normalize("NFD", "Café"), "café"),
        ("caf\u00e9", unicodedata.normalize("NFD", "CAFÉ")),
        ("Привет, как дела?", "ПРИВЕТ дела"),
        ("你好，世界！", "世界"),  # noqa: RUF001  # that is what is tested
        ("Ｆｕｌｌ width", "full"),  # noqa: RUF001  # that is what is tested
        ("नमस्ते दुनिया", "नमस्ते"),
        ("good 😀 morning", "😀"),
        ("see http://example.org/a?b=c", "example.org/a?b=c"),
        ("salt and/or pepper", "or"),
        ("home.Bring wine", "home bring"),
        ("write to jo@example.org", "example"),
        ("it's 3.14", "it's 3.14"),
        ("don’t", "don’t"),  # noqa: RUF001  # that is what is tested
    ],
)
def test_words_are_found_in_whatever_form_they_are_written(
    world: World, alice: Queries, bob: Queries, body: str, words: str
) -> None:
    world.send(bob.account, alice.account, body)
    assert found(alice, words) == [body]


def test_only_what_its_reader_may_see_is_found(
    world: World, alice: Queries, bob: Queries, eve: Queries
) -> None:
    kept, hidden, deleted, edited = (
        world.send(bob.account, alice.account, f"the word {number}") for number in range(4)
    )
    world.send(eve.account, bob.account, "the word of eve")
    world.delete(alice.account, hidden, "me")
    world.delete(bob.account, deleted)
    world.edit(bob.account, edited, "something else")
    assert found(alice, "the word") == ["the word 0"]
    assert found(alice, "else") == ["something else"]
    assert found(bob, "the word") == ["the word of eve", "the word 1", "the word 0"]
    assert found(eve, "word") == ["the word of eve"]
    world.delete(bob.account, kept, "me")
    assert found(alice, "the word") == ["the word 0"]
    assert found(bob, "the word") == ["the word of eve", "the word 1"]


def test_nobody_is_found_by_what_is_stored_beside_the_words(
    world: World, alice: Queries, bob: Queries
) -> None:
    world.send(bob.account, alice.account, "hello")
    for words in (str(bob.account), f"for {alice.account}", finder_of(alice.account)):
        assert found(alice, words) == []


def test_a_tombstone_keeps_no_words(
    world: World, superuser: Engine, alice: Queries, bob: Queries
) -> None:
    sent = world.send(bob.account, alice.account, "secret", subject="secret")
    world.delete(bob.account, sent)
    with superuser.connect() as connection:
        left = connection.execute(
            text("SELECT search = '' FROM read_model.message WHERE id = :id"),
            {"id": sent.message_id},
        )
        assert left.scalar_one() is True


def test_with_names_one_conversation(
    world: World, alice: Queries, bob: Queries, eve: Queries
) -> None:
    world.send(bob.account, alice.account, "hello from bob")
    world.send(alice.account, bob.account, "hello to bob")
    world.send(eve.account, alice.account, "hello from eve")
    assert found(alice, "hello", f"&with={bob.username}") == ["hello to bob", "hello from bob"]
    assert found(alice, "hello", f"&with={eve.username.upper()}") == ["hello from eve"]
    assert found(bob, "hello", f"&with={eve.username}") == []
    assert found(alice, "hello", f"&with={alice.username}") == []
    assert problem(alice.call("search?q=hello&with=nobody")) == (404, "not-found")
    assert problem(alice.call("search?q=hello&with=.")) == (404, "not-found")


def test_names_are_null_once_their_account_is_gone(
    world: World, alice: Queries, bob: Queries
) -> None:
    world.send(bob.account, alice.account, "hello")
    world.unregister(bob.account)
    (item,) = alice.get("search?q=hello")["items"]
    assert (item["from"], item["to"]) == (None, alice.username)
    assert problem(alice.call(f"search?q=hello&with={bob.username}")) == (404, "not-found")


@pytest.mark.parametrize(
    "query",
    ["", "q=", f"q={'x' * 201}", "q=%00", "q=a&q=b", "q=a&limit=0", "q=a&limit=201", "q=a&from=x"],
)
def test_what_breaks_the_schema_is_refused(alice: Queries, query: str) -> None:
    assert problem(alice.call(f"search?{query}")) == (422, "invalid-fields")


def test_the_longest_question_counts_characters(alice: Queries) -> None:
    assert found(alice, "é" * 200) == []


def walk(me: Queries, path: str, relation: str) -> list[Any]:
    """Return what is met by following one relation to its end, the newest first."""
    met: list[Any] = []
    link: str | None = path
    while link is not None:
        page = me.get(link)
        assert page["items"] or link == path, "a link leads to an empty page"
        met = met + page["items"] if relation == "next" else page["items"] + met
        last, link = link, page[relation]
    assert last == path or page["prev" if relation == "next" else "next"] is not None
    return met


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 200])
def test_pages_lead_through_everything_found_and_back(
    world: World, alice: Queries, register: Register, limit: int
) -> None:
    peers = [register(f"peer{number}") for number in range(3)]
    chance = random.Random(limit)
    for number in range(7):
        one, other = alice.account, chance.choice(peers).account
        if chance.random() < 0.5:
            one, other = other, one
        world.send(one, other, f"hello {number}")
        world.send(one, other, "no match")
    path = f"search?q=hello&limit={limit}"
    met = walk(alice, path, "next")
    assert [item["body"] for item in met] == [f"hello {number}" for number in range(6, -1, -1)]
    pages = [alice.call(path)]
    while pages[-1].json is not None and pages[-1].json["next"]:
        assert f'<{pages[-1].json["next"]}>; rel="next"' in pages[-1].headers["Link"]
        pages.append(alice.call(pages[-1].json["next"]))
    last = pages[-1].json
    assert last is not None
    if last["prev"]:
        assert walk(alice, last["prev"], "prev") + last["items"] == met


def test_a_cursor_is_of_one_search_of_one_account(
    world: World, alice: Queries, bob: Queries
) -> None:
    for _ in range(2):
        world.send(bob.account, alice.account, "hello")
    link = alice.get("search?q=hello&limit=1")["next"]
    assert alice.get(link)["items"]
    cursor = link.split("cursor=")[1]
    of_conversations = alice.get("conversations?limit=1")
    assert of_conversations["next"] is None
    for me, path in (
        (bob, link),
        (alice, f"search?q=other&cursor={cursor}"),
        (alice, f"search?q=hello&with={bob.username}&cursor={cursor}"),
        (alice, f"conversations?cursor={cursor}"),
        (alice, "search?q=hello&cursor=x"),
    ):
        assert problem(me.call(path)) == (400, "cursor-invalid"), path


def test_a_search_waits_for_what_its_tokens_stand_for(
    world: World, alice: Queries, bob: Queries
) -> None:
    sent = world.send(bob.account, alice.account, "hello")
    assert found(alice, "hello") == ["hello"]
    assert alice.call("search?q=hello", **sent.header).status_code == 200


MESSAGES = 20_000
PLAIN = """
    INSERT INTO read_model.message
        (id, conversation_id, position, sender_id, recipient_id, body, sent_at)
    SELECT gen_random_uuid(), :conversation, number, :sender, :recipient,
        'the word number ' || number, now()
    FROM generate_series(1, :messages) AS number
"""


def test_few_messages_are_found_by_the_index_among_many_of_others(
    servers: Servers, world: World, alice: Queries, bob: Queries
) -> None:
    sent = world.send(bob.account, alice.account, "the word of bob")
    others = [AccountId(new_id()) for _ in range(2)]
    conversation = conversation_of(*others)
    values = {"conversation": conversation, "sender": others[0], "recipient": others[1]}
    world.sql(PLAIN, **values, messages=MESSAGES)
    # As autovacuum does.
    world.sql("SELECT gin_clean_pending_list('read_model.ix_message_search')")
    world.sql("ANALYZE read_model.message")
    try:
        plan = explain(servers, alice, "the word")
        assert "ix_message_search" in plan
        assert "Seq Scan on message" not in plan
        (item,) = alice.get("search?q=the+word")["items"]
        assert item["id"] == str(sent.message_id)
    finally:
        world.sql("DELETE FROM read_model.message WHERE conversation_id = :id", id=conversation)
        world.sql("ANALYZE read_model.message")


def explain(servers: Servers, me: Queries, words: str) -> str:
    connection = psycopg2.connect(
        host="127.0.0.1", port=servers.postgres_port, user="query_api", dbname="messaging"
    )
    parameters = {"me": str(me.account), "finder": finder_of(me.account), "words": words}
    with connection, connection.cursor() as cursor:
        statement = search._PAGES[False, None].at_once.sql
        cursor.execute(f"EXPLAIN {statement}", {**parameters, "limit": 51})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    connection.close()
    return plan
