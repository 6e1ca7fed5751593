"""Search tells letters apart in the same way in every Postgres from 17 on.

0003 and 0009 used functions of Postgres 18, and do no longer; this brings a database that was made
by them to the same words as a new one. Code of before goes on: it misses a few letters at most.

Revision: 0010, after 0009.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TEXT = "coalesce(subject, '') || ' ' || body"
COMPOSED = f"pg_catalog.normalize({TEXT}, 'NFKC') COLLATE pg_c_utf8"
AFTER = f"replace(lower(upper({COMPOSED})), 'ß', 'ss')"
BEFORE = f"lower({COMPOSED})"
PICTURES = r"[\u231a-\u23ff\u2600-\u2767\u2776-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
VARIANTS = r"[\u0300-\u036f\u20d0-\u20ff\u3099\u309a\ufe00-\ufe0f]*"
SEPARATORS = (
    r"[[:punct:][:space:][:cntrl:]"
    r"\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
BETWEEN = f"(?:(?!{PICTURES}){SEPARATORS})+{VARIANTS}"
SEARCH = rf"""
    CASE WHEN body IS NULL THEN CAST('' AS tsvector) ELSE
        to_tsvector(
            CAST('simple' AS regconfig),
            CASE WHEN octet_length({TEXT}) = char_length({TEXT})
                THEN regexp_replace({TEXT}, '[^a-zA-Z0-9]+', ' ', 'g')
                ELSE regexp_replace(
                    regexp_replace({{folded}}, '{BETWEEN}', ' ', 'g'),
                    '({PICTURES}){VARIANTS}', ' \1 ', 'g'
                )
            END
        )
        || array_to_tsvector(array_remove(ARRAY[
            CASE WHEN hidden_for_sender THEN NULL ELSE 'for ' || CAST(sender_id AS text) END,
            CASE WHEN hidden_for_recipient THEN NULL ELSE 'for ' || CAST(recipient_id AS text) END
        ], NULL))
    END
"""


def upgrade() -> None:
    """Fold all messages anew."""
    _fold(AFTER)


def downgrade() -> None:
    """Fold them as before."""
    _fold(BEFORE)


def _fold(folded: str) -> None:
    # See 0009.
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute("SET LOCAL maintenance_work_mem = '256MB'")
    expression = SEARCH.replace("{folded}", folded)
    op.execute(f"ALTER TABLE read_model.message ALTER COLUMN search SET EXPRESSION AS ({expression})")
    op.execute("ANALYZE read_model.message (search)")
