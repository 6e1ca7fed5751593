"""The 202 bodies, for the OpenAPI document."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields


class AcceptedSchema(ma.Schema):
    """A command accepted: its event is on disk and will be dealt with."""

    event_id = fields.UUID(
        required=True, metadata={"description": "Its status: /query/v1/events/{event_id}."}
    )
    message_id = fields.UUID(
        metadata={"description": "The message; left out where the command is not about one."}
    )
    status = fields.String(required=True, metadata={"enum": ["accepted"]})
    accepted_at = fields.DateTime(
        required=True,
        metadata={
            "description": "RFC 3339, UTC, microseconds.",
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$",
        },
    )
    consistency_token = fields.String(
        required=True,
        metadata={
            "description": "Opaque. A query that carries it shows the command's effect.",
            "pattern": "^[A-Za-z0-9_-]{100}$",
        },
    )


class BatchAcceptedSchema(ma.Schema):
    """What became of each command of a batch, in order."""

    results = fields.List(
        fields.Raw(
            metadata={
                "oneOf": [
                    {"$ref": "#/components/schemas/Accepted"},
                    {"$ref": "#/components/schemas/Problem"},
                ]
            }
        ),
        required=True,
    )
