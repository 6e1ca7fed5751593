"""`Server-Timing` on every answer, and a page of the last requests, where MESSAGING_PROFILE is 1.

Development only: what a refusal cost can tell why it was refused.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Flask, Request, Response, render_template_string

from runtime import profiling
from runtime.logging import get_logger
from runtime.profiling import Executed, Profile, Spent
from runtime.settings import ProfileSettings
from web.contexts import current_context, current_request
from web.guard import public
from web.pages import PAGE_POLICY, PAGE_STYLE, page
from web.problems import CATALOGUE, problem_response
from web.traits import produces, takes_any_query

HEADER = "Server-Timing"
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_log = get_logger(__name__)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The last requests</title>
<style>{{ style | safe }}</style>
</head>
<body>
<h1>The last requests</h1>
{% for one in served %}
<h2>{{ one.method }} {{ one.route }} {{ one.status }}</h2>
<p><code>{{ one.timing }}</code> {{ one.request_id }}</p>
{% for executed in one.executed %}
<pre>{{ "%.3f ms" | format(executed.seconds * 1000) }}
{{ executed.statement }}
{%- for line in executed.plan or () %}
    {{ line }}
{%- endfor %}</pre>
{% endfor %}
{% else %}
<p>There has been none yet.</p>
{% endfor %}
</body>
</html>
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Served:
    # The route, not the path: that holds names.
    method: str
    route: str
    status: int
    request_id: str
    timing: str
    executed: Sequence[Executed]


class Profiler:
    """Attaches to an app what tells the cost of each request; attach it before all else.

    So it begins before the others do, and ends after them.
    """

    def __init__(self, app: Flask, settings: ProfileSettings, *, prefix: str) -> None:
        """Tell of each request of `app`, and show the last ones at `<prefix>/profile` if asked."""
        self._served: deque[_Served] = deque(maxlen=settings.shown)
        self._keep_statements = settings.shown > 0
        app.before_request(self._begin)
        app.after_request(self._finish)
        if settings.shown:
            app.register_blueprint(self._page(), url_prefix=prefix)

    def _begin(self) -> None:
        profiling.begin(keep_statements=self._keep_statements)

    def _finish(self, response: Response) -> Response:
        # What an event stream does after its head belongs to no request.
        profile = profiling.end()
        if profile is None:
            return response
        timing = server_timing(profile, total_seconds=time.perf_counter() - profile.started)
        response.headers[HEADER] = timing
        current = current_request()
        rule = current.url_rule
        self._served.appendleft(
            _Served(
                method=current.method,
                route=rule.rule if rule is not None else "(no route)",
                status=response.status_code,
                request_id=current_context().request_id,
                timing=timing,
                executed=profile.executed or (),
            )
        )
        return response

    def _page(self) -> Blueprint:
        blueprint = Blueprint("profile", __name__)

        @public
        @takes_any_query
        @produces("text/html")
        def profile() -> Response:
            """Show this process's last requests to its own machine or container, not by NGINX."""
            current = current_request()
            if "X-Forwarded-For" in current.headers or _peer(current) not in _LOOPBACK:
                return problem_response(CATALOGUE["not-found"])
            html = render_template_string(_PAGE, served=list(self._served), style=PAGE_STYLE)
            return page(html, PAGE_POLICY)

        blueprint.add_url_rule("/profile", view_func=profile)
        return blueprint


def server_timing(profile: Profile, *, total_seconds: float) -> str:
    """Return the value of the header: milliseconds of each part, and how often it was asked."""
    parts = (
        f"total;dur={total_seconds * 1000:.3f}",
        _metric("sql", profile.sql, "statements"),
        _metric("redis", profile.redis, "calls"),
    )
    return ", ".join(parts)


def _metric(name: str, spent: Spent, unit: str) -> str:
    return f'{name};dur={spent.seconds * 1000:.3f};desc="{spent.count} {unit}"'


def _peer(current: Request) -> str | None:
    # Who is connected, also where ProxyFix has put another address in its place.
    original = current.environ.get("werkzeug.proxy_fix.orig", current.environ)
    peer: str | None = original.get("REMOTE_ADDR")
    return peer
