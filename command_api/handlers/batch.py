"""Many commands in one request: a bad one is refused for itself, the rest go in by one append."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from command_api.directory import Accounts
from command_api.handlers.accepting import Answer, append, recall
from command_api.handlers.commands import (
    Command,
    DeleteMessage,
    EditMessage,
    ReadConversation,
    SendMessage,
)
from command_api.handlers.context import Context
from command_api.handlers.conversations import conversation_read
from command_api.handlers.messages import message_deleted, message_edited, message_sent
from command_api.handlers.receipts import Refused
from events.contracts.base import Event
from runtime.errors import MessagingError, UnavailableError
from runtime.ids import AccountId

# Turns an error into the members of its problem.
Describe = Callable[[MessagingError], Mapping[str, object]]


def accept_batch(
    commands: Sequence[Command | MessagingError], context: Context, *, describe: Describe
) -> Answer:
    """Append the events of the commands that can be accepted, all or none.

    Args:
        commands: The commands, or why one cannot be read, in order.
        context: The circumstances of the request.
        describe: Makes the problem of a command that is refused.

    Raises:
        MessagingError: The queue refused, or the batch has a key and one of its commands cannot be
            decided just now; nothing was accepted.
    """
    accounts = context.tools.directory.find(set(_names(commands)))

    def decide(command: Command | MessagingError) -> Event | Refused:
        if isinstance(command, MessagingError):
            return Refused(problem=describe(command))
        try:
            return _event_of(command, context.actor, accounts)
        except UnavailableError as error:
            if context.idempotency is not None:
                # Remembered under the key, it would be the answer for a day.
                raise
            return Refused(problem=describe(error))
        except MessagingError as error:
            return Refused(problem=describe(error))

    try:
        decided = [decide(command) for command in commands]
    except UnavailableError:
        # A repeated batch gets its first answer, whatever is away by now.
        earlier = recall(context)
        if earlier is None:
            raise
        return earlier
    return append(decided, context)


def _names(commands: Sequence[Command | MessagingError]) -> Iterator[str]:
    for command in commands:
        if isinstance(command, SendMessage):
            yield command.to
        elif isinstance(command, ReadConversation):
            yield command.username


def _event_of(command: Command, actor: AccountId, accounts: Accounts) -> Event:
    match command:
        case SendMessage():
            return message_sent(command, actor, accounts)
        case EditMessage():
            return message_edited(command)
        case DeleteMessage():
            return message_deleted(command)
        case ReadConversation():
            return conversation_read(command, actor, accounts)
