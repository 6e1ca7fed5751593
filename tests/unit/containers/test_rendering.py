"""Templates come out the same in a container, where a shell renders them, as in the local stack."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from local_stack import templates

TEMPLATES = sorted(
    str(path.relative_to(templates.OPS))
    for path in templates.OPS.rglob("*")
    if path.suffix in {".conf", ".acl", ".html"}
)


def rendered(name: str, values: dict[str, str]) -> subprocess.CompletedProcess[str]:
    script = f". {templates.OPS / 'containers/render.sh'}; render {templates.OPS / name}"
    return subprocess.run(
        ["sh", "-euc", script],
        env={"PATH": os.environ["PATH"], **values},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_rendered_as_python_does_it(name: str) -> None:
    text = (templates.OPS / name).read_text(encoding="utf-8")
    places = re.findall(r"\$\{([A-Z][A-Z0-9_]*)\}", text)
    # What awk would take for something else in a replacement.
    values = {place: rf"& \1 \\ 'a' {place} ${{NOT_ONE}} $x" for place in places}
    done = rendered(name, values)
    assert done.returncode == 0, done.stderr
    assert done.stdout == templates.render(name, values)


def test_a_name_without_a_value_is_an_error() -> None:
    done = rendered("postgres/pg_hba.conf", {})
    assert done.returncode != 0
    assert "NETWORK has no value" in done.stderr
