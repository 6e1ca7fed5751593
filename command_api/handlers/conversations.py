"""Commands about conversations: read."""

from __future__ import annotations

from command_api.directory import Accounts
from command_api.handlers.accepting import Answer, accept
from command_api.handlers.commands import ReadConversation
from command_api.handlers.context import Context
from events.contracts.conversations import ConversationRead
from runtime.ids import AccountId, conversation_of
from web.problems import InvalidFieldsError


def read_conversation(command: ReadConversation, context: Context) -> Answer:
    """Queue a new read position; raises MessagingError where it is refused."""
    directory = context.tools.directory
    return accept(
        lambda: conversation_read(command, context.actor, directory.find((command.username,))),
        context,
    )


def conversation_read(
    command: ReadConversation, reader: AccountId, accounts: Accounts
) -> ConversationRead:
    """Decide on `command`.

    Raises:
        RecipientUnknownError: Nobody has the name.
        InvalidFieldsError: The conversation would be with oneself.
    """
    peer = accounts.of(command.username)
    if peer == reader:
        raise InvalidFieldsError({"username": ["This is yourself: give the other's username."]})
    return ConversationRead(
        conversation_id=conversation_of(reader, peer), peer_id=peer, up_to=command.up_to
    )
