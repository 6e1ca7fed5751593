#!/bin/sh
# Runs pgAdmin in a container: whoever has logged in there reaches the servers without a password.
set -eu
umask 077
storage=/var/lib/pgadmin/storage/operator_example.com
mkdir -p "$storage"
printf '*:*:*:operator:%s\n' "$(cat /run/secrets/postgres-operator)" >"$storage/pgpass"
authority=/run/secrets/internal-ca
if [ -e $authority ]; then
    # pgAdmin takes files of its user's folder alone.
    cat $authority >"$storage/internal-ca"
    sed 's|"sslmode": "prefer"|"sslmode": "verify-full", "sslrootcert": "/internal-ca"|' \
        "$PGADMIN_SERVER_JSON_FILE" >/tmp/servers.json
    export PGADMIN_SERVER_JSON_FILE=/tmp/servers.json
fi
exec /entrypoint.sh
