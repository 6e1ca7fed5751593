"""Search finds words that stand beside punctuation, symbols and characters that are not seen.

Code of before goes on: the column and its index keep their names. A read model that a rebuild made
before this is refused from now on, and a rebuild that was under way needs `--restart`.

Revision: 0009, after 0008.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TEXT = "coalesce(subject, '') || ' ' || body"
FOLDED = f"lower(pg_catalog.normalize({TEXT}, 'NFKC') COLLATE pg_c_utf8)"
PICTURES = r"[\u231a-\u23ff\u2600-\u2767\u2776-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
VARIANTS = r"[\u0300-\u036f\u20d0-\u20ff\u3099\u309a\ufe00-\ufe0f]*"
SEPARATORS = (
    r"[[:punct:][:space:][:cntrl:]"
    r"\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
BETWEEN = f"(?:(?!{PICTURES}){SEPARATORS})+{VARIANTS}"
AFTER = rf"""
    regexp_replace({TEXT}, '[^a-zA-Z0-9]+', ' ', 'g') ELSE
    regexp_replace(
        regexp_replace({FOLDED}, '{BETWEEN}', ' ', 'g'),
        '({PICTURES}){VARIANTS}', ' \1 ', 'g'
    )
"""
BEFORE = f"{TEXT} ELSE regexp_replace({FOLDED}, '(?![[:ascii:]])[[:punct:]]', ' ', 'g')"
SEARCH = f"""
    CASE WHEN body IS NULL THEN CAST('' AS tsvector) ELSE
        to_tsvector(
            CAST('simple' AS regconfig),
            CASE WHEN octet_length({TEXT}) = char_length({TEXT}) THEN {{plain}} END
        )
        || array_to_tsvector(array_remove(ARRAY[
            CASE WHEN hidden_for_sender THEN NULL ELSE 'for ' || CAST(sender_id AS text) END,
            CASE WHEN hidden_for_recipient THEN NULL ELSE 'for ' || CAST(recipient_id AS text) END
        ], NULL))
    END
"""


def upgrade() -> None:
    """Cut all messages into words anew."""
    _cut_words(AFTER)


def downgrade() -> None:
    """Cut them as before."""
    _cut_words(BEFORE)


def _cut_words(plain: str) -> None:
    # Postgres writes table and indexes anew under a lock, in a time that grows with the table:
    # the usual limit would stop a large one in the middle, every time.
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute("SET LOCAL maintenance_work_mem = '256MB'")
    expression = SEARCH.replace("{plain}", plain)
    op.execute(f"ALTER TABLE read_model.message ALTER COLUMN search SET EXPRESSION AS ({expression})")
    # Postgres forgets what it knew of the column: without it, searches would not use the index.
    op.execute("ANALYZE read_model.message (search)")
