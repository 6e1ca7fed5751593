-- In containers, where PGPool promotes a standby and a replaced primary rewinds itself: what these two
-- may do besides. Run by a superuser in database "messaging", again and again without harm; the marked
-- line is replaced by history.sql.

GRANT EXECUTE ON FUNCTION pg_catalog.pg_promote(boolean, integer) TO pgpool;

-- What a promotion needs besides: see history.sql, and slots by which the new primary keeps what the
-- other servers will need.
CREATE OR REPLACE FUNCTION public.took_over(VARIADIC slots text[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $took_over$
DECLARE
    slot text;
BEGIN
    --HISTORY--
    FOREACH slot IN ARRAY slots
    LOOP
        IF NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = slot) THEN
            PERFORM pg_create_physical_replication_slot(slot, true);
        END IF;
    END LOOP;
END
$took_over$;
REVOKE ALL ON FUNCTION public.took_over(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.took_over(text[]) TO pgpool;

-- pg_rewind reads the primary's files. That is no more than pg_basebackup gives this role anyway.
GRANT CONNECT ON DATABASE messaging TO replicator;
GRANT pg_checkpoint TO replicator WITH INHERIT TRUE;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_dir(text, boolean, boolean) TO replicator;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_file(text, boolean) TO replicator;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text) TO replicator;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean) TO replicator;
