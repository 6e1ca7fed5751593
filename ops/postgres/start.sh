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
# moments ago has not noted it elsewhere. 0 where there are none.
own_timeline() {
    [ -e "$data" ] || { echo 0 && return; }
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

# Whether another server than this one, which has a primary's data, is appointed.
deposed() {
    case $(leader) in '' | "$host") return 1 ;; esac
}

# Whether another server takes writes, with a later history. That counts whatever the file says: it may
# be an old one, where servers on several machines do not share it.
outlived() {
    look && [ "$latest" -gt "$(own_timeline)" ]
}

make_data() {
    # Half made, after a kill, it must not be taken for a whole one.
    rm -rf "$data.new"
    # The options are the same as in the local stack.
    # shellcheck disable=SC2046
    initdb --pgdata="$data.new" --username=postgres \
        --pwfile=/run/secrets/postgres-postgres $(cat /ops/initdb.options)
    # By it the others copy this server, and everybody's health is looked at.
    printf "CREATE ROLE replicator LOGIN REPLICATION NOINHERIT PASSWORD '%s'\n" \
        "$(sed "s/'/''/g" /run/secrets/postgres-replicator)" |
        postgres --single -F -D "$data.new" -c config_file=/ops/postgresql.conf postgres >/dev/null
    mv "$data.new" "$data"
}

# Has the primary keep from now on what this server will need.
keep_slot() {
    ask "$primary" "CREATE_REPLICATION_SLOT $NAME PHYSICAL RESERVE_WAL" >/dev/null || true
}

# Makes a copy of the primary; what is here stays until it is whole.
copy() {
    say "copying the primary, $primary"
    rm -rf "$data.copying"
    ask "$primary" "DROP_REPLICATION_SLOT $NAME WAIT" || true
    keep_slot
    pg_basebackup --pgdata="$data.copying" --wal-method=stream --slot="$NAME" \
        --checkpoint=fast --no-password --dbname="host=$primary $as_replicator"
    touch "$data.copying/standby.signal"
    rm -rf "$data.replaced"
    if [ -e "$data" ]; then mv "$data" "$data.replaced"; fi
    mv "$data.copying" "$data"
    rm -rf "$data.replaced" "$data.rewinding"
}

# Undoes what the primary does not have. Under another name: half rewound it must never be started.
rewind() {
    say "$primary has taken its place: rewinding to where the two parted"
    # One number for two histories, and there would seem to be nothing to undo.
    timeline=$(timeline_of "$primary")
    [ "$(own_timeline)" -lt "${timeline:-0}" ] || return 1
    keep_slot
    # One that was killed while it recovered looks like a standby to pg_rewind: it first recovers alone.
    postgres --single -F -D "$data" -c config_file=/ops/postgresql.conf \
        template1 </dev/null >/dev/null || return 1
    source="host=$primary $as_replicator dbname=messaging"
    # Until its first checkpoint a new primary passes for one of the history before.
    psql --no-psqlrc --no-password --quiet --dbname="$source" --command=CHECKPOINT || return 1
    mv "$data" "$data.rewinding"
    pg_rewind --target-pgdata="$data.rewinding" --source-server="$source" \
        --config-file=/ops/postgresql.conf || return 1
    touch "$data.rewinding/standby.signal"
    mv "$data.rewinding" "$data"
}

# Ends where the primary's database is another one than that of which there is a copy here: which of the
# two is wanted, only an operator knows.
same_database() {
    system=$(ask "$primary" IDENTIFY_SYSTEM | cut -d ' ' -f 1)
    if [ -n "$system" ] && ! LC_ALL=C pg_controldata "$data" | grep -q "identifier: *$system\$"; then
        say "$primary has another database than this server. If that one is wanted, remove the volume of $host."
        exit 1
    fi
}

# Whether the primary says that it no longer keeps what this standby lacks.
cut_off() {
    slot=$(ask "$primary" "READ_REPLICATION_SLOT $NAME") || return 1
    [ -z "$(echo "$slot" | cut -d ' ' -f 2)" ]
}

# Waits for a server that takes writes, and was appointed or has a later history than what is here.
await_primary() {
    until look && { named_or_free "$primary" || [ "$latest" -gt "$(own_timeline)" ]; }; do
        # It was appointed meanwhile, by an operator.
        if [ "$(leader)" = "$host" ] && [ -e "$data" ]; then exec sh /ops/start.sh; fi
        [ -n "${waited:-}" ] || say "waiting for the server that takes writes"
        waited=yes
        sleep 1
    done
}

# Whether the server at host $1 is the one that is appointed, or nobody is.
named_or_free() {
    case $(leader) in '' | "$1") ;; *) return 1 ;; esac
}

anybody_there() {
    for peer in $(echo "$peers" | tr , ' '); do
        [ -n "$(timeline_of "$peer")" ] && return
    done
    return 1
}

# Whether this is the very first start: this server is the first one, and nobody ever had data.
is_first() {
    [ "${SERVERS%% *}" = "$host:$NAME" ] && [ -z "$(leader)" ] && [ ! -e "$data.replaced" ] &&
        [ ! -e "$data.rewinding" ] && ! anybody_there
}

prepare() {
    if [ ! -e "$data" ]; then
        # Who has lost its data must not begin anew beside a server that has a copy of them.
        if is_first; then
            make_data
        else
            await_primary
            copy
        fi
    elif is_standby; then
        # Where the primary is away, what is here can be read all the same.
        if [ "$(leader)" != "$host" ] && look; then
            same_database
            if cut_off; then copy; fi
        fi
    elif deposed || outlived; then
        await_primary
        same_database
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
# at its next start it follows. The file costs nothing to look at, the other servers a connection each.
rounds=0
while kill -0 $server 2>/dev/null; do
    sleep 2 &
    wait $! || true
    rounds=$((rounds + 1))
    if ! is_standby && { deposed || { [ $((rounds % 5)) = 0 ] && outlived; }; }; then
        say "another server has taken its place: stopping"
        kill -s INT $server
    fi
done
wait $server
