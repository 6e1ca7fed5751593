#!/bin/sh
# Runs Valkey in a container, in /data. Its users' passwords are the secrets redis-<user>; on disk it
# has their hashes.
set -eu
. /ops/render.sh
umask 077
cd /data

for secret in /run/secrets/redis-*; do
    user=$(printf %s "${secret##*/redis-}" | tr '[:lower:]' '[:upper:]')
    hash=$(printf %s "$(cat "$secret")" | sha256sum | cut -d ' ' -f 1)
    export "${user}_SHA256=$hash"
done
render /ops/users.acl >users.acl

export LISTEN=0.0.0.0 PORT=6379 MAXMEMORY="${MESSAGING_REDIS_MEMORY:-1gb}"
render /ops/valkey.conf >valkey.conf
exec valkey-server valkey.conf
