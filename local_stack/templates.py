"""Renders the configuration templates of `ops/`, which the containers share.

`${NAME}` is replaced, anything else that starts with a dollar stays as it is: NGINX's own
variables, and the shell's. The `envsubst` of the NGINX image understands the same form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

OPS = Path(__file__).resolve().parent.parent / "ops"


_PLACE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


def render(name: str, values: Mapping[str, object]) -> str:
    """Return the text of `ops/<name>` with `values` put in; a name without value is an error."""
    text = (OPS / name).read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: str(values[place[1]]), text)
