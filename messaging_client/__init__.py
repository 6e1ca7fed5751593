"""A typed client of the messaging service, on httpx; it imports nothing else of this repository.

with MessagingClient("http://127.0.0.1:8080") as client:
    client.login("ada", "correct horse")
    client.send_message("ben", "The train leaves at 18:04.")
    print(client.last_message("ben", from_any=True).body)
"""

from messaging_client.client import MessagingClient
from messaging_client.commands import (
    UNSET,
    Command,
    DeleteMessage,
    EditMessage,
    ReadConversation,
    SendMessage,
)
from messaging_client.consistency import MOST_TOKENS, Freshness
from messaging_client.errors import (
    BadRequestError,
    ConflictError,
    ConnectionFailedError,
    ConsistencyTokenInvalidError,
    EmailTakenError,
    IdempotencyKeyReusedError,
    InvalidFieldsError,
    LoginFailedError,
    MessagingError,
    NotFoundError,
    NotLoggedInError,
    NotYetVisibleError,
    PasswordWrongError,
    ProblemError,
    RateLimitedError,
    RecipientUnknownError,
    ServerError,
    ServiceUnavailableError,
    SessionRevokedError,
    TooManyFailuresError,
    UnauthorizedError,
    UnexpectedAnswerError,
    UsernameTakenError,
)
from messaging_client.models import (
    Account,
    Conversation,
    Deletion,
    Event,
    Message,
    SessionInfo,
    Unread,
    UnreadConversation,
)
from messaging_client.paging import Page, Pages
from messaging_client.receipts import MessageReceipt, Receipt
from messaging_client.retries import NO_RETRIES, Retries, Retry, Trouble, trouble_of
from messaging_client.stream import MessageUpdate, ReadUpdate, Stream, Update
from messaging_client.transport import VERSION, http_client

__all__ = [
    "MOST_TOKENS",
    "NO_RETRIES",
    "UNSET",
    "VERSION",
    "Account",
    "BadRequestError",
    "Command",
    "ConflictError",
    "ConnectionFailedError",
    "ConsistencyTokenInvalidError",
    "Conversation",
    "DeleteMessage",
    "Deletion",
    "EditMessage",
    "EmailTakenError",
    "Event",
    "Freshness",
    "IdempotencyKeyReusedError",
    "InvalidFieldsError",
    "LoginFailedError",
    "Message",
    "MessageReceipt",
    "MessageUpdate",
    "MessagingClient",
    "MessagingError",
    "NotFoundError",
    "NotLoggedInError",
    "NotYetVisibleError",
    "Page",
    "Pages",
    "PasswordWrongError",
    "ProblemError",
    "RateLimitedError",
    "ReadConversation",
    "ReadUpdate",
    "Receipt",
    "RecipientUnknownError",
    "Retries",
    "Retry",
    "SendMessage",
    "ServerError",
    "ServiceUnavailableError",
    "SessionInfo",
    "SessionRevokedError",
    "Stream",
    "TooManyFailuresError",
    "Trouble",
    "UnauthorizedError",
    "UnexpectedAnswerError",
    "Unread",
    "UnreadConversation",
    "Update",
    "UsernameTakenError",
    "http_client",
    "trouble_of",
]
