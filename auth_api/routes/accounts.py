"""Creating an account, seeing and deleting one's own, changing its password."""

from __future__ import annotations

from flask import Response, request

from auth_api.accounts import Account
from auth_api.cookies import COOKIES_DOCUMENT, clear_cookies
from auth_api.schemas import accounts as schemas
from auth_api.schemas.accounts import (
    AccountSchema,
    DeletionAcceptedSchema,
    DeletionSchema,
    PasswordChangeSchema,
    RegisterSchema,
)
from auth_api.services import current_services
from runtime.clock import rfc3339
from web.blueprints import ApiBlueprint
from web.documents import LOCATION
from web.guard import TokenInvalidError, current_identity, public
from web.links import link
from web.request_ids import current_request_id
from web.responses import json_response, no_content

_LOCATION = {
    "Location": {**LOCATION, "description": "Where the account is shown.", "example": "/auth/v1/me"}
}
blueprint = ApiBlueprint("accounts", __name__, description="Creating and seeing accounts.")


@blueprint.route("/register", methods=["POST"])
@public
@blueprint.arguments(RegisterSchema, example=schemas.REGISTRATION)
@blueprint.response(
    201, AccountSchema, description="Created.", example=schemas.ACCOUNT, headers=_LOCATION
)
@blueprint.links(
    201,
    login=link(
        "login",
        "Log in with the same name and password.",
        body={
            "username": "{$request.body#/username}",
            "password": "{$request.body#/password}",
        },
    ),
)
@blueprint.problems("username-taken", "email-taken", "too-many-requests")
def register(body: dict[str, str]) -> Response:
    """Create an account.

    The answer gives the username in its prepared form. It does not log in.
    """
    services = current_services()
    account = services.accounts.create(
        username=body["username"],
        email=body["email"],
        password_hash=services.passwords.hash(body["password"]),
    )
    return json_response(_shown(account), 201, {"Location": "/auth/v1/me"})


@blueprint.route("/me", methods=["GET"])
@blueprint.response(200, AccountSchema, example=schemas.ACCOUNT)
@blueprint.problems("too-many-requests")
def me() -> Response:
    """Show the account that the access token belongs to.

    Nobody else can see its e-mail address.
    """
    account = current_services().accounts.get(current_identity().account_id)
    if account is None:
        raise TokenInvalidError("The account does not exist any more.")
    return json_response(_shown(account))


@blueprint.route("/me", methods=["DELETE"])
@blueprint.arguments(DeletionSchema, example=schemas.DELETION)
@blueprint.response(
    202,
    DeletionAcceptedSchema,
    description="Deleted; what it wrote is being erased.",
    example=schemas.DELETION_ACCEPTED,
    headers=COOKIES_DOCUMENT,
)
@blueprint.problems("password-wrong", "too-many-failures", "too-many-requests")
def delete_me(body: dict[str, str]) -> Response:
    """Delete the account.

    It is gone at once: nobody can log in or write to it, and its sessions end. All that it wrote
    is erased soon after; its peers keep tombstones. Then its username and its e-mail address are
    free again. This cannot be undone.
    """
    deletion = current_services().deletions.delete(
        current_identity(),
        body["password"],
        address=request.remote_addr or "",
        request_id=current_request_id(),
    )
    response = json_response(
        {
            "event_id": deletion.event_id,
            "status": "accepted",
            "accepted_at": rfc3339(deletion.accepted_at),
        },
        202,
    )
    clear_cookies(response)
    return response


@blueprint.route("/password", methods=["POST"])
@blueprint.arguments(PasswordChangeSchema, example=schemas.PASSWORD_CHANGE)
@blueprint.response(204, description="Changed.")
@blueprint.problems("password-wrong", "too-many-failures", "too-many-requests")
def change_password(body: dict[str, str]) -> Response:
    """Change the password.

    That ends every other session of the account; this one goes on.
    """
    current_services().password_changes.change(
        current_identity(),
        current=body["current_password"],
        new=body["new_password"],
        address=request.remote_addr or "",
    )
    return no_content()


def _shown(account: Account) -> dict[str, object]:
    return {
        "id": account.id,
        "username": account.username,
        "email": account.email,
        "created_at": rfc3339(account.created_at),
    }
