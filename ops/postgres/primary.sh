#!/bin/sh
# Runs the primary in a container; makes its data folder if there is none.
set -eu
. /ops/render.sh
umask 077
volume=/var/lib/postgresql/data
data=$volume/primary
configuration=/tmp/messaging
mkdir -p $configuration

if [ ! -e "$data" ]; then
    # Half made, after a kill, it must not be taken for a whole one.
    rm -rf "$data.unfinished"
    # The options are the same as in the local stack.
    # shellcheck disable=SC2046
    initdb --pgdata="$data.unfinished" --username=postgres \
        --pwfile=/run/secrets/postgres-postgres $(cat /ops/initdb.options)
    mv "$data.unfinished" "$data"
fi

# Whoever shares a network with it, and has a password.
export NETWORK=samenet
render /ops/pg_hba.conf >$configuration/pg_hba.conf
exec postgres -D "$data" -c config_file=/ops/postgresql.conf \
    -c hba_file=$configuration/pg_hba.conf -c listen_addresses='*' \
    -c unix_socket_directories= -c cluster_name=primary
