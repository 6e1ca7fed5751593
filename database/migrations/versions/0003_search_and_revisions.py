"""Search of messages; revisions, from which entity tags are made.

Revision: 0003, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Tells of words and of who may find them: see database.models.search.
TEXT = "coalesce(subject, '') || ' ' || body"
SEARCH = f"""
    CASE WHEN body IS NULL THEN CAST('' AS tsvector) ELSE
        to_tsvector(
            CAST('simple' AS regconfig),
            CASE WHEN octet_length({TEXT}) = char_length({TEXT}) THEN {TEXT} ELSE
                regexp_replace(
                    lower(pg_catalog.normalize({TEXT}, 'NFKC') COLLATE pg_c_utf8),
                    '(?![[:ascii:]])[[:punct:]]', ' ', 'g'
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
    """Index the words of messages, count what changes for each account."""
    # Postgres writes the table anew: a table of many millions is locked for minutes.
    op.add_column(
        "message",
        sa.Column("search", postgresql.TSVECTOR(), sa.Computed(SEARCH, persisted=True)),
        schema="read_model",
    )
    op.create_index(
        "ix_message_search", "message", ["search"], schema="read_model", postgresql_using="gin"
    )
    op.create_table(
        "account_revision",
        sa.Column("account_id", sa.Uuid(), primary_key=True),
        sa.Column("partition", sa.SmallInteger(), primary_key=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        schema="read_model",
    )
    _count_changes_of_names()
    for statement in (
        "GRANT SELECT ON read_model.account_revision TO query_api, operator",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON read_model.account_revision TO worker",
        "GRANT SELECT ON identity.directory_revision TO query_api",
    ):
        op.execute(statement)


def _count_changes_of_names() -> None:
    op.create_table(
        "directory_revision",
        sa.Column("id", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_directory_revision_one_row"),
        schema="identity",
    )
    op.execute("INSERT INTO identity.directory_revision VALUES (1, 0)")
    # As its owner: whoever changes an account need not know that this is counted.
    op.execute(
        """
        CREATE FUNCTION identity.count_directory_revision() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
        BEGIN
            UPDATE identity.directory_revision SET revision = revision + 1;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION identity.count_directory_revision() FROM PUBLIC")
    # For each row, since a statement that changes none must not count.
    op.execute(
        """
        CREATE TRIGGER count_changed_name AFTER UPDATE ON identity.account FOR EACH ROW
        WHEN (
            OLD.username IS DISTINCT FROM NEW.username
            OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at
        )
        EXECUTE FUNCTION identity.count_directory_revision()
        """
    )
    op.execute(
        """
        CREATE TRIGGER count_removed_name AFTER DELETE ON identity.account FOR EACH ROW
        EXECUTE FUNCTION identity.count_directory_revision()
        """
    )


def downgrade() -> None:
    """Take search and revisions away."""
    for trigger in ("count_changed_name", "count_removed_name"):
        op.execute(f"DROP TRIGGER {trigger} ON identity.account")
    op.execute("DROP FUNCTION identity.count_directory_revision()")
    op.drop_table("directory_revision", schema="identity")
    op.drop_table("account_revision", schema="read_model")
    op.drop_index("ix_message_search", "message", schema="read_model")
    op.drop_column("message", "search", schema="read_model")
