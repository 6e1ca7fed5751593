"""The package stands alone, carries its types, and names the version that it is part of."""

from __future__ import annotations

import ast
import configparser
import sys
from pathlib import Path

import pytest

import messaging_client

pytestmark = pytest.mark.unit

_ROOT = Path(__file__).parents[3]
_PACKAGE = _ROOT / "messaging_client"


def _imported(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


def test_it_needs_httpx_alone() -> None:
    imported = {name for module in _PACKAGE.glob("*.py") for name in _imported(module)}
    assert imported - sys.stdlib_module_names == {"httpx", "messaging_client"}


def test_it_has_the_projects_version_and_ships_its_types() -> None:
    settings = configparser.ConfigParser()
    settings.read(_ROOT / "setup.cfg")
    assert settings["metadata"]["version"] == messaging_client.VERSION
    assert settings["options.package_data"]["messaging_client"] == "py.typed"
    assert (_PACKAGE / "py.typed").exists()


def test_everything_that_is_exported_is_there_and_explained() -> None:
    for name in messaging_client.__all__:
        found = getattr(messaging_client, name)
        if isinstance(found, type):
            assert found.__doc__, name
