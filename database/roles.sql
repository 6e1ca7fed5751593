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

REVOKE ALL ON DATABASE messaging FROM PUBLIC;
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE messaging TO auth_api, command_api, query_api, worker, operator, pgpool;
GRANT CONNECT ON DATABASE postgres TO pgpool;
GRANT CONNECT, CREATE ON DATABASE messaging TO messaging_owner;
-- Verifying folds the log into tables of the session; mending does so as the worker.
GRANT TEMPORARY ON DATABASE messaging TO operator, worker;
-- Replay and rebuild write what the worker writes, and say so: SET ROLE worker. Without it, nothing.
GRANT worker TO operator WITH INHERIT FALSE, SET TRUE;

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
