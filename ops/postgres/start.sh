#!/bin/sh
# Runs a Postgres server in a container: as the primary, or as a standby of whichever server is.
#   SERVERS: all of them, host:name each; the first one makes the data where there are none
#   NAME: this one's name, also that of its replication slot     DATA: its folder in the volume
# Where PGPool has appointed a primary, the file leader names its host, and no other takes writes:
# see docs/decisions/0028-automatic-promotion.md.
set -eu
. /ops/render.sh
umask 077
volume=/var/lib/postgresql/data
# shellcheck disable=SC2153
data=$volume/$DATA
configuration=/tmp/messaging
mkdir -p $configuration
export PGPASSFILE=$configuration/pgpass
printf '*:*:*:replicator:%s\n' "$(cat /run/secrets/postgres-replicator)" >$PGPASSFILE

host=
peers=
for server in $SERVERS; do
    case $server in
    *":$NAME") host=${server%:*} ;;
    *) peers="${peers:+$peers,}${server%:*}" ;;
    esac
done
as_replicator="port=5432 user=replicator application_name=$NAME connect_timeout=3"

say() {
    echo "$host: $*" >&2
}

# The host of the primary that was appointed; a second word says that it is still being promoted.
leader() {
    cut -d ' ' -f 1 /var/lib/messaging/leader 2>/dev/null || true
}

# ask HOST COMMAND: in the replication protocol, which needs no database.
ask() {
    psql --no-psqlrc --no-password --quiet --no-align --tuples-only --field-separator=' ' \
        --dbname="host=$1 $as_replicator replication=true dbname=replication" --command="$2" 2>/dev/null
}

timeline_of() {
    ask "$1" IDENTIFY_SYSTEM | cut -d ' ' -f 2
}

takes_writes() {
    [ "$(ask "$1" 'SHOW in_hot_standby')" = off ]
}

is_standby() {
    [ -e "$data/standby.signal" ]
}

# The timeline of the data here: that of the newest file about one, for a server that was promoted
# moments ago has not noted it elsewhere.
own_timeline() {
    newest=$(find "$data/pg_wal" -name '*.history' -printf '%f\n' | sed -n 's/^\([0-9A-F]\{8\}\)\.history$/\1/p' | sort | tail -n 1)
    printf '%d\n' "0x${newest:-1}"
}

# Sets primary to the peer that takes writes; of several, as after a partition, the latest.
look() {
    primary=
    latest=0
    for peer in $(echo "$peers" | tr , ' '); do
        if takes_writes "$peer"; then
            timeline=$(timeline_of "$peer")
            [ "${timeline:-0}" -gt "$latest" ] && latest=$timeline && primary=$peer
        fi
    done
    [ -n "$primary" ]
}

# Whether another server has taken the place of this one, which has a primary's data.
replaced() {
    leader=$(leader)
    if [ -n "$leader" ]; then
        [ "$leader" != "$host" ]
    else
        look && [ "$latest" -gt "$(own_timeline)" ]
    fi
}

make_data() {
    # Half made, after a kill, it must not be taken for a whole one.
    rm -rf "$data.unfinished"
    # The options are the same as in the local stack.
    # shellcheck disable=SC2046
    initdb --pgdata="$data.unfinished" --username=postgres \
        --pwfile=/run/secrets/postgres-postgres $(cat /ops/initdb.options)
    # By it the others copy this server, and everybody's health is looked at.
    printf "CREATE ROLE replicator LOGIN REPLICATION NOINHERIT PASSWORD '%s'\n" \
        "$(sed "s/'/''/g" /run/secrets/postgres-replicator)" |
        postgres --single -F -D "$data.unfinished" -c config_file=/ops/postgresql.conf postgres >/dev/null
    mv "$data.unfinished" "$data"
}

# Has the primary keep from now on what this server will need.
keep_slot() {
    ask "$primary" "CREATE_REPLICATION_SLOT $NAME PHYSICAL RESERVE_WAL" >/dev/null || true
}

