"""The worker reads no names: it never did, and need not be able to.

Revision: 0005.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the directory of names from the worker's role."""
    op.execute("REVOKE SELECT ON identity.directory FROM worker")


def downgrade() -> None:
    """Give it back."""
    op.execute("GRANT SELECT ON identity.directory TO worker")
