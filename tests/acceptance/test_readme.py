"""The commands and the Python of the README and of the API guide give what these pages say."""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import sys
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
_OUTPUT = r"```(?:\n\n```(?:json|text)\n(?P<output>.*?)```)?"
_COMMANDS = re.compile(rf"```bash\n(?P<commands>.*?){_OUTPUT}", re.DOTALL)
_PYTHON = re.compile(rf"```python\n(?P<commands>.*?){_OUTPUT}", re.DOTALL)
# What differs from run to run; `…` stands for what a page cut.
_VARIES = re.compile(
    r"(?P<cut>…)"
    r"|(?P<uuid>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)"
    r"|(?P<time>\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"
    r"|(?P<request>\b[0-9a-f]{32}\b)"
    r"|(?P<address>\b127\.0\.0\.1\b(?!:))"
)
_VARIANTS = {
    "cut": r"[^\s\"]*",
    "uuid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
    "request": r"[0-9a-f]{32}",
    # Whence a client comes; another service sees another address.
    "address": r"[0-9a-f.:]+",
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


def examples(blocks: re.Pattern[str], text: str) -> Iterator[Example]:
    for block in blocks.finditer(text):
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


def run_commands(commands: list[str], folder: Path) -> list[str]:
    script = "".join(f"{each}printf '{_END_OF_EXAMPLE}'\n" for each in commands)
    return run(["bash", "-euo", "pipefail", "-c", script], folder)


def run_python(programs: list[str], folder: Path) -> list[str]:
    script = "".join(f"{each}print({_END_OF_EXAMPLE!r}, end='')\n" for each in programs)
    return run([sys.executable, "-c", script], folder)


def run(arguments: list[str], folder: Path) -> list[str]:
    done = subprocess.run(
        arguments,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout.replace("\r", "").split(_END_OF_EXAMPLE)[:-1]


def compare(shown: list[Example], printed: list[str]) -> None:
    assert len(shown) > 5
    for example, output in zip(shown, printed, strict=True):
        assert re.fullmatch(pattern(example.output.rstrip()), output.rstrip()), (
            f"After\n{example.commands}\nthe page says\n{example.output}\nbut it is\n{output}"
        )


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
    shown = list(examples(_COMMANDS, text))
    compare(shown, run_commands([example.commands for example in shown], tmp_path))


def test_the_guide_says_what_its_python_prints(stack: Stack, tmp_path: Path) -> None:
    text = section("docs/api.md", None).replace(_DEFAULT_URL, stack.url)
    for person in ("paul", "quinn", "rosa"):
        # The underscore makes a name of it for Python too: variables are called like people.
        text = re.sub(rf"\b{person}\b", f"{person}_{secrets.token_hex(4)}", text)
    shown = list(examples(_PYTHON, text))
    compare(shown, run_python([example.commands for example in shown], tmp_path))
