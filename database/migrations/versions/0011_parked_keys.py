"""Indexes by which a batch finds whether what it names is parked, however much is.

Code of before goes on: the index on parked letters begins with the column that the one before had.

Revision: 0011, after 0010.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

PARKED = sa.text("state = 'parked'")


def upgrade() -> None:
    """Make the indexes, and drop the one that the first of them holds."""
    # The log is read whole once, in a time that grows with it; meanwhile events wait in the queue.
    op.execute("SET LOCAL statement_timeout = 0")
    op.create_index(
        "ix_dead_letter_parked_conversation_id",
        "dead_letter",
        ["partition", "conversation_id"],
        schema="event_log",
        postgresql_where=PARKED,
    )
    op.drop_index("ix_dead_letter_parked", "dead_letter", schema="event_log")
    op.create_index(
        "ix_event_parked_message_id",
        "event",
        ["message_id"],
        schema="event_log",
        postgresql_where=sa.text("outcome = 'parked' AND message_id IS NOT NULL"),
    )


def downgrade() -> None:
    """Go back to the one that there was."""
    op.drop_index("ix_event_parked_message_id", "event", schema="event_log")
    op.create_index(
        "ix_dead_letter_parked",
        "dead_letter",
        ["partition"],
        schema="event_log",
        postgresql_where=PARKED,
    )
    op.drop_index("ix_dead_letter_parked_conversation_id", "dead_letter", schema="event_log")
