"""Account deletion: what is owed to deleted accounts, and where it is applied.

Revision: 0002. It only adds: what ran on 0001 runs on this.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)

# The worker, who may not write identity, calls it by its owner's rights: it can do nothing but
# free the names of accounts that every partition knows to be deleted.
FORGET_ERASED = """
CREATE FUNCTION identity.forget_erased() RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    WITH done AS (
        UPDATE identity.erasure AS e SET done_at = now()
        WHERE e.done_at IS NULL AND (
            SELECT count(*) FROM event_log.deleted_account AS d WHERE d.account_id = e.account_id
        ) = (SELECT q.partitions FROM event_log.queue_epoch AS q)
        RETURNING e.account_id
    ), forgotten AS (
        UPDATE identity.account AS a SET username = NULL, email = NULL, email_key = NULL
        FROM done WHERE a.id = done.account_id AND a.deleted_at IS NOT NULL
        RETURNING a.id
    )
    SELECT count(*)::integer FROM forgotten
$$
"""


def upgrade() -> None:
    """Make the tables of erasures, let a deleted account have no name, grant what is needed."""
    op.create_table(
        "erasure",
        sa.Column(
            "account_id",
            sa.Uuid(),
            sa.ForeignKey(
                "identity.account.id", name="fk_erasure_account_id", ondelete="CASCADE"
            ),
            primary_key=True,
        ),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("request_id", sa.Text()),
        sa.Column("done_at", TIME),
        schema="identity",
    )
    op.create_index(
        "ix_erasure_owed",
        "erasure",
        ["requested_at"],
        schema="identity",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    for column in ("username", "email", "email_key"):
        op.alter_column("account", column, nullable=True, schema="identity")
    op.create_table(
        "queued_erasure",
        sa.Column("account_id", sa.Uuid(), primary_key=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("queued_at", TIME, nullable=False),
        schema="event_log",
    )
    op.create_table(
        "deleted_account",
        sa.Column("account_id", sa.Uuid(), primary_key=True),
        sa.Column("partition", sa.SmallInteger(), primary_key=True),
        sa.Column("recorded_at", TIME, nullable=False),
        schema="event_log",
    )
    op.create_index(
        "ix_event_actor_id_partition_offset",
        "event",
        ["actor_id", "partition", "offset"],
        schema="event_log",
    )
    op.execute(FORGET_ERASED)
    _grant()


def _grant() -> None:
    for statement in (
        "GRANT SELECT, INSERT, UPDATE, DELETE ON identity.erasure TO auth_api",
        "GRANT SELECT ON identity.erasure TO worker",
        "REVOKE ALL ON FUNCTION identity.forget_erased() FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION identity.forget_erased() TO worker",
        "GRANT SELECT, INSERT, UPDATE ON event_log.queued_erasure TO worker",
        "GRANT SELECT, INSERT, UPDATE ON event_log.deleted_account TO worker",
        "GRANT SELECT ON event_log.queued_erasure, event_log.deleted_account TO operator",
    ):
        op.execute(statement)


def downgrade() -> None:
    """Take it away; accounts whose names are forgotten go with it."""
    op.execute("DROP FUNCTION identity.forget_erased()")
    op.drop_index("ix_event_actor_id_partition_offset", "event", schema="event_log")
    for table in ("deleted_account", "queued_erasure"):
        op.drop_table(table, schema="event_log")
    op.drop_table("erasure", schema="identity")
    op.execute("DELETE FROM identity.account WHERE username IS NULL")
    for column in ("username", "email", "email_key"):
        op.alter_column("account", column, nullable=False, schema="identity")
