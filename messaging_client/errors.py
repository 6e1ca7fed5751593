"""What can go wrong, as one family: `MessagingError` catches all of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import httpx


class MessagingError(Exception):
    """The messaging service could not do what was asked.

    Attributes:
        request_id: The `X-Request-ID` of the request, for the operator; "" if nothing was sent.
        asked: Method and path of the request; "" if nothing was sent.
        reason: What happened, in words without secrets.
        tried_before: Whether an earlier attempt of the same call failed without an answer that
            says what became of it, so that it may have had its effect.
    """

    request_id = ""
    tried_before = False

    def __init__(self, reason: str, *, asked: str = "") -> None:
        """Say what happened, and to which request."""
        self.reason = reason
        self.asked = asked
        super().__init__(f"{asked}: {reason}" if asked else reason)


class NotLoggedInError(MessagingError):
    """There is no session: call `login` first."""


class ConnectionFailedError(MessagingError):
    """No answer came, for as long as the client's `Retries` allow; the cause is the last failure.

    A command may have arrived all the same. Give it again with the same key: it acts once.
    """


class UnexpectedAnswerError(MessagingError):
    """An answer is not what the contract says: something else answers at this address."""


class ProblemError(MessagingError):
    """The service answered with a problem (RFC 9457); subclasses name those often met.

    Attributes:
        slug: The last part of `type`, such as `recipient-unknown`.
        type: The problem's stable path, which is also a page that explains it.
        title: What happened, in a few words.
        status: The HTTP status.
        detail: What happened, in a sentence.
        errors: For each field at fault what is wrong with it.
        retry_after: The seconds to wait before another try, if the answer says so.
    """

    def __init__(
        self,
        problem: Mapping[str, Any],
        *,
        status: int,
        asked: str = "",
        retry_after: float | None = None,
    ) -> None:
        """Tell what the document `problem` says, which may lack any member."""
        self.type = str(problem.get("type", "about:blank"))
        self.slug = self.type.rpartition("/")[2]
        self.status = status
        self.title = str(problem.get("title", ""))
        self.detail = str(problem.get("detail", "")) or self.title or f"HTTP status {status}"
        self.errors = _field_errors(problem.get("errors"))
        self.retry_after = retry_after
        self.request_id = str(problem.get("request_id", ""))
        fields = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in self.errors.items())
        reason = f"{status} {self.detail}" + (f" ({fields})" if fields else "")
        super().__init__(reason, asked=asked)


class BadRequestError(ProblemError):
    """The request is not well-formed (400)."""


class ConsistencyTokenInvalidError(BadRequestError):
    """A consistency token was changed, or is from an event queue that was lost since."""


class UnauthorizedError(ProblemError):
    """The session has ended, or a password is wrong (401): log in again."""


class LoginFailedError(UnauthorizedError):
    """No account has this username and password."""


class SessionRevokedError(UnauthorizedError):
    """The session has ended: by a logout, by its age, or because a refresh token was replayed."""


class PasswordWrongError(ProblemError):
    """The current password is not this (403)."""


class NotFoundError(ProblemError):
    """There is no such object, or none that this account may see (404)."""


class RecipientUnknownError(NotFoundError):
    """No account has this username."""


class ConflictError(ProblemError):
    """The request contradicts what is there (409)."""


class UsernameTakenError(ConflictError):
    """Another account has this username."""


class EmailTakenError(ConflictError):
    """Another account has this e-mail address."""


class InvalidFieldsError(ProblemError):
    """Fields are missing, unknown, or have values that are not allowed (422); see `errors`."""


class IdempotencyKeyReusedError(InvalidFieldsError):
    """The key was used for another command within 24 hours."""


class RateLimitedError(ProblemError):
    """Too many requests, for longer than the client's `Retries` wait (429)."""


class TooManyFailuresError(RateLimitedError):
    """Too many logins failed for this account or from this address; `retry_after` says how long."""


class ServerError(ProblemError):
    """The service failed or is away, for longer than the client's `Retries` wait (5xx)."""


class ServiceUnavailableError(ServerError):
    """A part that this needs cannot be reached just now (503)."""


class NotYetVisibleError(ServiceUnavailableError):
    """What a consistency token stands for did not become visible in time; nothing is lost."""


_BY_STATUS: Mapping[int, type[ProblemError]] = MappingProxyType(
    {
        400: BadRequestError,
        401: UnauthorizedError,
        404: NotFoundError,
        409: ConflictError,
        422: InvalidFieldsError,
        429: RateLimitedError,
        503: ServiceUnavailableError,
    }
)
_BY_SLUG: Mapping[str, type[ProblemError]] = MappingProxyType(
    {
        "consistency-token-invalid": ConsistencyTokenInvalidError,
        "login-failed": LoginFailedError,
        "session-revoked": SessionRevokedError,
        "refresh-token-invalid": SessionRevokedError,
        "password-wrong": PasswordWrongError,
        "recipient-unknown": RecipientUnknownError,
        "username-taken": UsernameTakenError,
        "email-taken": EmailTakenError,
        "idempotency-key-reused": IdempotencyKeyReusedError,
        "too-many-failures": TooManyFailuresError,
        "not-yet-visible": NotYetVisibleError,
    }
)


def problem_of(answer: httpx.Response) -> ProblemError:
    """Return the error that a refusing answer stands for, whoever gave it."""
    error = problem_error(
        _document(answer),
        status=answer.status_code,
        asked=f"{answer.request.method} {answer.request.url.path}",
        retry_after=_retry_after(answer),
    )
    error.request_id = error.request_id or answer.headers.get("X-Request-ID", "")
    return error


def problem_error(
    problem: Mapping[str, Any],
    *,
    status: int,
    asked: str = "",
    retry_after: float | None = None,
) -> ProblemError:
    """Return the error of the class that suits the problem document."""
    slug = str(problem.get("type", "")).rpartition("/")[2]
    by_status = _BY_STATUS.get(status, ServerError if status >= 500 else ProblemError)
    return _BY_SLUG.get(slug, by_status)(
        problem, status=status, asked=asked, retry_after=retry_after
    )


def _document(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        document = json.loads(answer.content)
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {"title": answer.reason_phrase}


def _field_errors(errors: object) -> Mapping[str, Sequence[str]]:
    if not isinstance(errors, dict):
        return MappingProxyType({})
    texts = {
        str(name): tuple(map(str, told)) if isinstance(told, list) else (str(told),)
        for name, told in errors.items()
    }
    return MappingProxyType(texts)


def _retry_after(answer: httpx.Response) -> float | None:
    """Return the seconds that the answer says to wait; dates, which the service never sends, no."""
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdecimal() else None
