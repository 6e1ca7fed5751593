#!/bin/sh
# Runs Prometheus in a container, at /prometheus/ behind NGINX, which asks for the password.
set -eu
. /ops/render.sh

# However many containers there are of a service: those that its name leads to, port $2.
named() {
    printf 'dns_sd_configs: [{names: [%s], type: A, port: %s, refresh_interval: 10s}]' "$1" "$2"
}

AUTH_API=$(named auth-api 8000)
COMMAND_API=$(named command-api 8000)
QUERY_API=$(named query-api 8000)
QUERY_STREAM=$(named query-stream 8000)
WORKER=$(named worker 9000)
NODE="static_configs: []"
if [ -n "${MESSAGING_NODE_EXPORTER:-}" ]; then
    NODE=$(named "$MESSAGING_NODE_EXPORTER" 9100)
fi
export AUTH_API COMMAND_API QUERY_API QUERY_STREAM WORKER NODE
mkdir -p /tmp/messaging
render /ops/prometheus.yml >/tmp/messaging/prometheus.yml
cat /ops/alerts.yml >/tmp/messaging/alerts.yml

exec prometheus --config.file=/tmp/messaging/prometheus.yml \
    --storage.tsdb.path=/prometheus \
    --storage.tsdb.retention.time="${MESSAGING_PROMETHEUS_RETENTION:-15d}" \
    --storage.tsdb.retention.size="${MESSAGING_PROMETHEUS_SIZE:-4GB}" \
    --web.external-url="$MESSAGING_PUBLIC_URL/prometheus/" \
    --web.route-prefix=/prometheus/
