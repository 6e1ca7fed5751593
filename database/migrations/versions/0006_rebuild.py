"""How far read models that are not live are folded; making, swapping and dropping them.

It only adds: what ran on the revision before runs on this.

Revision: 0006, after 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# The operator calls these by their owner's rights: only the owner of a schema may rename it. They
# know three names and no other.
MAKE_NEXT = """
CREATE FUNCTION event_log.make_next_read_model() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    live CONSTANT oid := to_regnamespace('read_model');
    made record;
BEGIN
    -- What this cannot copy must not get lost unnoticed.
    IF EXISTS (SELECT FROM pg_class WHERE relnamespace = live AND relkind NOT IN ('r', 'i'))
        OR EXISTS (SELECT FROM pg_default_acl WHERE defaclnamespace = live)
        OR EXISTS (
            SELECT FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
            WHERE c.relnamespace = live
        )
    THEN
        RAISE EXCEPTION 'read_model holds more than tables and indexes: a rebuild would lose it';
    END IF;
    CREATE SCHEMA read_model_next;
    FOR made IN
        SELECT format('CREATE TABLE read_model_next.%I'
            ' (LIKE read_model.%I INCLUDING ALL EXCLUDING INDEXES)', relname, relname) AS sql
        FROM pg_class WHERE relnamespace = live AND relkind = 'r'
        UNION ALL
        SELECT format('ALTER TABLE read_model_next.%I SET (%s)', relname,
            array_to_string(reloptions, ', '))
        FROM pg_class WHERE relnamespace = live AND relkind = 'r' AND reloptions IS NOT NULL
        UNION ALL
        SELECT format('ALTER TABLE read_model_next.%I ADD CONSTRAINT %I %s', c.relname, k.conname,
            pg_get_constraintdef(k.oid))
        FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
        WHERE c.relnamespace = live AND k.contype IN ('p', 'u')
        UNION ALL
        SELECT format('GRANT %s ON SCHEMA read_model_next TO %I', a.privilege_type, r.rolname)
        FROM pg_namespace AS n, aclexplode(n.nspacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
        WHERE n.oid = live AND a.grantee <> n.nspowner
        UNION ALL
        SELECT format('GRANT %s ON read_model_next.%I TO %I', a.privilege_type, c.relname,
            r.rolname)
        FROM pg_class AS c, aclexplode(c.relacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
        WHERE c.relnamespace = live AND c.relkind = 'r' AND a.grantee <> c.relowner
    LOOP
        EXECUTE made.sql;
    END LOOP;
    PERFORM event_log.index_next_read_model('btree');
END
$$
"""
# Indexes by the names that they have in the live schema, so that migrations find them after a swap.
INDEX_NEXT = """
CREATE FUNCTION event_log.index_next_read_model(method text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lacking record;
BEGIN
    FOR lacking IN
        SELECT replace(pg_get_indexdef(c.oid), ' ON read_model.', ' ON read_model_next.') AS sql
        FROM pg_class AS c JOIN pg_am AS m ON m.oid = c.relam
        WHERE c.relnamespace = to_regnamespace('read_model') AND c.relkind = 'i'
            AND m.amname = coalesce(index_next_read_model.method, m.amname)
            AND NOT EXISTS (
                SELECT FROM pg_class AS n
                WHERE n.relnamespace = to_regnamespace('read_model_next')
                    AND n.relname = c.relname
            )
    LOOP
        EXECUTE lacking.sql;
    END LOOP;
END
$$
"""
COMPLETE_NEXT = """
CREATE FUNCTION event_log.complete_next_read_model() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET maintenance_work_mem = '256MB'
AS $$
DECLARE
    name text;
BEGIN
    PERFORM event_log.index_next_read_model(NULL);
    FOR name IN
        SELECT relname FROM pg_class
        WHERE relnamespace = to_regnamespace('read_model_next') AND relkind = 'r'
    LOOP
        EXECUTE format('ANALYZE read_model_next.%I', name);
    END LOOP;
END
$$
"""
SWAP = """
CREATE FUNCTION event_log.swap_read_model(incoming text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF incoming = 'read_model_next' THEN
        ALTER SCHEMA read_model RENAME TO read_model_old;
        ALTER SCHEMA read_model_next RENAME TO read_model;
    ELSIF incoming = 'read_model_old' THEN
        ALTER SCHEMA read_model RENAME TO read_model_leaving;
        ALTER SCHEMA read_model_old RENAME TO read_model;
        ALTER SCHEMA read_model_leaving RENAME TO read_model_old;
    ELSE
        RAISE EXCEPTION 'neither read_model_next nor read_model_old: %', incoming;
    END IF;
END
$$
"""
DROP = """
CREATE FUNCTION event_log.drop_read_model(doomed text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
BEGIN
    IF doomed IS NULL OR doomed NOT IN ('read_model_next', 'read_model_old') THEN
        RAISE EXCEPTION 'neither read_model_next nor read_model_old: %', doomed;
    END IF;
    EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', doomed);
    DELETE FROM event_log.fold WHERE read_model = doomed;
END
$$
"""
OPERATORS = (
    "make_next_read_model()",
    "complete_next_read_model()",
    "swap_read_model(text)",
    "drop_read_model(text)",
)


def upgrade() -> None:
    """Make the table and the functions, and grant them."""
    op.create_table(
        "fold",
        sa.Column("read_model", sa.Text(), primary_key=True),
        sa.Column("partition", sa.SmallInteger(), primary_key=True),
        sa.Column("offset", sa.Text(collation="C"), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        schema="event_log",
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON event_log.fold TO worker")
    op.execute("GRANT SELECT ON event_log.fold TO operator")
    for function in (INDEX_NEXT, MAKE_NEXT, COMPLETE_NEXT, SWAP, DROP):
        op.execute(function)
    op.execute("REVOKE ALL ON FUNCTION event_log.index_next_read_model(text) FROM PUBLIC")
    for name in OPERATORS:
        op.execute(f"REVOKE ALL ON FUNCTION event_log.{name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION event_log.{name} TO operator")


def downgrade() -> None:
    """Take them away, and the read models that are not live."""
    for schema in ("read_model_next", "read_model_old"):
        op.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    for name in (*OPERATORS, "index_next_read_model(text)"):
        op.execute(f"DROP FUNCTION event_log.{name}")
    op.drop_table("fold", schema="event_log")
