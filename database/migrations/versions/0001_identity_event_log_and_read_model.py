"""Identity, event log and read model.

Revision: 0001, the first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
OFFSET = sa.Text(collation="C")


def upgrade() -> None:
    """Make the three schemas, their tables, and the grants of each role."""
    for schema in ("identity", "event_log", "read_model"):
        op.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    _identity()
    _event_log()
    _read_model()
    _grants()


def _identity() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("deleted_at", TIME),
        sa.UniqueConstraint("username", name="uq_account_username"),
        sa.UniqueConstraint("email_key", name="uq_account_email_key"),
        schema="identity",
    )
    op.create_table(
        "session",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column(
            "account_id",
            sa.Uuid(),
            sa.ForeignKey(
                "identity.account.id", name="fk_session_account_id", ondelete="CASCADE"
            ),
            nullable=False,
        ),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_used_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("ended_at", TIME),
        schema="identity",
    )
    op.create_index("ix_session_account_id", "session", ["account_id"], schema="identity")
    op.create_table(
        "refresh_token",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column(
            "session_id",
            sa.Uuid(),
            sa.ForeignKey(
                "identity.session.id", name="fk_refresh_token_session_id", ondelete="CASCADE"
            ),
            nullable=False,
        ),
        sa.Column("issued_at", TIME, nullable=False),
        sa.Column("rotated_at", TIME),
        schema="identity",
    )
    op.create_index(
        "ix_refresh_token_session_id", "refresh_token", ["session_id"], schema="identity"
    )
    op.execute(
        "CREATE VIEW identity.directory AS "
        "SELECT id, username FROM identity.account WHERE deleted_at IS NULL"
    )
    # For the guard of the query API when Redis is away, and to tell a new Redis of ended sessions.
    op.execute(
        "CREATE VIEW identity.ended_session AS "
        "SELECT id, ended_at FROM identity.session WHERE ended_at IS NOT NULL"
    )


def _event_log() -> None:
    op.create_table(
        "event",
        sa.Column("partition", sa.SmallInteger(), primary_key=True),
        sa.Column("offset", OFFSET, primary_key=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Uuid()),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid()),
        sa.Column("position", sa.Integer()),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("request_id", sa.Text()),
        sa.Column("traceparent", sa.Text()),
        sa.Column("occurred_at", TIME, nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.UniqueConstraint("id", name="uq_event_id"),
        sa.CheckConstraint(
            "outcome IN ('applied', 'rejected', 'parked')", name="ck_event_outcome"
        ),
        schema="event_log",
    )
    op.create_index(
        "ix_event_conversation_id_partition_offset",
        "event",
        ["conversation_id", "partition", "offset"],
        schema="event_log",
    )
    op.create_index(
        "ix_event_message_id",
        "event",
        ["message_id"],
        schema="event_log",
        postgresql_where=sa.text("message_id IS NOT NULL"),
    )
    op.create_index(
        "ix_event_occurred_at",
        "event",
        ["occurred_at"],
        schema="event_log",
        postgresql_using="brin",
    )
    op.create_table(
        "checkpoint",
        sa.Column("partition", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("offset", OFFSET, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        schema="event_log",
    )
    op.create_table(
        "dead_letter",
        sa.Column("partition", sa.SmallInteger(), primary_key=True),
        sa.Column("offset", OFFSET, primary_key=True),
        sa.Column("event_id", sa.Uuid()),
        sa.Column("conversation_id", sa.Uuid()),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("traceback", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("parked_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint(
            "state IN ('parked', 'retried', 'discarded')", name="ck_dead_letter_state"
        ),
        schema="event_log",
    )
    op.create_index(
        "ix_dead_letter_parked",
        "dead_letter",
        ["partition"],
        schema="event_log",
        postgresql_where=sa.text("state = 'parked'"),
    )
    op.create_index("ix_dead_letter_event_id", "dead_letter", ["event_id"], schema="event_log")
    op.create_table(
        "queue_epoch",
        sa.Column("id", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("partitions", sa.Integer(), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.CheckConstraint("id = 1", name="ck_queue_epoch_one_row"),
        schema="event_log",
    )


def _read_model() -> None:
    op.create_table(
        "conversation",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("last_position", sa.Integer(), nullable=False),
        schema="read_model",
    )
    op.create_table(
        "conversation_member",
        sa.Column("conversation_id", sa.Uuid(), primary_key=True),
        sa.Column("account_id", sa.Uuid(), primary_key=True),
        sa.Column("peer_id", sa.Uuid(), nullable=False),
        sa.Column("read_position", sa.Integer(), nullable=False),
        sa.Column("unread_count", sa.Integer(), nullable=False),
        sa.Column("last_message_id", sa.Uuid()),
        sa.Column("last_activity_at", TIME, nullable=False),
        schema="read_model",
    )
    op.create_index(
        "ix_conversation_member_list",
        "conversation_member",
        ["account_id", "last_activity_at", "conversation_id"],
        schema="read_model",
    )
    op.create_index(
        "ix_conversation_member_unread",
        "conversation_member",
        ["account_id"],
        schema="read_model",
        postgresql_where=sa.text("unread_count > 0"),
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sender_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text()),
        sa.Column("body", sa.Text()),
        sa.Column("sent_at", TIME, nullable=False),
        sa.Column("edited_at", TIME),
        sa.Column("deleted_at", TIME),
        sa.Column("read_at", TIME),
        sa.Column("hidden_for_sender", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("hidden_for_recipient", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.UniqueConstraint(
            "conversation_id", "position", name="uq_message_conversation_id_position"
        ),
        schema="read_model",
    )
    op.create_index(
        "ix_message_conversation_id_sender_id_position",
        "message",
        ["conversation_id", "sender_id", "position"],
        schema="read_model",
    )


def _grants() -> None:
    for statement in (
        "GRANT USAGE ON SCHEMA identity TO auth_api, command_api, query_api, worker, operator",
        "GRANT SELECT, INSERT, UPDATE, DELETE"
        " ON identity.account, identity.session, identity.refresh_token TO auth_api",
        "GRANT SELECT ON identity.directory TO command_api, query_api, worker, operator",
        "GRANT SELECT ON identity.ended_session TO query_api, worker",
        "GRANT USAGE ON SCHEMA event_log, read_model TO query_api, worker, operator",
        "GRANT SELECT ON ALL TABLES IN SCHEMA event_log TO query_api, operator",
        "REVOKE ALL ON event_log.schema_version FROM query_api, operator",
        "GRANT SELECT ON ALL TABLES IN SCHEMA read_model TO query_api, operator",
        "GRANT SELECT, INSERT, UPDATE ON event_log.event, event_log.checkpoint,"
        " event_log.dead_letter, event_log.queue_epoch TO worker",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA read_model TO worker",
    ):
        op.execute(statement)


def downgrade() -> None:
    """Take everything away."""
    op.execute("DROP SCHEMA read_model CASCADE")
    op.execute("DROP VIEW identity.directory, identity.ended_session")
    for table in ("refresh_token", "session", "account"):
        op.drop_table(table, schema="identity")
    for table in ("queue_epoch", "dead_letter", "checkpoint", "event"):
        op.drop_table(table, schema="event_log")
