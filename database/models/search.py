"""How messages are found by their words: what is in the column `search`, and how it is asked.

The column holds the words of subject and body and, as words that no text can hold, the accounts
that may find the message. So one index answers "these words, for this account", and an account
of few messages finds them as quickly among millions of others'.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, cast, collate, func, literal_column
from sqlalchemy.dialects.postgresql import TSQUERY

_SIMPLE: ColumnElement[str] = literal_column("CAST('simple' AS regconfig)")
_NFKC: ColumnElement[str] = literal_column("'NFKC'")
_COLLATION = "pg_unicode_fast"
# Postgres knows as punctuation what ASCII has; without this, a word would keep its quotes.
_PUNCTUATION: ColumnElement[str] = literal_column("'(?![[:ascii:]])[[:punct:]]'")
_SPACE: ColumnElement[str] = literal_column("' '")
_EVERYWHERE: ColumnElement[str] = literal_column("'g'")
# Postgres never makes a word with a space in it from text.
_FINDER = "for "


def every_word(words: ColumnElement[str]) -> ColumnElement[str]:
    """Return what a message's `search` must match to hold every word of a text.

    No message matches a text that has no words. The text is folded as the column's expression
    folds a message's: composed and compatible forms are one, and so are upper and lower case.
    """
    folded = func.casefold(collate(func.pg_catalog.normalize(words, _NFKC), _COLLATION))
    plain = func.regexp_replace(folded, _PUNCTUATION, _SPACE, _EVERYWHERE)
    return func.plainto_tsquery(_SIMPLE, plain, type_=TSQUERY)


def found_by(finder: ColumnElement[str]) -> ColumnElement[str]:
    """Return what a message's `search` must match to be found by the account of `finder_of`."""
    return cast(finder, TSQUERY)


def finder_of(account: UUID) -> str:
    """Return the word by which an account finds messages, as a query."""
    return f"'{_FINDER}{account}'"


def _finder(account: str, hidden: str) -> str:
    return f"CASE WHEN {hidden} THEN NULL ELSE '{_FINDER}' || CAST({account} AS text) END"


_TEXT = "coalesce(subject, '') || ' ' || body"
# Most text is ASCII, which needs no folding: folding costs more than cutting words.
_PLAIN = (
    f"CASE WHEN octet_length({_TEXT}) = char_length({_TEXT}) THEN {_TEXT} ELSE "
    f"regexp_replace(casefold(pg_catalog.normalize({_TEXT}, 'NFKC') COLLATE {_COLLATION}), "
    f"{_PUNCTUATION}, ' ', 'g') END"
)
# A tombstone has no body: nobody finds it by anything.
SEARCH = (
    "CASE WHEN body IS NULL THEN CAST('' AS tsvector)"
    f" ELSE to_tsvector(CAST('simple' AS regconfig), {_PLAIN})"
    " || array_to_tsvector(array_remove(ARRAY["
    f"{_finder('sender_id', 'hidden_for_sender')}, "
    f"{_finder('recipient_id', 'hidden_for_recipient')}], NULL)) END"
)
