"""The tables of the three schemas: identity, event_log and read_model."""

from database.models.base import Base
from database.models.event_log import (
    Canary,
    Checkpoint,
    DeadLetter,
    DeletedAccount,
    Fold,
    LoggedEvent,
    QueuedErasure,
    QueueEpoch,
)
from database.models.identity import Account, DirectoryRevision, Erasure, RefreshToken, Session
from database.models.read_model import AccountRevision, Conversation, ConversationMember, Message

__all__ = [
    "Account",
    "AccountRevision",
    "Base",
    "Canary",
    "Checkpoint",
    "Conversation",
    "ConversationMember",
    "DeadLetter",
    "DeletedAccount",
    "DirectoryRevision",
    "Erasure",
    "Fold",
    "LoggedEvent",
    "Message",
    "QueueEpoch",
    "QueuedErasure",
    "RefreshToken",
    "Session",
]
