#!/bin/sh
# Runs PGPool in a container, once there is a primary.
#   SERVERS: the Postgres servers, host:name each
#   FAILOVER_SECONDS: how long the primary may be away before a standby takes its place; 0: for ever
set -eu
. /ops/render.sh
. /ops/nodes.sh
umask 077
mkdir -p /tmp/messaging
cd /tmp/messaging

# SCRAM to the nodes needs the passwords themselves; they lie in memory, as the secrets do.
for role in auth_api command_api query_api worker operator pgpool; do
    printf '%s:TEXT%s\n' "$role" "$(cat "/run/secrets/postgres-$role")"
done >pool_passwd
printf '*:*:*:pgpool:%s\n' "$(cat /run/secrets/postgres-pgpool)" >pgpass
# Its console knows no other hash.
printf 'admin:%s\n' "$(printf %s "$(cat /run/secrets/pgpool-admin)" | md5sum | cut -d ' ' -f 1)" >pcp.conf

# Returns when the primary takes writes; where it stays away, another server is made the primary. Never
# a third one in place of a second whose promotion did not end: both might have begun a history.
await_primary() {
    absent=0
    until ! is_being_promoted && takes_writes "$(leader)"; do
        if is_being_promoted; then
            promote "$(leader)" || true
        elif [ "$FAILOVER_SECONDS" -gt 0 ] && [ $absent -ge "$FAILOVER_SECONDS" ]; then
            sh /ops/failover.sh "$(leader)" || true
            absent=0
        fi
        absent=$((absent + 1))
        sleep 1
    done
}

# At the very first start, the one that has made the data.
until [ -n "$(leader)" ]; do
    for host in $(hosts); do
        takes_writes "$host" && appoint "$host" && break
    done
    [ -n "$(leader)" ] || sleep 1
done
await_primary

# Ends a PGPool that has given up the primary, as after it was cut off from all servers, so that it is
# started anew: it takes back by itself what follows, never who leads.
guard() {
    lost=0
    while sleep 2; do
        node=$(hosts | grep -nx "$(leader)" | cut -d : -f 1)
        case $(sed -n "${node}p" pgpool_status 2>/dev/null) in
        down) lost=$((lost + 1)) ;;
        *) lost=0 ;;
        esac
        # Longer than it takes to appoint another one.
        if [ $lost -ge 5 ]; then
            say "PGPool has given up the primary: starting it anew"
            tell_pgpool INT
            lost=0
        fi
    done
}

export LISTEN='*' PORT=5432 ADMIN_PORT=9898 SOCKETS=/tmp/messaging NETWORK=samenet \
    CHILDREN="${MESSAGING_PGPOOL_CHILDREN:-64}" FAILOVER_COMMAND='sh /ops/failover.sh %h'
configure >pgpool.conf
render /ops/pool_hba.conf >pool_hba.conf
# Clients without TLS are refused; that servers without are, is up to the servers.
if has_tls; then sed -i 's/^host /hostssl /' pool_hba.conf; fi
guard &
sh /ops/watch.sh /tmp/messaging/pgpool.pid &
exec pgpool -n -D -f pgpool.conf -F pcp.conf -a pool_hba.conf
