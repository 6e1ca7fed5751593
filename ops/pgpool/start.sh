#!/bin/sh
# Runs PGPool in a container, once there is a primary.
#   SERVERS: the Postgres servers, host:name each
#   FAILOVER_SECONDS: how long the primary may be away before a standby takes its place; 0: for ever
#   FAILOVER_LAG: of how many seconds a standby may lack what was written, and take its place all the same
set -eu
. /ops/render.sh
. /ops/nodes.sh
umask 077
mkdir -p /tmp/messaging
cd /tmp/messaging

case $FAILOVER_SECONDS:$FAILOVER_LAG in
*[!0-9:]* | :* | *:)
    say "MESSAGING_FAILOVER_SECONDS and MESSAGING_FAILOVER_LAG are whole numbers of seconds, 30 and 60 by default"
    exit 1
    ;;
esac
export LISTEN='*' PORT=5432 ADMIN_PORT=9898 SOCKETS=/tmp/messaging NETWORK=samenet \
    CHILDREN="${MESSAGING_PGPOOL_CHILDREN:-64}" FAILOVER_COMMAND='sh /ops/failover.sh %h'

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
        [ $((absent % 10)) != 0 ] || say "waiting for $(leader) to take writes"
        absent=$((absent + 1))
        sleep 1
    done
}

# Appoints a server where nobody is appointed: at the very first start the one that has made the data.
# Where the file was lost, with a machine, the primary may be lost as well.
appoint_first() {
    absent=0
    until [ -n "$(leader)" ]; do
        chosen=$(writer)
        if [ -n "$chosen" ]; then
            appoint "$chosen"
        elif [ "$FAILOVER_SECONDS" -gt 0 ] && [ $absent -ge "$FAILOVER_SECONDS" ]; then
            chosen=$(candidate '')
            [ -z "$chosen" ] || appoint "$chosen" promoting
            absent=0
        fi
        [ $((absent % 10)) != 0 ] || [ -n "$(leader)" ] || say "waiting for a server that takes writes"
        absent=$((absent + 1))
        sleep 1
    done
}
appoint_first
await_primary

# Prints who leads, and which nodes PGPool uses.
nodes_in_use() {
    leader
    cat pgpool_status 2>/dev/null || true
}

# Ends a PGPool that has given up the primary, as after it was cut off from all servers, so that it is
# started anew: it takes back by itself what follows, never who leads. Replaces a primary that PGPool
# does not, although it has been away for long.
guard() {
    lost=0
    rounds=0
    told=$(nodes_in_use)
    tellings=0
    away=0
    while sleep 2; do
        rounds=$((rounds + 1))
        # Whatever fails, as on a full disk, it goes on guarding.
        [ $((rounds % 5)) != 0 ] || note_written || true
        # How long to wait for whom it is told behind each change, thrice: it may be in the midst of another.
        if [ "$(nodes_in_use)" != "$told" ] && ! is_being_promoted; then
            told=$(nodes_in_use)
            tellings=3
        fi
        if [ $tellings -gt 0 ]; then
            tell_pgpool HUP
            tellings=$((tellings - 1))
        fi
        # In looks, not by a clock that may be set or a container that may stand still: each takes two seconds
        # or more. Together that is longer than its health checks take where no packet is answered.
        if [ "$FAILOVER_SECONDS" = 0 ] || takes_writes "$(leader)"; then
            away=0
        else
            away=$((away + 1))
        fi
        if [ $((2 * away)) -ge $((2 * FAILOVER_SECONDS + 15)) ]; then
            say "PGPool does not replace $(leader)"
            sh /ops/failover.sh "$(leader)" || true
            tell_pgpool INT
            away=0
        fi
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

configure >pgpool.conf
render /ops/pool_hba.conf >pool_hba.conf
# Clients without TLS are refused; that servers without are, is up to the servers.
if has_tls; then sed -i 's/^host /hostssl /' pool_hba.conf; fi
guard &
sh /ops/watch.sh /tmp/messaging/pgpool.pid &
exec pgpool -n -D -f pgpool.conf -F pcp.conf -a pool_hba.conf
