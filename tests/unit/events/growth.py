"""What may change in a contract without a new version: an optional field with a default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

# These say nothing about what is valid.
_REMARKS = {"title", "description", "examples", "deprecated", "$comment"}
_STRUCTURE = {"properties", "required"}


def broken(before: Schema, now: Schema, where: str = "payload") -> Iterator[str]:
    """Yield in what `now` is no growth of `before`, so that it needs a new version.

    Tightening breaks the reading of what is in the log, loosening breaks who reads by the old
    schema: all that was there must be as it was.
    """
    for keyword in sorted((before.keys() | now.keys()) - _REMARKS - _STRUCTURE):
        if before.get(keyword) != now.get(keyword):
            yield f"{where}: {keyword} was {before.get(keyword)!r}, is {now.get(keyword)!r}"
    was, is_ = before.get("properties", {}), now.get("properties", {})
    for name in sorted(was.keys() - is_.keys()):
        yield f"{where}.{name} is gone"
    for name in sorted(was.keys() & is_.keys()):
        yield from broken(was[name], is_[name], f"{where}.{name}")
    needed, needs = set(before.get("required", ())), set(now.get("required", ()))
    for name in sorted(needed - needs):
        yield f"{where}.{name} is not required any more"
    for name in sorted((needs - needed) & was.keys()):
        yield f"{where}.{name} is required now"
    for name in sorted(is_.keys() - was.keys()):
        yield from _broken_addition(before, name, is_[name], name in needs, where)


def _broken_addition(
    before: Schema, name: str, added: Schema, is_required: bool, where: str
) -> Iterator[str]:
    if is_required:
        yield f"{where}.{name} is new and required"
    elif "default" not in added:
        yield f"{where}.{name} is new and has no default"
    if before.get("additionalProperties") is False:
        yield f"{where}.{name} is new where no other fields were allowed"
