"""What each setting means that a class of ours reads, by the tables of docs/settings.md.

All else that the page tells of them, their kinds, bounds, defaults and readers, is asked of the
classes themselves: `scripts/settings` writes it, and refuses where a meaning or a setting is alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Table = Literal[
    "service", "profile", "connections", "secrets", "queue", "waiting", "streams", "accounts"
]

MEANINGS: Mapping[Table, Mapping[str, str]] = {
    "service": {
        "MESSAGING_SERVICE": "the name in log lines",
        "MESSAGING_LOG_LEVEL": "how much is logged",
        "MESSAGING_PUBLIC_URL": "NGINX's address as clients see it, in the local stack by default"
        " with its own port; issuer of the tokens; `https` makes cookies `Secure`",
    },
    "profile": {
        "MESSAGING_PROFILE": "1: each answer says what it cost, slow statements are logged with"
        " their plans; 0: nothing of it is there",
        "MESSAGING_PROFILE_SLOW_MS": "milliseconds from which a statement is slow; 0: each",
        "MESSAGING_PROFILE_SHOWN": "how many requests the page `profile` of an API shows; each API"
        " is then one process; 0: there is no page",
    },
    "connections": {
        "MESSAGING_DATABASE_URL": "`postgresql+psycopg2://<role>@<host>:<port>/messaging`, without"
        " a password",
        "MESSAGING_DATABASE_PASSWORD_FILE": "the role's password",
        "MESSAGING_DATABASE_POOL": "connections of each process",
        "MESSAGING_STATEMENT_TIMEOUT": "seconds that a statement may take; 0: what its role has in"
        " `database/roles.sql`",
        "MESSAGING_REDIS_URL": "`redis://<ACL user>@<host>:<port>/0`, or `rediss://…`:"
        " [TLS](#tls-to-the-servers)",
        "MESSAGING_BROKER_URL": "the same server, database 1",
        "MESSAGING_REDIS_PASSWORD_FILE": "the ACL user's password",
        "MESSAGING_JWKS_URL": "where auth_api publishes its keys",
        "MESSAGING_AUTH_READY_URL": "what `/readyz` asks about auth_api",
        "MESSAGING_COMMAND_READY_URL": "what `/readyz` asks about command_api",
        "MESSAGING_STREAM_READY_URL": "what `/readyz` asks about the process that serves event"
        " streams",
        "MESSAGING_QUERY_URL": "where query_api answers, for clients that wait for a command",
        "MESSAGING_ALIVE_FILE": "touched as long as the broker hears the process; NGINX's waiting"
        " room in containers touches one as well",
        "MESSAGING_METRICS_PORT": "where a worker shows its [metrics](metrics.md); 0: nowhere",
        "MESSAGING_METRICS_ADDRESS": "on which address",
    },
    "secrets": {
        "MESSAGING_SIGNING_KEYS_DIR": "`<kid>.pem`, Ed25519; the last by name signs, all verify;"
        " read anew when it changes; `messaging keys rotate` adds one and keeps the one before",
        "MESSAGING_CONSISTENCY_KEY_FILE": "key of consistency tokens and cursors, the same for"
        " both",
    },
    "queue": {
        "MESSAGING_EVENT_PARTITIONS": "a power of two; `up` heeds it at a stack's first start only:"
        " once a stack exists [another way](runbooks/partition-count.md) leads to more",
        "MESSAGING_QUEUE_LIMIT": "entries of a partition that may wait to be applied; more is 503"
        " `queue-full`",
        "MESSAGING_QUEUE_RETENTION": "seconds that applied entries stay",
        "MESSAGING_BATCH_SIZE": "entries that a projector applies in one transaction",
        "MESSAGING_BELL_TTL": "seconds until a bell that nobody heard may ring again",
        "MESSAGING_EVENT_ATTEMPTS": "tries of an event that fails for no known reason, before it is"
        " parked",
        "MESSAGING_POISON_SHARE": "percent of a partition's last 1,000 events; more poison than"
        " that stops it; 100: never",
        "MESSAGING_POISON_LEAST": "as long as fewer of these are poison, the share does not count",
        "MESSAGING_COMMAND_RATE": "commands a second of an account; each of a batch counts",
        "MESSAGING_COMMAND_BURST": "how many of them at once",
        "MESSAGING_CANARY_SECONDS": "seconds between the [canaries](metrics.md#canaries) of a"
        " partition; 0: none are sent, and `/readyz` does not ask for them; each stays for the"
        " retention too: 95 MB at the defaults",
        "MESSAGING_CANARY_LIMIT": "seconds after which a partition without a new canary makes"
        " `/readyz` 503",
    },
    "waiting": {
        "MESSAGING_WAIT_LIMIT": "requests of a process that wait at once for what their consistency"
        " tokens stand for; each holds a thread: keep it at half of their number (16 in our"
        " stacks)",
        "MESSAGING_WAIT_ACCOUNT_LIMIT": "of them, requests of one account",
    },
    "streams": {
        "MESSAGING_STREAM_LIMIT": "streams of a process; each holds a thread: keep it below their"
        " number; `query_stream` has 8 threads more than streams",
        "MESSAGING_STREAM_ACCOUNT_LIMIT": "streams of an account in a process",
        "MESSAGING_STREAM_HEARTBEAT": "seconds that a stream is silent at most; NGINX waits for"
        " twice that and 30 s more",
    },
    "accounts": {
        "MESSAGING_LOGIN_FAILURES_ACCOUNT": "failed logins of an account within the window",
        "MESSAGING_LOGIN_FAILURES_ADDRESS": "failed logins from an address (IPv6: a /64) within the"
        " window",
        "MESSAGING_LOGIN_WINDOW": "seconds",
        "MESSAGING_ACCESS_LIFETIME": "seconds of an access token; workers tell a lost Redis which"
        " sessions have ended so recently",
        "MESSAGING_SESSION_LIFETIME": "seconds of a session, however busy",
        "MESSAGING_SESSION_IDLE": "seconds of a session that nobody uses",
        "MESSAGING_REFRESH_GRACE": "seconds that a rotated refresh token is still good; 0: none",
        "MESSAGING_ARGON2_MEMORY_KIB": "KiB of memory for a password hash",
        "MESSAGING_ARGON2_PASSES": "passes",
        "MESSAGING_ARGON2_LANES": "lanes",
    },
}
