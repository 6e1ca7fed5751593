"""How text is cut into words, in the column as migrated and in questions alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator
from itertools import groupby

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, NullPool, Text, create_engine, literal_column, text

from database.models.search import SEARCH, every_word
from runtime.ids import new_id
from tests.servers import Servers

DIALECT = create_engine("postgresql+psycopg2://").dialect
EVERY_WORD = every_word(literal_column("word", Text)).compile(dialect=DIALECT)
WRITE = text(
    """
    INSERT INTO read_model.message
        (id, conversation_id, position, sender_id, recipient_id, subject, body, sent_at)
    VALUES (:id, :id, 1, :id, :id, :subject, :body, now())
    """
)
MISSED = text(
    f"""
    SELECT word FROM unnest(CAST(:words AS text[])) AS word
    WHERE NOT EXISTS (
        SELECT FROM read_model.message WHERE id = :id AND search @@ {EVERY_WORD}
    )
    """
)
# Surrogates and NUL are refused. What is not assigned, or is left to everybody to assign, is
# neither a letter nor surely something else.
CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cn", "Co"), exclude_characters="\0")
ASCII = st.characters(min_codepoint=1, max_codepoint=127)
BETWEEN = st.sampled_from([*"/.,:;-_@&<>='\"#*()+", "://", " ", "…", "—", "\u200b", "👍", "❤️"])
# They are letters or digits in another form.
SIGNS = st.sampled_from("™№℃₨㎏㋀ⓗ㊊🄰🈁")
PIECES = (
    BETWEEN
    | SIGNS
    | st.text(CHARACTERS, min_size=1, max_size=4)
    | st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
)
TEXTS = st.lists(PIECES, min_size=1).map("".join) | st.text(ASCII, min_size=1)


@pytest.fixture(scope="module")
def database(servers: Servers) -> Iterator[Connection]:
    engine = create_engine(servers.database_url("postgres"), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def missed(
    database: Connection, words: Collection[str], *, body: str, subject: str | None = None
) -> list[str]:
    """Return by which of some questions a message is not found."""
    message = new_id()
    with database.begin() as transaction:
        database.execute(WRITE, {"id": message, "subject": subject, "body": body})
        left = database.execute(MISSED, {"id": message, "words": list(words)}).scalars().all()
        transaction.rollback()
    return list(left)


def words_of(body: str) -> list[str]:
    """Return the runs of letters and digits, with the marks on them."""
    runs = groupby(body, key=lambda character: unicodedata.category(character)[0] in "LNM")
    words = ("".join(run) for is_word, run in runs if is_word)
    # A mark without a letter belongs to the sign before it: with "=", it makes another sign.
    return [word for word in words if unicodedata.category(word[0])[0] != "M"]


@settings(deadline=None)
@given(body=TEXTS, subject=st.none() | TEXTS)
@example(body="1e5.7e-3 x86-64 a.b.c:80/?q=%20&amp;x", subject="-5")
@example(body="😀ok❤️👍🏽yes1️⃣", subject="\u200eword\u200f 25°C 5€")
@example(body="0㋀", subject="Ubuntu™")
def test_every_word_of_any_text_finds_it(
    database: Connection, body: str, subject: str | None
) -> None:
    words = words_of(body) + words_of(subject or "")
    questions = [*words, " ".join(words)] if words else []
    assert missed(database, questions, body=body, subject=subject) == []


@settings(deadline=None)
@given(body=TEXTS)
def test_a_text_finds_itself_if_it_has_words(database: Connection, body: str) -> None:
    if words_of(body):
        assert missed(database, [body], body=body) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("salt and/or pepper", "and|or|and/or|or pepper|AND/OR"),
        ("home.Bring wine", "home|bring|home bring|home.bring"),
        ("temp -5 degrees", "5|-5|temp 5 degrees"),
        ("/usr/local/bin", "usr|local|bin|/usr/local|bin/"),
        ("a<b>c", "a|b|c|a<b>c|<b>"),
        ("&amp; entity", "amp|entity|&amp;"),
        ("v2.0-beta", "beta|v2|0|v2.0|v2.0-beta"),
        ("see https://example.org/docs?q=x", "https|example|org|docs|q|x|example.org|docs?q=x"),
        ("write to Jo.Doe+x@mail.example.org!", "jo|doe|x|mail|example|jo.doe+x@mail.example.org"),
        ("don't say l'eau", "don't|don’t|DON'T|don|eau|l'eau"),  # noqa: RUF001  # tested
        ("don’t", "don't|don’t|don t"),  # noqa: RUF001  # tested
        ("don\u00b4t l\u00b4eau \u00a80", "don\u00b4t|don|t|eau|l'eau|0"),
        ("snake_case 3.14 1,000", "snake|case|snake_case|3.14|14|1,000|1.000"),
        ("thanks👍👍 25°C 5€", "thanks|👍|25|c|5|25°C|5 €"),
        ("❤️love", "love|❤|❤️"),
        ("Ubuntu™ №5 500₨ 5㎏", "ubuntu|ubuntu™|tm|5|no|500|rs|kg|5㎏"),
        ("ⓗⓔⓛⓛⓞ, 20℃", "hello|ⓗⓔⓛⓛⓞ|20|c|20°C"),
        ("ΟΔΟΣ straße İstanbul", "οδος|οδοσ|ΟΔΟΣ|STRASSE|straẞe|istanbul|ISTANBUL"),
        ("“café”/naïve", "café|naïve|CAFÉ/NAÏVE|cafe\u0301"),
    ],
)
def test_words_beside_punctuation_are_found(database: Connection, body: str, words: str) -> None:
    assert missed(database, words.split("|"), body=body) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("salt and/or pepper", "sal|and nor|pep"),
        ("don't", "dont|do"),
        ("3.14", "314|4"),
        ("🙂", "😀"),
    ],
)
def test_parts_of_words_and_words_joined_are_not_found(
    database: Connection, body: str, words: str
) -> None:
    assert missed(database, words.split("|"), body=body) == words.split("|")


def test_the_column_as_migrated_is_that_of_the_model(database: Connection) -> None:
    generated = text(
        "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = :t ::regclass"
    )
    with database.begin() as transaction:
        database.execute(text("CREATE TABLE read_model.modelled (LIKE read_model.message)"))
        database.exec_driver_sql(
            "ALTER TABLE read_model.modelled DROP COLUMN search,"
            f" ADD COLUMN search tsvector GENERATED ALWAYS AS ({SEARCH}) STORED"
        )
        migrated, modelled = (
            list(database.execute(generated, {"t": f"read_model.{name}"}).scalars())
            for name in ("message", "modelled")
        )
        transaction.rollback()
    assert [row for row in migrated if "tsvector" in row] == modelled
