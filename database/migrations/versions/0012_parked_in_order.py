"""Indexes that give what is parked in order, a mark on letters that hold no erased text, holds.

Code of before goes on: each index begins with the columns that the one before had, and what it
parks is not marked, so that the sweep looks at it.

Revision: 0012, after 0011.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

PARKED = sa.text("state = 'parked'")
HELD: dict[str, sa.types.TypeEngine[Any]] = {
    "held_offset": sa.Text(collation="C"),
    "held_since": sa.DateTime(timezone=True),
    "held_reason": sa.Text(),
}
NAMED = sa.text("outcome = 'parked' AND message_id IS NOT NULL")


def upgrade() -> None:
    """Make the indexes, and drop those that they hold."""
    # The log is read whole once, in a time that grows with it; meanwhile events wait in the queue.
    op.execute("SET LOCAL statement_timeout = 0")
    op.create_index(
        "ix_dead_letter_parked_conversation_id_offset",
        "dead_letter",
        ["partition", "conversation_id", "offset"],
        schema="event_log",
        postgresql_where=PARKED,
    )
    op.create_index(
        "ix_dead_letter_parked_offset",
        "dead_letter",
        ["partition", "offset"],
        schema="event_log",
        postgresql_where=PARKED,
    )
    op.create_index(
        "ix_event_parked_message_id_offset",
        "event",
        ["message_id", "offset"],
        schema="event_log",
        postgresql_where=NAMED,
    )
    op.drop_index("ix_dead_letter_parked_conversation_id", "dead_letter", schema="event_log")
    op.drop_index("ix_event_parked_message_id", "event", schema="event_log")
    for name, kind in HELD.items():
        op.add_column("checkpoint", sa.Column(name, kind), schema="event_log")
    op.add_column(
        "dead_letter",
        sa.Column("checked", sa.Boolean, nullable=False, server_default=sa.false()),
        schema="event_log",
    )
    op.create_index(
        "ix_dead_letter_unchecked",
        "dead_letter",
        ["partition", "offset"],
        schema="event_log",
        postgresql_where=sa.text("NOT checked"),
    )


def downgrade() -> None:
    """Go back to those that there were."""
    op.drop_column("dead_letter", "checked", schema="event_log")
    for name in HELD:
        op.drop_column("checkpoint", name, schema="event_log")
    op.create_index(
        "ix_event_parked_message_id", "event", ["message_id"], schema="event_log", postgresql_where=NAMED
    )
    op.create_index(
        "ix_dead_letter_parked_conversation_id",
        "dead_letter",
        ["partition", "conversation_id"],
        schema="event_log",
        postgresql_where=PARKED,
    )
    op.drop_index("ix_event_parked_message_id_offset", "event", schema="event_log")
    op.drop_index("ix_dead_letter_parked_offset", "dead_letter", schema="event_log")
    op.drop_index("ix_dead_letter_parked_conversation_id_offset", "dead_letter", schema="event_log")
