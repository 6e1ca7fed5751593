"""Every problem that a client can meet, in one table: what happened, and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType


@dataclass(frozen=True)
class Problem:
    """One type of problem (RFC 9457), explained at `/problems/<slug>`.

    Attributes:
        slug: The last part of its stable `type`.
        status: The HTTP status that goes with it.
        title: What happened in a few words, the same each time.
        explanation: What happened in a sentence; the `detail` where nothing more precise is known.
        mend: What the client can do about it.
    """

    slug: str
    status: int
    title: str
    explanation: str
    mend: str = ""


def _generic(status: HTTPStatus, explanation: str, mend: str, *, title: str = "") -> Problem:
    title = title or status.phrase.capitalize()
    return Problem(title.lower().replace(" ", "-"), status.value, title, explanation, mend)


# What HTTP itself can refuse, by NGINX or by a service. NGINX's pages use the same slugs.
_HTTP = (
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

_ALL_SERVICES = (
    Problem(
        "malformed-json",
        400,
        "Malformed JSON",
        "The body is no JSON text in UTF-8, gives a key twice, or is nested too deeply.",
        "Send one JSON object in UTF-8; NaN and Infinity are no JSON.",
    ),
    Problem(
        "malformed-query",
        400,
        "Malformed query",
        "The query part of the address is not percent-encoded UTF-8.",
        "Encode it as UTF-8, then percent-encode it.",
    ),
    Problem(
        "token-invalid",
        401,
        "Invalid access token",
        "The access token is malformed, expired, revoked, or not meant for this service.",
        "Get a new one from /auth/v1/token, or log in again.",
    ),
    Problem(
        "invalid-fields",
        422,
        "Invalid fields",
        "Some fields are missing, unknown, or have values that are not allowed.",
        "The member `errors` says for each field what is wrong with it.",
    ),
)

_AUTH = (
    Problem(
        "username-taken",
        409,
        "Username taken",
        "Another account has this username.",
        "Choose another; upper and lower case make no difference.",
    ),
    Problem(
        "email-taken",
        409,
        "E-mail address taken",
        "Another account has this e-mail address.",
        "Log in with that account, or give another address.",
    ),
    Problem(
        "login-failed",
        401,
        "Login failed",
        "No account has this username and password.",
        "Check both. Which of the two was wrong is not told.",
    ),
    Problem(
        "too-many-failures",
        429,
        "Too many failed logins",
        "Too many logins failed for this account or from this address.",
        "Wait as many seconds as the Retry-After header says.",
    ),
    Problem(
        "refresh-token-invalid",
        401,
        "Invalid refresh token",
        "The refresh cookie is missing, malformed, expired, or from elsewhere.",
        "Log in again.",
    ),
    Problem(
        "csrf-token-invalid",
        401,
        "Invalid CSRF token",
        "The X-CSRF-TOKEN header is missing or does not belong to the refresh cookie.",
        "Copy the value of the cookie csrf_refresh_token into the header X-CSRF-TOKEN.",
    ),
    Problem(
        "session-revoked",
        401,
        "Session ended",
        "This session has ended: by a logout, by its age, or because a refresh token was replayed.",
        "Log in again. If you did not log out, change the password.",
    ),
    Problem(
        "password-wrong",
        403,
        "Wrong password",
        "The current password is not this.",
        "Give the password with which you log in.",
    ),
)

_COMMANDS = (
    Problem(
        "recipient-unknown",
        404,
        "Recipient unknown",
        "No account has this username.",
        "Check the spelling; the account may have been deleted.",
    ),
    Problem(
        "idempotency-key-invalid",
        422,
        "Invalid idempotency key",
        "The Idempotency-Key header is empty, too long, or not visible ASCII.",
        "Use 1 to 255 characters, quoted or bare; a UUID does well.",
    ),
    Problem(
        "idempotency-key-reused",
        422,
        "Idempotency key reused",
        "This account has used the same Idempotency-Key for another command within 24 hours.",
        "Use a new key for a new command, the old key only to repeat the same one.",
    ),
    Problem(
        "rate-exceeded",
        429,
        "Command rate exceeded",
        "This account has sent more commands than it may in so short a time.",
        "Wait as many seconds as the Retry-After header says.",
    ),
    Problem(
        "queue-unavailable",
        503,
        "Event queue unavailable",
        "The event queue cannot take a command just now. Nothing was accepted.",
        "Send the same command again after as many seconds as the Retry-After header says.",
    ),
    Problem(
        "queue-full",
        503,
        "Event queue full",
        "More commands are waiting than the event queue may hold. Nothing was accepted.",
        "Send the same command again after as many seconds as the Retry-After header says.",
    ),
)

_QUERIES = (
    Problem(
        "consistency-token-invalid",
        400,
        "Invalid consistency token",
        "A consistency token is malformed, changed, or older than the present event queue.",
        "Send it exactly as a command's answer gave it, or leave it out.",
    ),
    Problem(
        "cursor-invalid",
        400,
        "Invalid cursor",
        "The cursor is malformed, changed, or from another list.",
        "Follow the links `next` and `prev` as they are; start without a cursor.",
    ),
    Problem(
        "last-event-id-invalid",
        400,
        "Invalid Last-Event-ID",
        "The Last-Event-ID is malformed, changed, or of another account.",
        "Send the last `id` that a stream of this account gave you, or leave the header out.",
    ),
    Problem(
        "too-many-streams",
        429,
        "Too many streams",
        "The account has as many streams open as it may.",
        "Close one, or try again after as many seconds as the Retry-After header says.",
    ),
    Problem(
        "streams-full",
        503,
        "Streams full",
        "The service has as many streams open as it can, or is being restarted.",
        "Try again after as many seconds as the Retry-After header says; read pages meanwhile.",
    ),
    Problem(
        "not-yet-visible",
        503,
        "Not yet visible",
        "What the consistency token stands for was not visible within the time to wait.",
        "Ask again after as many seconds as the Retry-After header says; nothing is lost.",
    ),
)

CATALOGUE: MappingProxyType[str, Problem] = MappingProxyType(
    {problem.slug: problem for problem in (*_HTTP, *_ALL_SERVICES, *_AUTH, *_COMMANDS, *_QUERIES)}
)
BY_STATUS: MappingProxyType[int, Problem] = MappingProxyType(
    {problem.status: problem for problem in _HTTP}
)
