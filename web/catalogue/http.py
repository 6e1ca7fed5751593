"""What HTTP itself can refuse, by NGINX or by a service."""

from __future__ import annotations

from http import HTTPStatus

from web.catalogue.problem import Problem


def _generic(status: HTTPStatus, explanation: str, mend: str, *, title: str = "") -> Problem:
    title = title or status.phrase.capitalize()
    return Problem(title.lower().replace(" ", "-"), status.value, title, explanation, mend)


# NGINX's pages use the same slugs.
HTTP = (
    _generic(
        HTTPStatus.BAD_REQUEST,
        "The request is not well-formed.",
        "Compare it with the OpenAPI document of the service.",
    ),
    _generic(
        HTTPStatus.UNAUTHORIZED,
        "This needs an access token, and the request has none.",
        "Log in at /auth/v1/login and send the token in an Authorization header: Bearer <token>.",
    ),
    _generic(
        HTTPStatus.FORBIDDEN,
        "This is not allowed to anybody here.",
        "Use one of the paths named on the start page.",
    ),
    _generic(
        HTTPStatus.NOT_FOUND,
        "There is nothing here, or nothing that you may see.",
        "Check the path and the id. What belongs to others looks as if it did not exist.",
    ),
    _generic(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "This path does not know the request's method.",
        "Use one of the methods that the Allow header names.",
    ),
    _generic(
        HTTPStatus.NOT_ACCEPTABLE,
        "The Accept header excludes every form in which this can be answered.",
        "Accept application/json, or leave the header out.",
    ),
    _generic(
        HTTPStatus.REQUEST_TIMEOUT,
        "The request did not arrive in time.",
        "Send it again; check the connection if that repeats.",
    ),
    _generic(
        HTTPStatus.CONFLICT,
        "The request contradicts what is there.",
        "Read the present state and decide anew.",
    ),
    _generic(
        HTTPStatus.LENGTH_REQUIRED,
        "The request does not say how long its body is.",
        "Send a Content-Length header.",
    ),
    _generic(
        HTTPStatus.PRECONDITION_FAILED,
        "A condition in the request's header does not hold.",
        "Leave out If-Match and If-Unmodified-Since, or read the present state first.",
    ),
    _generic(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "The request's body is over the limit: 128 KiB, for a batch 1 MiB.",
        "Send less at once, or several batches.",
        title="Content too large",
    ),
    _generic(
        HTTPStatus.REQUEST_URI_TOO_LONG,
        "The request's address is too long.",
        "Shorten the query.",
        title="URI too long",
    ),
    _generic(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "The request's body is not in a form that is understood here.",
        "Send JSON in UTF-8, uncompressed, with Content-Type: application/json.",
    ),
    _generic(
        HTTPStatus.EXPECTATION_FAILED,
        "The request's Expect header cannot be met.",
        "Leave the header out.",
    ),
    _generic(
        HTTPStatus.MISDIRECTED_REQUEST,
        "The request reached a server that does not answer for its host.",
        "Use the service's public address.",
    ),
    _generic(
        HTTPStatus.TOO_MANY_REQUESTS,
        "Too many requests in too short a time.",
        "Wait as many seconds as the Retry-After header says.",
    ),
    _generic(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "The request's header is too large.",
        "Send fewer or shorter header lines.",
    ),
    _generic(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Something went wrong on our side. It was recorded under the request id.",
        "Try again; if it repeats, give the operator the request id.",
    ),
    _generic(
        HTTPStatus.NOT_IMPLEMENTED,
        "The server does not know this method or encoding.",
        "Use what the OpenAPI document names.",
    ),
    _generic(
        HTTPStatus.BAD_GATEWAY,
        "A service behind the gateway did not answer properly.",
        "Try again shortly; reads are safe to repeat, commands with an Idempotency-Key are too.",
    ),
    _generic(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "A part that this needs cannot be reached just now.",
        "Try again after as many seconds as the Retry-After header says.",
    ),
    _generic(
        HTTPStatus.GATEWAY_TIMEOUT,
        "A service behind the gateway did not answer in time.",
        "Try again shortly; reads are safe to repeat, commands with an Idempotency-Key are too.",
    ),
    _generic(
        HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
        "The request uses a version of HTTP that is not spoken here.",
        "Use HTTP/1.1 or HTTP/2.",
        title="HTTP version not supported",
    ),
)
