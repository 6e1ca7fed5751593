"""The record of the contracts: their JSON Schemas and golden files as they were released.

`scripts/contracts` calls `main`, which brings the record up to date where that is allowed.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from events.contracts import asyncapi
from events.contracts.schemas import FORMS, Form
from tests.unit.events.growth import broken
from tests.unit.events.samples import GOLDEN, ROOT

SCHEMAS = Path(__file__).parent / "contract_schemas"
SHA256 = Path(__file__).parent / "golden.sha256"
DOCUMENT = ROOT / "docs" / "asyncapi.json"


def recorded(form: Form) -> dict[str, Any] | None:
    """Return the JSON Schema that was released for `form`, None for a new one."""
    path = SCHEMAS / f"{form.name}.json"
    if not path.exists():
        return None
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def as_text(value: Any) -> str:
    """Return JSON as the record holds it."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def sums() -> dict[str, str]:
    """Return the recorded SHA-256 of each golden file, by its name."""
    lines = SHA256.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def digests() -> dict[str, str]:
    """Return the SHA-256 that each golden file has now, by its name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(GOLDEN.glob("*.json"))
    }


def faults() -> list[str]:
    """Return what no record may take in: changes that need a new version."""
    found = [
        f"{form.name}: {fault}"
        for form in FORMS
        if (before := recorded(form)) is not None
        for fault in broken(before, form.json_schema())
    ]
    known = {form.name for form in FORMS}
    found += [f"{path.stem} is gone" for path in SCHEMAS.glob("*.json") if path.stem not in known]
    now = digests()
    return found + [f"{name} was changed" for name, old in sums().items() if now.get(name) != old]


def main() -> int:
    """Record new contracts and grown ones; return 1 and change nothing where one is broken."""
    if found := faults():
        sys.stderr.write("\n".join([*found, "Make a new version: see docs/contracts.md.", ""]))
        return 1
    for form in FORMS:
        (SCHEMAS / f"{form.name}.json").write_text(as_text(form.json_schema()), encoding="utf-8")
    lines = [f"{digest}  {name}\n" for name, digest in digests().items()]
    SHA256.write_text("".join(lines), encoding="utf-8")
    DOCUMENT.write_text(as_text(asyncapi.document()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
