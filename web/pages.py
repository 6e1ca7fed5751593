"""The few HTML pages: Swagger UI from local files, and an explanation of each problem."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from flask import Blueprint, Response, render_template_string, send_from_directory

from web.catalogue import CATALOGUE, Problem
from web.guard import public
from web.problem_documents import problem_example
from web.problems import problem_response
from web.traits import produces, takes_any_query

_STATIC = Path(__file__).parent / "static"
_SWAGGER_UI = _STATIC / "swagger_ui"
_ASSETS = frozenset(
    {"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png", "docs.js", "docs.css"}
)
_DAY = "public, max-age=86400"
_COMMON_CSP = "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Swagger UI draws its icons from data: addresses.
_DOCS_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    f" connect-src 'self'; {_COMMON_CSP}"
)
_DOCS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/docs.css">
</head>
<body>
<div id="swagger-ui"></div>
<noscript>This needs JavaScript; <a href="openapi.json">openapi.json</a> does not.</noscript>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/docs.js"></script>
</body>
</html>
"""
PAGE_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem;"
    "color:#1c2733;background:#fff}code{background:#eef2f6;padding:.1em .3em}"
    "pre{background:#eef2f6;padding:1em;overflow-x:auto}"
    "@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#11161c}"
    "code,pre{background:#26303a}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(PAGE_STYLE.encode()).digest()).decode()
PAGE_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; {_COMMON_CSP}"
_PROBLEM = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ problem.title }}</title>
<style>{{ style | safe }}</style>
</head>
<body>
<h1>{{ problem.title }}</h1>
<p>Type <code>/problems/{{ problem.slug }}</code>, HTTP status <code>{{ problem.status }}</code></p>
<h2>What happened</h2>
<p>{{ problem.explanation }}</p>
<h2>What helps</h2>
<p>{{ problem.mend }}</p>
<h2>Example</h2>
<pre>HTTP/1.1 {{ problem.status }}
Content-Type: application/problem+json

{{ example }}</pre>
</body>
</html>
"""


def docs_pages(*, title: str) -> Blueprint:
    """Return the blueprint of `docs`: Swagger UI over the `openapi.json` beside it."""
    blueprint = Blueprint("docs", __name__)

    @public
    @takes_any_query
    @produces("text/html")
    def docs() -> Response:
        """Show the service's OpenAPI document."""
        return page(render_template_string(_DOCS, title=title), _DOCS_CSP)

    @public
    @takes_any_query
    @produces("text/css", "text/javascript", "image/png", "application/octet-stream")
    def asset(name: str) -> Response:
        """Serve one of Swagger UI's own files."""
        if name not in _ASSETS:
            return problem_response(CATALOGUE["not-found"])
        response = send_from_directory(_SWAGGER_UI, name)
        response.headers["Cache-Control"] = _DAY
        return response

    blueprint.add_url_rule("/docs", view_func=docs)
    blueprint.add_url_rule("/docs/<name>", view_func=asset)
    return blueprint


def problem_pages() -> Blueprint:
    """Return the blueprint of `/problems/<slug>`: what each problem means and what helps."""
    blueprint = Blueprint("problems", __name__)

    @public
    @takes_any_query
    @produces("text/html")
    def problem(slug: str) -> Response:
        """Explain one type of problem."""
        found = CATALOGUE.get(slug)
        if found is None:
            return problem_response(CATALOGUE["not-found"])
        return page(
            render_template_string(
                _PROBLEM, problem=found, example=_example(found), style=PAGE_STYLE
            ),
            PAGE_POLICY,
        )

    blueprint.add_url_rule("/problems/<slug>", view_func=problem)
    return blueprint


def _example(problem: Problem) -> str:
    members = problem_example(problem, instance="/path/of/the/request")
    return json.dumps(members, indent=2)


def page(html: str, policy: str) -> Response:
    """Return an HTML page that may load what the Content-Security-Policy `policy` allows."""
    response = Response(html, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = policy
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-cache"
    return response
