"""The public keys by which anybody can verify access tokens."""

from __future__ import annotations

from flask import Response

from auth_api.schemas.sessions import JwksSchema
from auth_api.services import current_services
from web.blueprints import ApiBlueprint
from web.guard import public
from web.responses import json_response

blueprint = ApiBlueprint("keys", __name__, description="Verifying access tokens.")


@blueprint.route("/.well-known/jwks.json", methods=["GET"])
@public
@blueprint.response(200, JwksSchema)
def jwks() -> Response:
    """List the public keys; two are live while keys are rotated."""
    return json_response(
        current_services().keys.jwks(), headers={"Cache-Control": "public, max-age=60"}
    )
