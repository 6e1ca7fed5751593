"""The public keys by which anybody can verify access tokens."""

from __future__ import annotations

from flask import Response

from auth_api.schemas.sessions import JWKS, JwksSchema
from auth_api.services import current_services
from web.blueprints import ApiBlueprint
from web.guard import public
from web.responses import json_response

blueprint = ApiBlueprint("keys", __name__, description="Verifying access tokens.")


@blueprint.route("/.well-known/jwks.json", methods=["GET"])
@public
@blueprint.response(200, JwksSchema, example=JWKS)
def jwks() -> Response:
    """List the public keys by which access tokens are verified.

    Two are live while keys are rotated: the `kid` of a token names its own.
    """
    return json_response(current_services().keys.jwks())
