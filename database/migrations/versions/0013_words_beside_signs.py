"""Search finds words beside signs that are letters in another form: `ubuntu` in `Ubuntu™`.

Code of before goes on: it misses words beside such signs, as it did.

Revision: 0013, after 0012.
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TEXT = "coalesce(subject, '') || ' ' || body"
SIGNS = (
    r"[\u20a8\u2100\u2101\u2103\u2105\u2106\u2109\u2116\u2120-\u2122\u213b\u249c-\u24e9"
    r"\u2e9f\u2ef3\u2f00-\u2fd5\u3196-\u319f\u3200-\u321e\u322a-\u3247\u3250\u3260-\u327e"
    r"\u328a-\u32b0\u32c0-\u33ff\ufdfc\U0001f110-\U0001f12e\U0001f130-\U0001f14f"
    r"\U0001f16a-\U0001f16c\U0001f190\U0001f200-\U0001f202\U0001f210-\U0001f23b"
    r"\U0001f240-\U0001f248\U0001f250\U0001f251]"
)
BEFORE = TEXT
AFTER = rf"regexp_replace({TEXT}, '({SIGNS}+)', ' \1 ', 'g')"
PICTURES = r"[\u231a-\u23ff\u2600-\u2767\u2776-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
VARIANTS = r"[\u0300-\u036f\u20d0-\u20ff\u3099\u309a\ufe00-\ufe0f]*"
SEPARATORS = (
    r"[[:punct:][:space:][:cntrl:]"
    r"\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
BETWEEN = f"(?:(?!{PICTURES}){SEPARATORS})+{VARIANTS}"
COMPOSED = "pg_catalog.normalize({text}, 'NFKC') COLLATE pg_c_utf8"
SEARCH = rf"""
    CASE WHEN body IS NULL THEN CAST('' AS tsvector) ELSE
        to_tsvector(
            CAST('simple' AS regconfig),
            CASE WHEN octet_length({TEXT}) = char_length({TEXT})
                THEN regexp_replace({TEXT}, '[^a-zA-Z0-9]+', ' ', 'g')
                ELSE regexp_replace(
                    regexp_replace(
                        replace(lower(upper({COMPOSED})), 'ß', 'ss'), '{BETWEEN}', ' ', 'g'
                    ),
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
    """Cut all messages into words anew."""
    _cut(AFTER)


def downgrade() -> None:
    """Cut them as before."""
    _cut(BEFORE)


def _cut(text: str) -> None:
    # See 0009.
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute("SET LOCAL maintenance_work_mem = '256MB'")
    expression = SEARCH.replace("{text}", text)
    op.execute(f"ALTER TABLE read_model.message ALTER COLUMN search SET EXPRESSION AS ({expression})")
    op.execute("ANALYZE read_model.message (search)")
