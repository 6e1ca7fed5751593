#!/bin/sh
# Writes a back-up of the running stack to standard output, as one tar file: the database as of one moment,
# verified, then the queue's files. In this order the queue has whatever the copy of the database lacks.
#   docker compose run --rm -T backup >messaging.tar
set -eu
umask 077
# A volume of this container alone, which goes with it.
scratch=/var/lib/postgresql/data/backup
queue=/queue/appendonlydir
manifest=appendonly.aof.manifest
export PGPASSFILE=/tmp/pgpass

say() {
    echo "$*" >&2
}

if [ -t 1 ]; then
    say "A back-up is no text: run docker compose run --rm -T backup >messaging.tar"
    exit 1
fi
printf '*:*:*:replicator:%s\n' "$(cat /run/secrets/postgres-replicator)" >$PGPASSFILE
mkdir $scratch

say "Copying the database"
hosts=$(for server in $SERVERS; do printf '%s,' "${server%:*}"; done)
pg_basebackup --pgdata=$scratch/database --wal-method=stream --checkpoint=fast --no-password \
    --dbname="host=${hosts%,} port=5432 user=replicator connect_timeout=5 target_session_attrs=primary"
pg_verifybackup --quiet $scratch/database

# Copies the queue's files as of one moment; what was acknowledged is in them. Fails where the server
# wrote them anew meanwhile. A copy that ends within a write is read up to there, as after a power cut.
copy_queue() {
    rm -rf $scratch/queue
    mkdir $scratch/queue
    cp $queue/$manifest $scratch/queue/ || return 1
    # Its names hold no blanks.
    # shellcheck disable=SC2013
    for name in $(sed -n 's/^file \([^ ]*\) .*/\1/p' $scratch/queue/$manifest); do
        cp "$queue/$name" $scratch/queue/ || return 1
    done
    cmp -s $queue/$manifest $scratch/queue/$manifest
}

say "Copying the queue"
tries=0
until copy_queue; do
    tries=$((tries + 1))
    [ $tries -lt 20 ] || { say "The queue's files cannot be copied: is Redis running?" && exit 1; }
done
cd $scratch
sha256sum queue/* >queue.sha256
date -u +%FT%TZ >made-at
tar --create --file=- made-at queue.sha256 queue database
say "Backed up"
