"""Gunicorn's configuration, in the local stack and in containers; gunicorn runs this file.

The service's name says how many processes and threads it is worth.
"""

import os

# Gunicorn calls them by these names.
from web.gunicorn_hooks import child_exit, on_starting, post_fork  # noqa: F401

_service = os.environ["MESSAGING_SERVICE"]
_processes_and_threads = {
    # Threads beyond a process's database pool would only wait for a connection.
    "auth_api": (2, 4),
    "command_api": (2, 8),
    "query_api": (2, 16),
    # One process, so that the limit of an account is exact; beyond the streams some threads to
    # refuse.
    "query_stream": (1, int(os.environ.get("MESSAGING_STREAM_LIMIT") or 200) + 8),
}

bind = os.environ["MESSAGING_BIND"]
proc_name = _service
workers, threads = _processes_and_threads[_service]
_shown = int(os.environ.get("MESSAGING_PROFILE_SHOWN") or 0)
if _shown and os.environ.get("MESSAGING_PROFILE") == "1":
    # Each process shows the requests that it has served itself.
    workers = 1
worker_class = "web.gunicorn_worker.Worker"
timeout = 60
graceful_timeout = 15
# Longer than NGINX keeps a connection: only NGINX closes one.
keepalive = 75
# NGINX refuses what is longer, as a problem; gunicorn's own answer would be a page.
limit_request_line = 8190
limit_request_field_size = 8190
limit_request_fields = 32768
# One control socket per home folder would be shared by every gunicorn of this user.
control_socket_disable = True
