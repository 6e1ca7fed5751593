#!/bin/sh
# Runs NGINX in a container, and tells it when a service has moved or was scaled: an address that it
# resolved at its start would be the wrong one after that.
set -eu
. /ops/render.sh
mkdir -p /tmp/messaging
cd /tmp/messaging
mkdir -p known optional servers html tmp/body tmp/proxy tmp/fastcgi tmp/uwsgi tmp/scgi

# Notes where a service is; returns whether that is new. One that vanished is still where it was.
look() {
    found=$(getent ahostsv4 "$1" | awk '{ print $1 }' | sort -u |
        awk -v port="$2" '{ printf "%s%s:%s", (NR > 1 ? "; server " : ""), $1, port }')
    [ -n "$found" ] && [ "$found" != "$(cat "known/$1" 2>/dev/null)" ] && printf %s "$found" >"known/$1"
}

look_at_all() {
    moved=1
    for place in auth-api:8000 command-api:8000 query-api:8000 query-stream:8000 waiting-room:8000 \
        flower:5555 pgadmin:5050 prometheus:9090 grafana:3000; do
        look "${place%:*}" "${place#*:}" && moved=0
    done
    return $moved
}

# Where nothing has been found yet, nobody answers. With a door of the waiting room, $2, that is where
# requests go which no container of the service took.
known() {
    cat "known/$1" 2>/dev/null || printf 127.0.0.1:9
    if [ -n "${2:-}" ] && [ -e known/waiting-room ]; then
        printf '; server %s:%s backup max_fails=0' "$(sed 's/:8000.*//' known/waiting-room)" "$2"
    fi
}

write() {
    AUTH_API=$(known auth-api 8001)
    COMMAND_API=$(known command-api 8002)
    QUERY_API=$(known query-api 8003)
    QUERY_STREAM=$(known query-stream 8004)
    FLOWER=$(known flower 8005)
    export AUTH_API COMMAND_API QUERY_API QUERY_STREAM FLOWER
    for name in nginx.conf messaging.conf problems.conf; do
        render "/ops/$name" >"$name"
    done
    write_pgadmin
    write_monitoring
    render /ops/index.html >html/index.html
    # Not cp: what it copies from may be read-only, and so would the copy be the second time.
    cat /ops/site.css >html/site.css
}

write_pgadmin() {
    PGADMIN=$(known pgadmin)
    PGADMIN_CELL="pgAdmin"
    PGADMIN_TEXT="Tables of primary and replica: start it with <code>docker compose --profile pgadmin up -d</code>."
    export PGADMIN PGADMIN_CELL PGADMIN_TEXT
    if [ -e known/pgadmin ]; then
        render /ops/pgadmin.conf >optional/pgadmin.conf
        PGADMIN_CELL='<a href="/pgadmin/">pgAdmin</a>'
        PGADMIN_TEXT="Tables of primary and replica. User <code>operator@example.com</code>; the password is in the file <code>pgadmin</code> among the secrets."
    fi
}

write_monitoring() {
    PROMETHEUS=$(known prometheus)
    GRAFANA=$(known grafana)
    MONITORING_CELL="Grafana, Prometheus"
    MONITORING_TEXT="What is measured, as it goes: start them with <code>docker compose --profile monitoring up -d</code>."
    export PROMETHEUS GRAFANA MONITORING_CELL MONITORING_TEXT
    if [ -e known/prometheus ]; then
        render /ops/prometheus.conf >optional/prometheus.conf
        render /ops/grafana.conf >optional/grafana.conf
        MONITORING_CELL='<a href="/grafana/">Grafana</a>, <a href="/prometheus/">Prometheus</a>'
        MONITORING_TEXT="What is measured, as it goes. User <code>operator</code>; the passwords are in the files <code>grafana</code> and <code>prometheus</code> among the secrets."
    fi
}

follow() {
    while sleep 2; do
        if look_at_all; then
            # Whatever fails, it goes on looking.
            { write && nginx -e stderr -p . -c nginx.conf -s reload; } || true
        fi
    done
}

case $MESSAGING_PUBLIC_URL in
https:*) export STRICT_TRANSPORT_SECURITY="max-age=31536000" ;;
*) export STRICT_TRANSPORT_SECURITY="" ;;
esac
if [ "${MESSAGING_TLS:-}" = on ]; then
    case $MESSAGING_PUBLIC_URL in
    https:*) ;;
    *) echo "MESSAGING_PUBLIC_URL=$MESSAGING_PUBLIC_URL is no https address: set it where NGINX has a certificate." >&2 && exit 1 ;;
    esac
    export PUBLIC_URL="$MESSAGING_PUBLIC_URL"
    cp /ops/tls.conf optional/tls.conf
    render /ops/redirect.conf >servers/redirect.conf
fi
# In memory, for NGINX alone: the secret as it is, random and long.
(umask 077 && printf 'operator:{PLAIN}%s\n' "$(cat /run/secrets/prometheus)" >prometheus.htpasswd)
export LISTEN=8080 ACCESS_LOG=/dev/stdout WORKERS=auto \
    STREAM_SILENCE=$((30 + 2 * ${MESSAGING_STREAM_HEARTBEAT:-15})) \
    STREAM_ADDRESS_LIMIT="${MESSAGING_STREAM_ADDRESS_LIMIT:-40}" \
    AUTH_RATE="${MESSAGING_AUTH_RATE:-20}" AUTH_BURST="${MESSAGING_AUTH_BURST:-100}"
look_at_all || true
write
follow &
exec nginx -e stderr -p . -c nginx.conf
