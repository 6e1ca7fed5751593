"""Partitions that are stopped, and what a dead letter said before an operator changed it.

It only adds columns that may stay empty: code of before goes on.

Revision: 0007, after 0006.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    moment = sa.DateTime(timezone=True)
    op.add_column("checkpoint", sa.Column("paused_at", moment), schema="event_log")
    op.add_column("checkpoint", sa.Column("pause_reason", sa.Text()), schema="event_log")
    op.add_column("checkpoint", sa.Column("resumed_at", moment), schema="event_log")
    op.add_column("dead_letter", sa.Column("original_entry", sa.LargeBinary()), schema="event_log")


def downgrade() -> None:
    """Forget what was stopped and what was changed."""
    op.drop_column("dead_letter", "original_entry", schema="event_log")
    for name in ("resumed_at", "pause_reason", "paused_at"):
        op.drop_column("checkpoint", name, schema="event_log")
