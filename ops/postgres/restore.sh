#!/bin/sh
# Puts a back-up, read from standard input, in place of the data of the stopped stack. What was there is
# set aside in the same volumes, as before-restore-<time>-…
#   docker compose run --rm -T restore <messaging.tar
#   docker compose run --rm -T restore --only database <messaging.tar      or: --only queue
# With the live queue an older database loses nothing within the queue's retention.
set -eu
umask 077
stamp=$(date -u +%Y%m%dT%H%M%SZ)
scratch=/tmp

fail() {
    echo "Error: $*" >&2
    exit 1
}

say() {
    echo "$*" >&2
}

database=yes
queue=yes
case "${1:-} ${2:-}" in
' ') ;;
'--only database') queue= ;;
'--only queue') database= ;;
*) fail "known is --only database and --only queue" ;;
esac
for host in $(for server in $SERVERS; do echo "${server%:*}"; done) pgpool redis; do
    if getent hosts "$host" >/dev/null; then fail "$host runs: docker compose stop first"; fi
done
# Restored is the server that is the primary; the other one copies it when it starts.
leader=$(cat /var/lib/messaging/leader 2>/dev/null || true)
case $leader in
*' promoting') fail "a promotion is not complete: start the stack, wait until it is healthy, stop it" ;;
'' | postgres-primary) primary=/servers/primary/primary standby=/servers/replica/replica ;;
postgres-replica) primary=/servers/replica/replica standby=/servers/primary/primary ;;
*) fail "$leader is the primary, which this knows nothing of" ;;
esac
unfinished=$primary.restoring
files=/queue/appendonlydir
rm -rf "$unfinished" $files.restoring
mkdir "$unfinished"

say "Reading the back-up"
tar --extract --file=- --directory="$unfinished"
cd "$unfinished"
[ -s made-at ] || fail "it is no whole back-up"
sha256sum --check --quiet queue.sha256 >&2 || fail "the queue's files were changed: use another back-up"
pg_verifybackup --quiet database >&2 || fail "the database's files were changed: use another back-up"

set_aside() {
    if [ -e "$1" ]; then
        aside=$(dirname "$1")/before-restore-$stamp-$(basename "$1")
        mv "$1" "$aside"
        say "What was there is in $aside"
    fi
}

# alone FOLDER: runs the statements that it reads, each followed by an empty line, in database messaging.
# The server goes on after one that fails, and ends as if nothing had been.
alone() {
    postgres --single -j -F -D "$1" -c config_file=/ops/postgresql.conf messaging >$scratch/said 2>&1 ||
        fail "the database does not start: $(tail -n 1 $scratch/said)"
    if grep -E '(ERROR|FATAL|PANIC):' $scratch/said >&2; then fail "the database refused a statement"; fi
}

# Offsets that were handed out after the back-up mean nothing now.
next_epoch='UPDATE event_log.queue_epoch SET epoch = epoch + 1;'
if [ -n "$database" ]; then
    say "Restoring the database"
    {
        # The secrets may be others than those of the stack that was backed up; migrate sets the rest.
        password=$(sed "s/'/''/g" /run/secrets/postgres-postgres)
        printf "ALTER ROLE postgres PASSWORD '%s';\n\n" "$password"
        cat /ops/history.sql
        printf '\n\n'
        [ -z "$queue" ] || printf '%s\n\n' "$next_epoch"
    } | alone "$unfinished/database"
    set_aside "$primary"
    # A standby of the data that are replaced could not follow those that replace them.
    set_aside "$standby"
    mv "$unfinished/database" "$primary"
elif [ -e "$primary" ]; then
    printf '%s\n\n' "$next_epoch" | alone "$primary"
fi
if [ -n "$queue" ]; then
    say "Restoring the queue"
    cp -R "$unfinished/queue" $files.restoring
    set_aside $files
    mv $files.restoring $files
fi
say "Restored from the back-up of $(cat made-at). Next: docker compose up -d --wait"
cd /
rm -rf "$unfinished"
sync
