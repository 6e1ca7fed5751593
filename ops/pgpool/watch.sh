#!/bin/sh
# watch.sh PID_FILE [SECONDS]: frees a PGPool that waits for its PCP child for ever.
#
# After each change of a node PGPool tells that child to end and waits for it (failover() in
# pgpool_main.c). A signal that comes right before the child's select() is lost: from then on PGPool
# replaces no child that ends, until nobody can connect. Ended children that nobody collects, look
# after look, tell of it; the same signal once more ends the wait. Where all is well nothing is sent.
set -u
pid_file=$1
seconds=${2:-5}

# Sets zombies and pcp to the children of process $1 that have ended, and to its PCP child.
look() {
    zombies=
    pcp=
    children=
    { read -r children <"/proc/$1/task/$1/children"; } 2>/dev/null
    for pid in $children; do
        { read -r status <"/proc/$pid/stat"; } 2>/dev/null || continue
        # The name, in parentheses, may itself hold spaces and parentheses.
        case ${status##*) } in
            Z*) zombies="$zombies $pid" ;;
            *)
                title=
                { read -r title <"/proc/$pid/cmdline"; } 2>/dev/null
                case $title in 'pgpool: PCP:'*) pcp=$pid ;; esac
                ;;
        esac
    done
}

before=
while sleep "$seconds"; do
    main=
    { read -r main <"$pid_file"; } 2>/dev/null
    case $main in '' | *[!0-9]*) before= && continue ;; esac
    look "$main"
    for zombie in $zombies; do
        case " $before " in
            *" $zombie "*)
                if [ -n "$pcp" ] && kill -s USR1 "$pcp" 2>/dev/null; then
                    echo "$(date -u +%FT%TZ) PGPool waited for its PCP child $pcp: told it again"
                fi
                break
                ;;
        esac
    done
    before=$zombies
done
