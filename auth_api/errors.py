"""What auth_api can refuse, and the problem that stands for it."""

from __future__ import annotations

from collections.abc import Mapping

from runtime.errors import MessagingError
from web.problems import CATALOGUE, Problem


class UsernameTakenError(MessagingError):
    """Another account has this username."""


class EmailTakenError(MessagingError):
    """Another account has this e-mail address."""


class LoginFailedError(MessagingError):
    """No account has this username and password."""


class TooManyFailuresError(MessagingError):
    """Too many logins failed for this account or from this address."""

    def __init__(self, retry_after: int) -> None:
        """Tell after how many seconds another try is worth it."""
        super().__init__()
        self.retry_after = retry_after


class RefreshTokenInvalidError(MessagingError):
    """The refresh cookie is missing, malformed, expired, or from elsewhere."""


class CsrfTokenInvalidError(MessagingError):
    """The X-CSRF-TOKEN header is missing or does not belong to the refresh cookie."""


class SessionRevokedError(MessagingError):
    """This session has ended: by a logout, by its age, or because a refresh token was replayed."""


class SessionUnknownError(MessagingError):
    """There is no such session, or it is not yours."""


class PasswordWrongError(MessagingError):
    """The current password is not this."""


STATUSES: Mapping[type[MessagingError], Problem] = {
    UsernameTakenError: CATALOGUE["username-taken"],
    EmailTakenError: CATALOGUE["email-taken"],
    LoginFailedError: CATALOGUE["login-failed"],
    TooManyFailuresError: CATALOGUE["too-many-failures"],
    RefreshTokenInvalidError: CATALOGUE["refresh-token-invalid"],
    CsrfTokenInvalidError: CATALOGUE["csrf-token-invalid"],
    SessionRevokedError: CATALOGUE["session-revoked"],
    SessionUnknownError: CATALOGUE["not-found"],
    PasswordWrongError: CATALOGUE["password-wrong"],
}
