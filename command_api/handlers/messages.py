"""Commands about messages: send, edit, delete."""

from __future__ import annotations

from command_api.directory import Accounts
from command_api.handlers.accepting import Answer, accept
from command_api.handlers.commands import DeleteMessage, EditMessage, SendMessage
from command_api.handlers.context import Context
from events.contracts.messages import MessageDeleted, MessageEdited, MessageSent
from runtime.ids import AccountId, conversation_of, new_message_id
from web.problems import InvalidFieldsError


def send_message(command: SendMessage, context: Context) -> Answer:
    """Queue a message; raises MessagingError where it is refused."""
    directory = context.tools.directory
    return accept(
        lambda: message_sent(command, context.actor, directory.find((command.to,))), context
    )


def edit_message(command: EditMessage, context: Context) -> Answer:
    """Queue an edit, which takes effect if the message is the actor's."""
    return accept(lambda: message_edited(command), context)


def delete_message(command: DeleteMessage, context: Context) -> Answer:
    """Queue a deletion, which takes effect if the message is the actor's to delete."""
    return accept(lambda: message_deleted(command), context)


def message_sent(command: SendMessage, sender: AccountId, accounts: Accounts) -> MessageSent:
    """Decide on `command`.

    Raises:
        RecipientUnknownError: Nobody has the name.
        InvalidFieldsError: The recipient is the sender.
    """
    recipient = accounts.of(command.to)
    if recipient == sender:
        raise InvalidFieldsError({"to": ["This is yourself: give another account's username."]})
    conversation = conversation_of(sender, recipient)
    return MessageSent(
        message_id=new_message_id(conversation),
        conversation_id=conversation,
        recipient_id=recipient,
        body=command.body,
        subject=command.subject,
    )


def message_edited(command: EditMessage) -> MessageEdited:
    """Decide on `command`: whose message it is, only the read model knows."""
    return MessageEdited(message_id=command.message_id, changes=command.changes)


def message_deleted(command: DeleteMessage) -> MessageDeleted:
    """Decide on `command`: whose message it is, only the read model knows."""
    return MessageDeleted(message_id=command.message_id, audience=command.audience)
