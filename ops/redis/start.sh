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
certificate=/run/secrets/internal-redis-certificate
if [ -e $certificate ]; then
    # TLS alone: the port without is closed.
    export PORT=0
    render /ops/valkey.conf >valkey.conf
    cat >>valkey.conf <<END
tls-port 6379
tls-cert-file $certificate
tls-key-file /run/secrets/internal-redis-key
tls-ca-cert-file /run/secrets/internal-ca
tls-auth-clients no
tls-protocols "TLSv1.2 TLSv1.3"
END
else
    render /ops/valkey.conf >valkey.conf
fi
exec valkey-server valkey.conf
