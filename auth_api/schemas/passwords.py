"""Passwords as clients write them: in Unicode's form C before anything is counted."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from auth_api.passwords import LONGEST, SHORTEST, is_common, normalised
from web.strict_schemas import Text


class PasswordField(Text):
    """A password that is given to be checked, loaded in Unicode's form C."""

    def __init__(self, *, least: int = 1, **kwargs: Any) -> None:  # field options
        """Take `least` characters, and as many at most as a password can have."""
        super().__init__(
            least=least,
            most=LONGEST,
            load_only=True,
            metadata={"format": "password", **kwargs.pop("metadata", {})},
            **kwargs,
        )

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        return normalised(super()._deserialize(value))


def _uncommon(password: str) -> None:
    if is_common(password):
        raise ma.ValidationError("Too common: it is among the first that are guessed.")


class NewPasswordField(PasswordField):
    """A password that is being chosen."""

    def __init__(self, **kwargs: Any) -> None:  # field options
        """Take no bounds of its own."""
        super().__init__(least=SHORTEST, validate=_uncommon, **kwargs)
