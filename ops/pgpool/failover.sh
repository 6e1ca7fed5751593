#!/bin/sh
# PGPool's failover_command, for containers:
#   failover_command = '/etc/pgpool/failover.sh %d %P %H %r'
# Promotes the standby that PGPool chose, if it was the primary that failed. The old primary must be
# kept from coming back as one: its container runs ops/postgres/follow.sh before Postgres.
set -eu
failed_node=$1 old_primary=$2 new_host=$3 new_port=$4

if [ "$failed_node" != "$old_primary" ]; then
    exit 0
fi
# Empty when no node is left.
if [ -z "$new_host" ]; then
    echo "failover: no standby is left to promote" >&2
    exit 1
fi
# PGPASSFILE holds the password.
run() {
    psql --no-password --no-psqlrc --set ON_ERROR_STOP=1 --quiet --tuples-only --no-align \
        --host "$new_host" --port "$new_port" --username postgres "$@"
}
promoted=$(run --dbname postgres --command 'SELECT pg_promote(true, 60)')
if [ "$promoted" != t ]; then
    echo "failover: $new_host:$new_port was not promoted" >&2
    exit 1
fi
run --dbname messaging --file "${HISTORY_SQL:-/etc/pgpool/history.sql}"
run --dbname messaging --command "SELECT pg_create_physical_replication_slot('standby1', true)
    WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = 'standby1')"
