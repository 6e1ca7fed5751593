"""How messages are found by their words: what is in the column `search`, and how it is asked.

The column holds the words of subject and body and, as words that no text can hold, the accounts
that may find the message. So one index answers "these words, for this account", and an account
of few messages finds them as quickly among millions of others'.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, cast, collate, func, literal_column
from sqlalchemy.dialects.postgresql import TSQUERY

# The same in every Postgres from 17 on. Its classes are POSIX's: punctuation includes symbols.
_LETTERS = "pg_c_utf8"
# Pictures are words, each of its own: "thanks👍" is found by "thanks" and by "👍".
_PICTURES = r"[\u231a-\u23ff\u2600-\u2767\u2776-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
# What Postgres takes for part of a word, or for a file, a host, a tag or a number, and words are
# written beside: punctuation, symbols, spaces of all kinds, characters that are not seen.
_SEPARATORS = (
    r"[[:punct:][:space:][:cntrl:]"
    r"\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
# Signs that NFKC makes letters or digits of: "Ubuntu™" is found by "ubuntu", "№5" by "5". What
# such signs spell in a row is one word.
_SIGNS = (
    r"[\u20a8\u2100\u2101\u2103\u2105\u2106\u2109\u2116\u2120-\u2122\u213b\u249c-\u24e9"
    r"\u2e9f\u2ef3\u2f00-\u2fd5\u3196-\u319f\u3200-\u321e\u322a-\u3247\u3250\u3260-\u327e"
    r"\u328a-\u32b0\u32c0-\u33ff\ufdfc\U0001f110-\U0001f12e\U0001f130-\U0001f14f"
    r"\U0001f16a-\U0001f16c\U0001f190\U0001f200-\U0001f202\U0001f210-\U0001f23b"
    r"\U0001f240-\U0001f248\U0001f250\U0001f251]"
)
# How the character before is drawn; of a lone accent, NFKC makes a space with such a mark.
_VARIANTS = r"[\u0300-\u036f\u20d0-\u20ff\u3099\u309a\ufe00-\ufe0f]*"
_BETWEEN = f"(?:(?!{_PICTURES}){_SEPARATORS})+{_VARIANTS}"
_PICTURE = f"({_PICTURES}){_VARIANTS}"
_SPELT = f"({_SIGNS}+)"
_APART = r" \1 "
# Postgres never makes a word with a space in it from text.
_FINDER = "for "


def every_word(words: ColumnElement[str]) -> ColumnElement[str]:
    """Return what a message's `search` must match to hold every word of a text.

    No message matches a text that has no words. The text is cut into words as a message's is:
    composed and compatible forms are one, so are upper and lower case, and a word is what stands
    between spaces, punctuation and symbols.
    """
    apart = _replaced(words, _SPELT, _APART)
    composed = func.pg_catalog.normalize(apart, literal_column("'NFKC'"))
    one_case = func.lower(func.upper(collate(composed, _LETTERS)))
    folded = func.replace(one_case, literal_column("'ß'"), literal_column("'ss'"))
    cut = _replaced(_replaced(folded, _BETWEEN, " "), _PICTURE, _APART)
    simple: ColumnElement[str] = literal_column("CAST('simple' AS regconfig)")
    return func.plainto_tsquery(simple, cut, type_=TSQUERY)


def _replaced(words: ColumnElement[str], pattern: str, instead: str) -> ColumnElement[str]:
    parts: list[ColumnElement[str]] = [
        literal_column(f"'{part}'") for part in (pattern, instead, "g")
    ]
    return func.regexp_replace(words, *parts)


def found_by(finder: ColumnElement[str]) -> ColumnElement[str]:
    """Return what a message's `search` must match to be found by the account of `finder_of`."""
    return cast(finder, TSQUERY)


def finder_of(account: UUID) -> str:
    """Return the word by which an account finds messages, as a query."""
    return f"'{_FINDER}{account}'"


def _finder(account: str, hidden: str) -> str:
    return f"CASE WHEN {hidden} THEN NULL ELSE '{_FINDER}' || CAST({account} AS text) END"


_TEXT = "coalesce(subject, '') || ' ' || body"
_SPELT_APART = f"regexp_replace({_TEXT}, '{_SPELT}', '{_APART}', 'g')"
_COMPOSED = f"pg_catalog.normalize({_SPELT_APART}, 'NFKC') COLLATE {_LETTERS}"
# By way of upper case, where letters meet that have one in common: both forms of sigma.
_FOLDED = f"replace(lower(upper({_COMPOSED})), 'ß', 'ss')"
# Most text is ASCII, which needs no folding: folding costs more than cutting words.
_PLAIN = (
    f"CASE WHEN octet_length({_TEXT}) = char_length({_TEXT})"
    f" THEN regexp_replace({_TEXT}, '[^a-zA-Z0-9]+', ' ', 'g')"
    f" ELSE regexp_replace(regexp_replace({_FOLDED}, '{_BETWEEN}', ' ', 'g'),"
    f" '{_PICTURE}', '{_APART}', 'g') END"
)
# A tombstone has no body: nobody finds it by anything.
SEARCH = (
    "CASE WHEN body IS NULL THEN CAST('' AS tsvector)"
    f" ELSE to_tsvector(CAST('simple' AS regconfig), {_PLAIN})"
    " || array_to_tsvector(array_remove(ARRAY["
    f"{_finder('sender_id', 'hidden_for_sender')}, "
    f"{_finder('recipient_id', 'hidden_for_recipient')}], NULL)) END"
)
