-- One role for each service; run by a superuser in database "messaging", again and again without harm.
-- Passwords are set apart, from generated secrets. What a role may do inside the schemas is granted by
-- the migrations, which run as messaging_owner.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'messaging_owner', 'auth_api', 'command_api', 'query_api', 'worker', 'operator', 'pgpool', 'replicator'
    ]
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOINHERIT', name);
        END IF;
    END LOOP;
END
$$;

ALTER ROLE replicator REPLICATION;
ALTER ROLE pgpool INHERIT;
-- PGPool's auto_failback reads pg_stat_replication.
GRANT pg_monitor TO pgpool;

-- Only the worker's role writes event log and read model. An operator who retries, replays or imports takes it
-- on, statement by statement (SET ROLE); what they merely look at, they see with rights of their own.
GRANT worker TO operator WITH INHERIT FALSE, SET TRUE;

-- How far the standbys are, without the statements of others that pg_monitor would show as well.
CREATE OR REPLACE FUNCTION public.standbys()
RETURNS TABLE (name text, state text, lag_bytes bigint, lag_seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT application_name, state,
        CAST(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) AS bigint),
        CAST(extract(epoch FROM coalesce(replay_lag, interval '0')) AS double precision)
    FROM pg_stat_replication WHERE NOT pg_is_in_recovery() ORDER BY application_name
$$;
REVOKE ALL ON FUNCTION public.standbys() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.standbys() TO operator;

REVOKE ALL ON DATABASE messaging FROM PUBLIC;
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE messaging TO auth_api, command_api, query_api, worker, operator, pgpool;
GRANT CONNECT ON DATABASE postgres TO pgpool;
GRANT CONNECT, CREATE ON DATABASE messaging TO messaging_owner;
-- Verifying folds the log into tables of the session; mending does so as the worker.
GRANT TEMPORARY ON DATABASE messaging TO operator, worker;

-- A statement that hangs holds a worker thread or the checkpoint lock: end it.
ALTER ROLE auth_api SET statement_timeout = '10s';
ALTER ROLE command_api SET statement_timeout = '5s';
ALTER ROLE query_api SET statement_timeout = '15s';
ALTER ROLE worker SET statement_timeout = '60s';
ALTER ROLE worker SET lock_timeout = '10s';
ALTER ROLE auth_api SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE worker SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE query_api SET default_transaction_read_only = on;
ALTER ROLE command_api SET default_transaction_read_only = on;

-- An error's text may quote a value, such as a message: it is for the client, not for the server's log.
-- FATAL and PANIC are still logged, and every error of the server's own processes.
ALTER ROLE auth_api SET log_min_messages = log;
ALTER ROLE command_api SET log_min_messages = log;
ALTER ROLE query_api SET log_min_messages = log;
ALTER ROLE worker SET log_min_messages = log;
ALTER ROLE operator SET log_min_messages = log;
