#!/bin/sh
# Runs a standby of the primary in a container, over a slot of its own that has the name STANDBY.
# Where there is no copy of the primary yet, or none that can catch up, it makes one first.
set -eu
. /ops/render.sh
umask 077
standby=${STANDBY:-standby1}
data=/var/lib/postgresql/data/replica
configuration=/tmp/messaging
mkdir -p $configuration
export PGPASSFILE=$configuration/pgpass
primary="host=${PRIMARY:-postgres-primary} port=5432 user=replicator application_name=$standby"

# In the replication protocol: role replicator may use no database.
ask() {
    psql --no-psqlrc --no-password --quiet --no-align --tuples-only --field-separator=' ' \
        --dbname="$primary connect_timeout=5 replication=true dbname=replication" --command="$1"
}

# Whether it is a copy of this primary, which still keeps in the slot all that the copy lacks.
can_catch_up() {
    system=$(ask IDENTIFY_SYSTEM | cut -d ' ' -f 1)
    kept=$(ask "READ_REPLICATION_SLOT $standby" | cut -d ' ' -f 2)
    [ -n "$kept" ] && LC_ALL=C pg_controldata "$data" | grep -q "identifier: *$system\$"
}

copy() {
    echo "$standby: copying the primary" >&2
    rm -rf "$data" "$data.unfinished"
    ask "DROP_REPLICATION_SLOT $standby WAIT" 2>/dev/null || true
    ask "CREATE_REPLICATION_SLOT $standby PHYSICAL RESERVE_WAL" >/dev/null
    pg_basebackup --pgdata="$data.unfinished" --wal-method=stream --slot="$standby" \
        --checkpoint=fast --no-password --dbname="$primary"
    touch "$data.unfinished/standby.signal"
    mv "$data.unfinished" "$data"
}

printf '*:*:*:replicator:%s\n' "$(cat /run/secrets/postgres-replicator)" >$PGPASSFILE
if [ ! -e "$data" ]; then
    until ask IDENTIFY_SYSTEM >/dev/null; do sleep 1; done
    copy
elif ask IDENTIFY_SYSTEM >/dev/null; then
    can_catch_up || copy
fi # else the primary is away: what is here can be read all the same.

export NETWORK=samenet
render /ops/pg_hba.conf >$configuration/pg_hba.conf
exec postgres -D "$data" -c config_file=/ops/postgresql.conf \
    -c hba_file=$configuration/pg_hba.conf -c listen_addresses='*' \
    -c unix_socket_directories= -c cluster_name="$standby" \
    -c primary_conninfo="$primary passfile=$PGPASSFILE" -c primary_slot_name="$standby"
