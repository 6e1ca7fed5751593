"""Say of each erasure who ordered it, and let operators order one.

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

# The operator, who may not write identity, calls it by its owner's rights: it can do nothing but
# what auth_api does when an account's owner deletes it, and says that it was not the owner.
# Statements of their own, in this order: a login that came first is then waited for and ended.
DELETE_BY_OPERATOR = """
CREATE FUNCTION identity.delete_by_operator(name text, erasure uuid)
RETURNS TABLE (account_id uuid, requested_at timestamptz, ended_sessions uuid[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
BEGIN
    requested_at := now();
    UPDATE identity.account AS a SET deleted_at = delete_by_operator.requested_at, password_hash = ''
    WHERE a.username = name AND a.deleted_at IS NULL
    RETURNING a.id INTO account_id;
    IF account_id IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO identity.erasure (account_id, event_id, requested_at, ordered_by)
    VALUES (delete_by_operator.account_id, erasure, delete_by_operator.requested_at, 'operator');
    WITH ended AS (
        UPDATE identity.session AS s SET ended_at = delete_by_operator.requested_at
        WHERE s.account_id = delete_by_operator.account_id AND s.ended_at IS NULL
        RETURNING s.id
    )
    SELECT coalesce(array_agg(ended.id), '{}') INTO ended_sessions FROM ended;
    UPDATE identity.session AS s SET user_agent = '', address = ''
    WHERE s.account_id = delete_by_operator.account_id;
    RETURN NEXT;
END
$$
"""


def upgrade() -> None:
    """Add the column and the function."""
    op.add_column(
        "erasure",
        sa.Column("ordered_by", sa.Text(), nullable=False, server_default="owner"),
        schema="identity",
    )
    op.create_check_constraint(
        "ck_erasure_ordered_by", "erasure", "ordered_by IN ('owner', 'operator')", schema="identity"
    )
    op.execute(DELETE_BY_OPERATOR)
    function = "identity.delete_by_operator(text, uuid)"
    op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO operator")


def downgrade() -> None:
    """Forget who ordered what."""
    op.execute("DROP FUNCTION identity.delete_by_operator(text, uuid)")
    op.drop_column("erasure", "ordered_by", schema="identity")
