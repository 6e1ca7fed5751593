#!/bin/sh
# Makes the stopped server in PGDATA a standby of PRIMARY_HOST, for containers: an old primary is
# rewound; where that cannot be, the primary is copied. PGPASSFILE holds the passwords.
set -eu
: "${PGDATA:?}" "${PRIMARY_HOST:?}"
port=${PRIMARY_PORT:-5432}

copy() {
    rm -rf "${PGDATA:?}"
    pg_basebackup --pgdata "$PGDATA" --wal-method stream --slot standby1 --checkpoint fast \
        --no-password --dbname "host=$PRIMARY_HOST port=$port user=replicator"
}

rewind() {
    # One that was stopped while it recovered from a kill looks like a standby to pg_rewind.
    postgres --single -F -D "$PGDATA" template1 </dev/null || return 1
    # Until its first checkpoint a new primary passes for one of the history before.
    psql --no-password --no-psqlrc --quiet --host "$PRIMARY_HOST" --port "$port" --username postgres \
        --dbname postgres --command CHECKPOINT || return 1
    pg_rewind --target-pgdata "$PGDATA" \
        --source-server "host=$PRIMARY_HOST port=$port user=postgres dbname=postgres"
}

# Half rewound it must never be started.
unfinished=$PGDATA/../rewinding
if [ -e "$unfinished" ] || [ ! -s "$PGDATA/PG_VERSION" ]; then
    copy
elif [ ! -e "$PGDATA/standby.signal" ]; then
    touch "$unfinished"
    rewind || copy
fi
rm -f "$unfinished"
touch "$PGDATA/standby.signal"
