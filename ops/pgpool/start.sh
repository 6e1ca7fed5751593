#!/bin/sh
# Runs PGPool in a container. Each further standby is a word host:slot in MESSAGING_MORE_REPLICAS.
set -eu
. /ops/render.sh
umask 077
mkdir -p /tmp/messaging
cd /tmp/messaging

export LISTEN='*' PORT=5432 ADMIN_PORT=9898 SOCKETS=/tmp/messaging NETWORK=samenet \
    PRIMARY_HOST="${PRIMARY:-postgres-primary}" PRIMARY_PORT=5432 \
    STANDBY_HOST="${REPLICA:-postgres-replica}" STANDBY_PORT=5432 \
    CHILDREN="${MESSAGING_PGPOOL_CHILDREN:-64}"
render /ops/pgpool.conf >pgpool.conf
render /ops/pool_hba.conf >pool_hba.conf

certificate=/run/secrets/internal-pgpool-certificate
if [ -e $certificate ]; then
    # On both sides. Clients without TLS are refused; that servers without are, is up to the servers.
    sed -i 's/^host /hostssl /' pool_hba.conf
    cat >>pgpool.conf <<END
ssl = on
ssl_cert = '$certificate'
ssl_key = '/run/secrets/internal-pgpool-key'
ssl_ca_cert = '/run/secrets/internal-ca'
END
fi

node=2
for replica in ${MESSAGING_MORE_REPLICAS:-}; do
    cat >>pgpool.conf <<END
backend_hostname$node = '${replica%:*}'
backend_port$node = 5432
backend_weight$node = 1
backend_flag$node = 'ALLOW_TO_FAILOVER'
backend_application_name$node = '${replica#*:}'
END
    node=$((node + 1))
done

# SCRAM to the nodes needs the passwords themselves; they lie in memory, as the secrets do.
for role in auth_api command_api query_api worker operator pgpool; do
    printf '%s:TEXT%s\n' "$role" "$(cat "/run/secrets/postgres-$role")"
done >pool_passwd
# Its console knows no other hash.
printf 'admin:%s\n' "$(printf %s "$(cat /run/secrets/pgpool-admin)" | md5sum | cut -d ' ' -f 1)" >pcp.conf

sh /ops/watch.sh /tmp/messaging/pgpool.pid &
exec pgpool -n -D -f pgpool.conf -F pcp.conf -a pool_hba.conf