copy() {
    say "copying the primary, $primary"
    rm -rf "$data" "$data.unfinished"
    ask "$primary" "DROP_REPLICATION_SLOT $NAME WAIT" || true
    keep_slot
    pg_basebackup --pgdata="$data.unfinished" --wal-method=stream --slot="$NAME" \
        --checkpoint=fast --no-password --dbname="host=$primary $as_replicator"
    touch "$data.unfinished/standby.signal"
    mv "$data.unfinished" "$data"
}

# Undoes what the primary does not have. Under another name: half rewound it must never be started.
rewind() {
    say "$primary has taken its place: rewinding to where the two parted"
    # One number for two histories, and there would seem to be nothing to undo.
    [ "$(own_timeline)" -lt "$(timeline_of "$primary")" ] || return 1
    keep_slot
    mv "$data" "$data.unfinished"
    # One that was killed while it recovered looks like a standby to pg_rewind: it first recovers alone.
    postgres --single -F -D "$data.unfinished" -c config_file=/ops/postgresql.conf \
        template1 </dev/null >/dev/null || return 1
    source="host=$primary $as_replicator dbname=messaging"
    # Until its first checkpoint a new primary passes for one of the history before.
    psql --no-psqlrc --no-password --quiet --dbname="$source" --command=CHECKPOINT || return 1
    pg_rewind --target-pgdata="$data.unfinished" --source-server="$source" \
        --config-file=/ops/postgresql.conf || return 1
    touch "$data.unfinished/standby.signal"
    mv "$data.unfinished" "$data"
}

# Whether this standby is a copy of the primary, which still keeps in the slot all that it lacks.
can_catch_up() {
    system=$(ask "$primary" IDENTIFY_SYSTEM | cut -d ' ' -f 1)
    kept=$(ask "$primary" "READ_REPLICATION_SLOT $NAME" | cut -d ' ' -f 2)
    [ -n "$kept" ] && LC_ALL=C pg_controldata "$data" | grep -q "identifier: *$system\$"
}

await_primary() {
    until look && case $(leader) in "$primary" | '') ;; *) false ;; esac; do
        [ -n "${waited:-}" ] || say "waiting for the server that takes writes"
        waited=yes
        sleep 1
    done
}

anybody_there() {
    for peer in $(echo "$peers" | tr , ' '); do
        [ -n "$(timeline_of "$peer")" ] && return
    done
    return 1
}

prepare() {
    if [ ! -e "$data" ]; then
        # Who has lost its data must not begin anew beside a server that has a copy of them.
        if [ "${SERVERS%% *}" = "$host:$NAME" ] && [ -z "$(leader)" ] && ! anybody_there; then
            make_data
        else
            await_primary
            copy
        fi
    elif is_standby; then
        # Where the primary is away, what is here can be read all the same.
        if [ "$(leader)" != "$host" ] && look; then can_catch_up || copy; fi
    elif replaced; then
        await_primary
        rewind || copy
    fi
}

prepare
export NETWORK=samenet
render /ops/pg_hba.conf >$configuration/pg_hba.conf
. /ops/tls.sh
# shellcheck disable=SC2086,SC2154
postgres -D "$data" -c config_file=/ops/postgresql.conf $tls \
    -c hba_file=$configuration/pg_hba.conf -c listen_addresses='*' \
    -c unix_socket_directories= -c cluster_name="$host" -c primary_slot_name="$NAME" \
    -c primary_conninfo="host=$peers $as_replicator target_session_attrs=primary passfile=$PGPASSFILE" &
server=$!
trap 'kill -s INT $server' INT TERM
# A primary that was replaced while nobody could tell it, as in a partition, stops when it learns of it;
# at its next start it follows.
while kill -0 $server 2>/dev/null; do
    sleep 2 &
    wait $! || true
    if ! is_standby && replaced; then
        say "another server has taken its place: stopping"
        kill -s INT $server
    fi
done
wait $server
