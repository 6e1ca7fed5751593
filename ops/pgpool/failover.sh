#!/bin/sh
# PGPool's failover_command in containers: failover.sh HOST. The server there is out of use; if it was
# the primary, another takes its place.
set -eu
. /ops/render.sh
. /ops/nodes.sh
cd /tmp/messaging
failed=$1

say "$failed is out of use"
# PGPool calls it, and the guard where PGPool does not: one of them chooses.
exec 9>failover.lock
flock 9
[ "$failed" = "$(leader)" ] || exit 0
chosen=$(candidate "$failed")
if [ -z "$chosen" ]; then
    say "no standby can take its place"
else
    # Whatever happens from here on: the old primary takes no more writes.
    if appoint "$chosen" promoting && promote "$chosen"; then
        configure >pgpool.conf
        exit 0
    fi
    say "$chosen was not promoted"
fi
# Without a primary PGPool is of no use: when it starts it waits for one.
tell_pgpool INT
exit 1
