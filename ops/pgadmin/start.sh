#!/bin/sh
# Runs pgAdmin in a container: whoever has logged in there reaches the servers without a password.
set -eu
umask 077
storage=/var/lib/pgadmin/storage/operator_example.com
mkdir -p "$storage"
printf '*:*:*:operator:%s\n' "$(cat /run/secrets/postgres-operator)" >"$storage/pgpass"
exec /entrypoint.sh
