"""Accounts as clients write and see them."""

from __future__ import annotations

import re
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from auth_api.passwords import OWN_NAME, is_own_name
from auth_api.schemas.passwords import NewPasswordField, PasswordField
from web.strict_schemas import StrictSchema, Text, UsernameField

_LONGEST_EMAIL = 254
_BROKEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")
# The same for readers of the OpenAPI document, whose patterns are those of JavaScript.
_UNBROKEN = {"pattern": r"^[^\s\x00-\x1f\x7f-\x9f]*$"}


def _unbroken(address: str) -> None:
    if _BROKEN.search(address):
        raise ma.ValidationError("Not a valid email address.")


class EmailField(Text):
    """An e-mail address of at most 254 characters, without blanks and controls."""

    def __init__(self, **kwargs: Any) -> None:
        """Take no bounds of its own."""
        super().__init__(
            least=3,
            most=_LONGEST_EMAIL,
            validate=[_unbroken, validate.Email()],
            metadata={"format": "email", **_UNBROKEN, **kwargs.pop("metadata", {})},
            **kwargs,
        )


class RegisterSchema(StrictSchema):
    """What it takes to create an account."""

    username = UsernameField(required=True, metadata={"examples": ["alice"]})
    email = EmailField(required=True, metadata={"examples": ["alice@example.org"]})
    password = NewPasswordField(required=True, metadata={"examples": ["correct horse battery"]})

    @ma.validates_schema
    def _not_a_copy(self, data: dict[str, str], **_kwargs: object) -> None:
        if is_own_name(data["password"], data["username"], data["email"]):
            raise ma.ValidationError(OWN_NAME, field_name="password")


class PasswordChangeSchema(StrictSchema):
    """What it takes to change a password."""

    current_password = PasswordField(required=True)
    new_password = NewPasswordField(required=True)


class DeletionSchema(StrictSchema):
    """What it takes to delete one's account."""

    password = PasswordField(required=True)


class DeletionAcceptedSchema(ma.Schema):
    """An account deleted: what it wrote will be erased."""

    event_id = fields.UUID(
        required=True,
        metadata={"description": "Names the erasure; for operators, since nobody else may ask."},
    )
    status = fields.String(required=True, metadata={"enum": ["accepted"]})
    accepted_at = fields.String(required=True, metadata={"format": "date-time"})


class AccountSchema(ma.Schema):
    """An account as its owner sees it."""

    id = fields.UUID(required=True)
    username = fields.String(
        required=True,
        metadata={"minLength": 1, "maxLength": 64, "description": "In its prepared form."},
    )
    email = fields.String(required=True, metadata={"format": "email", "maxLength": _LONGEST_EMAIL})
    created_at = fields.String(required=True, metadata={"format": "date-time"})


REGISTRATION: dict[str, Any] = {
    "username": "alice",
    "email": "alice@example.org",
    "password": "correct horse battery",
}
ACCOUNT: dict[str, Any] = {
    "id": "0197f9d1-8c3e-7c02-b1a4-5b0f6d3f2a10",
    "username": "alice",
    "email": "alice@example.org",
    "created_at": "2026-01-31T10:15:42.123456Z",
}
DELETION: dict[str, Any] = {"password": "correct horse battery"}
DELETION_ACCEPTED: dict[str, Any] = {
    "event_id": "0197f9d1-8c3e-7c02-b1a4-5b0f6d3f2a12",
    "status": "accepted",
    "accepted_at": "2026-01-31T10:15:42.123456Z",
}
PASSWORD_CHANGE: dict[str, Any] = {
    "current_password": "correct horse battery",
    "new_password": "a staple is a good thing",
}
