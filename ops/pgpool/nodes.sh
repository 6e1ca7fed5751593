# shellcheck shell=sh
# Sourced by what PGPool's container runs: the Postgres servers, and which of them is the primary.
#   SERVERS: all of them, host:name each, in the order of PGPool's nodes
# The file leader names the primary's host. It is written before a promotion: the servers read it too,
# and none but the one that it names takes writes. A second word says that it is still being promoted.
folder=/var/lib/messaging
export PGPASSFILE=/tmp/messaging/pgpass

certificate=/run/secrets/internal-pgpool-certificate
has_tls() {
    [ -e $certificate ]
}

say() {
    echo "$(date -u +%FT%TZ) $*" >&2
}

# Sends PGPool signal $1, if it runs.
tell_pgpool() {
    # PGPool ends the file with a NUL and no newline: `read` would call that a failure.
    { pid=$(cat pgpool.pid) && kill -s "$1" "$pid"; } 2>/dev/null || true
}

hosts() {
    for server in $SERVERS; do echo "${server%:*}"; done
}

# Prints the slots of all servers but the one at host $1, quoted and parted by commas.
slots_besides() {
    for server in $SERVERS; do
        [ "${server%:*}" = "$1" ] || printf "%s'%s'" "${comma:-}" "${server#*:}"
        comma=,
    done | sed 's/^,//'
}

# ask HOST STATEMENT
ask() {
    psql --no-psqlrc --no-password --quiet --no-align --tuples-only --field-separator=' ' \
        --dbname="host=$1 port=5432 user=pgpool dbname=messaging connect_timeout=2" --command="$2" 2>/dev/null
}

takes_writes() {
    [ "$(ask "$1" 'SELECT pg_is_in_recovery()')" = f ]
}

leader() {
    cut -d ' ' -f 1 $folder/leader 2>/dev/null || true
}

is_being_promoted() {
    grep -q ' promoting$' $folder/leader
}

# appoint HOST [promoting]: notes for good which server is the primary; where that cannot be, as on a full
# disk, what was noted before stays. (Where its caller looks at the outcome, set -e does not end it.)
appoint() {
    echo "$*" >$folder/leader.unfinished &&
        chmod 644 $folder/leader.unfinished &&
        sync $folder/leader.unfinished &&
        mv $folder/leader.unfinished $folder/leader &&
        sync $folder
}

# Notes how far the primary has written; what is older than some minutes is forgotten.
note_written() {
    written=$(ask "$(leader)" "SELECT pg_current_wal_lsn() - '0/0' WHERE NOT pg_is_in_recovery()") || return 0
    [ -n "$written" ] || return 0
    {
        { [ ! -e $folder/written ] || tail -n 60 $folder/written; } &&
            echo "$(date +%s) $(leader) $written"
    } >$folder/written.unfinished && mv $folder/written.unfinished $folder/written
}

# Prints how far a standby must have received to take the place of the server at host $1: to where that
# one was FAILOVER_LAG seconds before it was last seen. 0 where that is not known.
needed() {
    grep " $1 " $folder/written 2>/dev/null | awk -v lag="${FAILOVER_LAG:-60}" '
        { at[NR] = $1; written[NR] = $3 }
        END { for (i = NR; i > 1 && at[i] > at[NR] - lag; i--); print NR ? written[i] : 0 }'
}

# Prints the standby to promote instead of the server at host $1: of those that answer the one that
# has received most. One that lacks too much is left to an operator: where nothing else is known, more
# than the queue keeps.
candidate() {
    needed=$(needed "$1")
    for standby in $(hosts); do
        [ "$standby" = "$1" ] && continue
        received=$(ask "$standby" "
            SELECT timeline_id, greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'
            FROM pg_control_checkpoint() WHERE pg_is_in_recovery() AND ($needed > 0 OR coalesce(
                pg_last_xact_replay_timestamp() > now() - interval '${MESSAGING_QUEUE_RETENTION:-86400} s', true))") || continue
        [ -n "$received" ] || continue
        if [ "${received#* }" -lt "$needed" ]; then
            say "$standby lacks more than the last ${FAILOVER_LAG:-60} s"
        else
            echo "$received $standby"
        fi
    done | sort -k 1n -k 2n | tail -n 1 | cut -d ' ' -f 3
}

# Prints the server that takes writes; of several the one with the latest history.
writer() {
    for host in $(hosts); do
        timeline=$(ask "$host" 'SELECT timeline_id FROM pg_control_checkpoint() WHERE NOT pg_is_in_recovery()') || continue
        [ -z "$timeline" ] || echo "$timeline $host"
    done | sort -k 1nr -s | head -n 1 | cut -d ' ' -f 2
}

# Makes the server at host $1 take writes, as appointed; may be repeated.
promote() {
    if ! takes_writes "$1"; then
        say "promoting $1"
        [ "$(ask "$1" 'SELECT pg_promote(true, 60)')" = t ] || return 1
    fi
    ask "$1" "SELECT public.took_over($(slots_besides "$1"))" >/dev/null || return 1
    appoint "$1" || return 1
    say "$1 is the primary"
}

# Writes PGPool's configuration: who leads is given more time than who follows.
configure() {
    render /ops/pgpool.conf
    node=0
    for server in $SERVERS; do
        flag=ALLOW_TO_FAILOVER
        if [ "${server%:*}" = "$(leader)" ]; then
            [ "$FAILOVER_SECONDS" -gt 0 ] || flag='ALWAYS_PRIMARY|DISALLOW_TO_FAILOVER'
            # A try takes up to a second, and the next one comes a second later.
            cat <<EOF
health_check_max_retries$node = $FAILOVER_SECONDS
health_check_timeout$node = 1
EOF
        fi
        cat <<EOF
backend_hostname$node = '${server%:*}'
backend_port$node = 5432
backend_weight$node = 1
backend_flag$node = '$flag'
backend_application_name$node = '${server#*:}'
EOF
        node=$((node + 1))
    done
    if has_tls; then
        # On both sides.
        cat <<EOF
ssl = on
ssl_cert = '$certificate'
ssl_key = '/run/secrets/internal-pgpool-key'
ssl_ca_cert = '/run/secrets/internal-ca'
EOF
    fi
}
