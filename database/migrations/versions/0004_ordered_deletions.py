"""Say of each erasure who ordered it.

It only adds: the default is for an auth API of before, whose orders are all owners'.

Revision: 0004, after 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "erasure",
        sa.Column("ordered_by", sa.Text(), nullable=False, server_default="owner"),
        schema="identity",
    )
    op.create_check_constraint(
        "ck_erasure_ordered_by", "erasure", "ordered_by IN ('owner', 'operator')", schema="identity"
    )


def downgrade() -> None:
    """Forget who ordered what."""
    op.drop_column("erasure", "ordered_by", schema="identity")
