"""Links of the OpenAPI documents: which later request an answer gives the parameters for."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

Service = Literal["auth", "command", "query"]


def link(
    operation: str, description: str, *, body: dict[str, str] | None = None, **parameters: str
) -> dict[str, Any]:
    """Return a link to an operation of the same service, by its id.

    The members of `body` and the `parameters` are runtime expressions of OpenAPI.
    """
    return {
        "operationId": operation,
        "description": description,
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": body} if body else {}),
    }


def link_to(
    service: Service, path: str, method: str, description: str, **parameters: str
) -> dict[str, Any]:
    """Return a link to an operation that another service documents, by its path there."""
    # A JSON pointer within a URI: braces are no characters of one.
    whole = quote(f"/{service}/v1/{path}".replace("~", "~0").replace("/", "~1"))
    return {
        "operationRef": f"/{service}/v1/openapi.json#/paths/{whole}/{method}",
        "description": description,
        "parameters": parameters,
    }
