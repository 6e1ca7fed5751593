"""What our services refuse beyond that, each in a group of its own."""

from __future__ import annotations

from web.catalogue.problem import Problem

ALL_SERVICES = (
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

AUTH = (
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

COMMANDS = (
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

QUERIES = (
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
        "The account, or the address, has as many streams open as it may.",
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
