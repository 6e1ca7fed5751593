"""The commands of the README and of the API guide give what these pages say."""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(shutil.which("curl") is None, reason="the examples use curl"),
]

_ROOT = Path(__file__).parents[2]
_DEFAULT_URL = "http://127.0.0.1:8080"
_END_OF_EXAMPLE = "\x1e"
_BLOCK = re.compile(
    r"```bash\n(?P<commands>.*?)```(?:\n\n```(?:json|text)\n(?P<output>.*?)```)?", re.DOTALL
)
# What differs from run to run; `…` stands for what a page cut.
_VARIES = re.compile(
    r"(?P<cut>…)"
    r"|(?P<uuid>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)"
    r"|(?P<time>\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"
    r"|(?P<request>\b[0-9a-f]{32}\b)"
)
_VARIANTS = {
    "cut": r"[^\s\"]*",
    "uuid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
    "request": r"[0-9a-f]{32}",
}


class Stack(Protocol):
    """What these tests need of a stack."""

    @property
    def url(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Example:
    """Commands of a page, and what it says that they print."""

    commands: str
    output: str


def examples(text: str) -> Iterator[Example]:
    for block in _BLOCK.finditer(text):
        yield Example(commands=block["commands"], output=block["output"] or "")


def section(page: str, heading: str | None) -> str:
    text = (_ROOT / page).read_text(encoding="utf-8")
    if heading is None:
        return text
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def pattern(output: str) -> str:
    parts, end = [], 0
    for varying in _VARIES.finditer(output):
        parts += [re.escape(output[end : varying.start()]), _VARIANTS[varying.lastgroup or ""]]
        end = varying.end()
    return "".join([*parts, re.escape(output[end:])])


def run(commands: list[str], folder: Path) -> list[str]:
    script = "".join(f"{each}printf '{_END_OF_EXAMPLE}'\n" for each in commands)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout.replace("\r", "").split(_END_OF_EXAMPLE)[:-1]


@pytest.mark.parametrize(
    ("page", "heading", "people"),
    [
        pytest.param("README.md", "Five minutes of curl", ("ada", "ben"), id="README"),
        pytest.param("docs/api.md", None, ("clara", "dan", "emil"), id="guide"),
    ],
)
def test_a_page_says_what_its_commands_print(
    stack: Stack, tmp_path: Path, page: str, heading: str | None, people: tuple[str, ...]
) -> None:
    text = section(page, heading).replace(_DEFAULT_URL, stack.url)
    for person in people:  # Others may have taken these names in the same stack.
        text = re.sub(rf"\b{person}\b", f"{person}-{secrets.token_hex(4)}", text)
    shown = list(examples(text))
    assert len(shown) > 5
    printed = run([example.commands for example in shown], tmp_path)
    for example, output in zip(shown, printed, strict=True):
        assert re.fullmatch(pattern(example.output.rstrip()), output.rstrip()), (
            f"After\n{example.commands}\nthe page says\n{example.output}\nbut it is\n{output}"
        )
