"""What the code can raise, what the catalogue explains and what the documents name are one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.documents import operations
from web.catalogue import CATALOGUE

pytestmark = pytest.mark.unit

_RAISED = re.compile(r'CATALOGUE\["([a-z-]+)"\]')
_TYPES = re.compile(r"/problems/([a-z]+(?:-[a-z]+)*)")
_ROOT = Path(__file__).parents[2]


def test_what_the_code_can_raise_is_what_the_catalogue_explains() -> None:
    sources = [
        path.read_text(encoding="utf-8")
        for room in ("auth_api", "command_api", "query_api", "web")
        for path in (_ROOT / room).rglob("*.py")
    ]
    gateway = (_ROOT / "ops/nginx/problems.conf").read_text(encoding="utf-8")
    raised = {slug for source in sources for slug in _RAISED.findall(source)}
    answered = {slug for slug in _TYPES.findall(gateway) if slug != "slug"}
    assert raised | answered <= set(CATALOGUE)
    documented = {slug for one in operations() for slug in _TYPES.findall(str(one[4]))}
    # Nobody calls the documents' own paths with these: they are the gateway's for other paths.
    elsewhere = {"forbidden", "misdirected-request", "length-required", "precondition-failed"}
    assert raised | answered <= documented | elsewhere
    assert documented <= set(CATALOGUE)
