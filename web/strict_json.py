"""Strict JSON: what a body may be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from web.problems import CATALOGUE, ProblemError
from web.storable import check_strings

DEEPEST = 32


class MalformedJsonError(ProblemError):
    """The body is no JSON text in UTF-8."""

    def __init__(self, detail: str) -> None:
        """Say in `detail` what is wrong and where."""
        super().__init__(CATALOGUE["malformed-json"], detail)


def parse(body: bytes, *, strings_checked: bool = True) -> Any:  # any JSON value
    """Return the JSON value that `body` is.

    Args:
        body: The bytes received.
        strings_checked: Whether one bad string makes all of it bad; where not, the caller
            gives `check_strings` the parts that are to be told apart.

    Raises:
        MalformedJsonError: It is no JSON in UTF-8, gives a key twice, or is nested too deeply.
        InvalidFieldsError: A string in it holds NUL or a lone surrogate.
    """
    if not body:
        raise MalformedJsonError("The body is empty: a JSON object is expected.")
    try:
        text = body.decode("utf-8")
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise MalformedJsonError(f"The body is not UTF-8 at byte {error.start}.") from error
    except json.JSONDecodeError as error:
        raise MalformedJsonError(
            f"No JSON at line {error.lineno}, column {error.colno}: {error.msg}."
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:  # An integer of thousands of digits.
        raise MalformedJsonError("A number has too many digits.") from error
    if text.count("[") + text.count("{") > DEEPEST:
        _check_depth(value)
    if strings_checked and "\\u" in text:
        check_strings(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise MalformedJsonError("An object gives the same key twice.")
    return made


def _no_constant(name: str) -> NoReturn:
    raise MalformedJsonError(f"{name} is no JSON.")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)


def _too_deep() -> MalformedJsonError:
    return MalformedJsonError(f"The body is nested more than {DEEPEST} levels deep.")


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _children(outer)]
        if not level:
            return
    if any(isinstance(inner, dict | list) for inner in level):
        raise _too_deep()


def _children(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
