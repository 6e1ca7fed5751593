"""Remember of each partition how far its canaries came, and by whom it is paused.

It only adds: code of before sends no canaries, and what it pauses counts as paused by an operator.

Revision: 0008, after 0007.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the column."""
    offset = sa.Text(collation="C")
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "canary",
        sa.Column("partition", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("appended_offset", offset, nullable=True),
        sa.Column("offset", offset, nullable=True),
        sa.Column("sent_at", moment, nullable=True),
        sa.Column("applied_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("partition", name="pk_canary"),
        schema="event_log",
    )
    op.add_column("checkpoint", sa.Column("paused_by", sa.Text()), schema="event_log")
    op.execute("GRANT SELECT, INSERT, UPDATE ON event_log.canary TO worker")
    op.execute("GRANT SELECT ON event_log.canary TO query_api, operator")


def downgrade() -> None:
    """Forget the canaries, and who paused."""
    op.drop_column("checkpoint", "paused_by", schema="event_log")
    op.drop_table("canary", schema="event_log")
