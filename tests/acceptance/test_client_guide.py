"""The examples of the guide to the Python client run as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack

_GUIDE = Path(__file__).parents[2] / "docs/client.md"
_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_the_guide_does_what_it_says(
    stack: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    text = _GUIDE.read_text(encoding="utf-8").replace("http://127.0.0.1:8080", stack.url)
    names: dict[str, Any] = {}
    for block in _BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1))
        exec(compile("\n" * line + block[1], str(_GUIDE), "exec"), names)
    printed = capsys.readouterr().out
    for text in ("Bring bread.", "rejected message-not-found", "404 No account has this username."):
        assert text in printed
    for client in ("erin", "finn", "patient", "hasty"):
        names[client].close()
