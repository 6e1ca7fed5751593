"""The three OpenAPI documents as one, so that links lead from a command to its query."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import httpx

# Server-sent events have no end: schemathesis would wait for it. They have tests of their own.
_ENDLESS = {"/query/v1/stream"}
REQUEST_ID = "X-Request-ID"
SERVICES = ("auth", "command", "query")
_COMPONENT = re.compile(r'"#/components/(?!securitySchemes/)(\w+)/')
_ELSEWHERE = re.compile(r'"/\w+/v1/openapi\.json#/paths/([^"]+)"')

Document = dict[str, Any]


def fetch(url: str) -> dict[str, Document]:
    """Return the document of each service, as the stack at `url` serves it."""
    addresses = {service: f"{url}/{service}/v1/openapi.json" for service in SERVICES}
    return {
        service: httpx.get(address, timeout=10).raise_for_status().json()
        for service, address in addresses.items()
    }


def joined(documents: Mapping[str, Document]) -> Document:
    """Return one document with all paths; components and ids are told apart by their service."""
    whole: Document = {"openapi": "3.1.0", "paths": {}, "components": {}}
    for service, document in documents.items():
        own = _renamed(document, service)
        whole.update(info=own["info"], servers=own["servers"])
        whole["paths"].update(
            {path: item for path, item in own["paths"].items() if path not in _ENDLESS}
        )
        for kind, named in own["components"].items():
            prefix = "" if kind == "securitySchemes" else f"{service}."
            whole["components"].setdefault(kind, {}).update(
                {prefix + name: component for name, component in named.items()}
            )
    return whole


def _renamed(document: Document, service: str) -> Document:
    text = _COMPONENT.sub(rf'"#/components/\1/{service}.', json.dumps(document))
    # A link into another document leads, in the joined one, to a path beside it.
    text = _ELSEWHERE.sub(lambda link: f'"#/paths/{unquote(link[1])}"', text)
    text = re.sub(r'"operationId": "', f'"operationId": "{service}.', text)
    renamed: Document = json.loads(text)
    for item in renamed["paths"].values():
        # Its name looks like the id of a thing that some operation must make first: schemathesis
        # would begin nothing with a command. `values.py` sends the header instead.
        item["parameters"] = [
            one for one in item.get("parameters", []) if one.get("name") != REQUEST_ID
        ]
    return renamed
