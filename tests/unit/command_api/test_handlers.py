"""The decisions that need no server, and the receipts."""

from __future__ import annotations

import zlib

import pytest

from command_api.directory import Accounts, DirectoryUnavailableError, RecipientUnknownError
from command_api.handlers.commands import (
    DeleteMessage,
    EditMessage,
    ReadConversation,
    SendMessage,
)
from command_api.handlers.conversations import conversation_read
from command_api.handlers.messages import message_deleted, message_edited, message_sent
from command_api.handlers.receipts import Noted, Receipt, Refused
from runtime.ids import (
    AccountId,
    EventId,
    MessageId,
    Partition,
    conversation_of,
    new_id,
)
from web.problems import InvalidFieldsError

ALICE, BOB = AccountId(new_id()), AccountId(new_id())
KNOWN = Accounts(ids={"alice": ALICE, "bob": BOB})
SEND = SendMessage(to="bob", body="Hello")


def test_a_message_goes_to_the_conversation_of_both_and_its_id_leads_there() -> None:
    event = message_sent(SEND, ALICE, KNOWN)
    assert event.conversation_id == conversation_of(BOB, ALICE)
    assert event.message_id.int & 0xFFFF == zlib.crc32(event.conversation_id.bytes) & 0xFFFF
    assert event.message_id.version == 7
    assert (event.recipient_id, event.body, event.subject) == (BOB, "Hello", None)


def test_nobody_writes_to_themselves_or_reads_what_they_wrote_to_themselves() -> None:
    with pytest.raises(InvalidFieldsError) as refused:
        message_sent(SendMessage(to="alice", body="x"), ALICE, KNOWN)
    assert refused.value.errors is not None
    assert list(refused.value.errors) == ["to"]
    with pytest.raises(InvalidFieldsError):
        conversation_read(ReadConversation(username="alice", up_to=1), ALICE, KNOWN)


def test_a_name_that_is_missing_is_nobodys_only_if_the_directory_could_tell() -> None:
    with pytest.raises(RecipientUnknownError):
        message_sent(SEND, ALICE, Accounts(ids={}))
    with pytest.raises(DirectoryUnavailableError):
        message_sent(SEND, ALICE, Accounts(ids={}, complete=False))


def test_edits_and_deletions_name_the_message_alone() -> None:
    message = MessageId(new_id())
    edited = message_edited(EditMessage(message_id=message, changes={"subject": None}))
    deleted = message_deleted(DeleteMessage(message_id=message))
    assert edited.payload() == {"message_id": str(message), "changes": {"subject": None}}
    assert deleted.payload() == {"message_id": str(message), "for": "everyone"}


def test_a_receipt_comes_back_as_it_was() -> None:
    receipt = Receipt(
        accepted_at="2026-01-01T00:00:00.000000Z",
        lines=(
            Noted(
                event_id=EventId(new_id()),
                message_id=MessageId(new_id()),
                partition=Partition(3),
            ),
            Refused(problem={"status": 404, "errors": {"to": ["unknown"]}}),
            Noted(event_id=EventId(new_id()), message_id=None, partition=Partition(0)),
        ),
    )
    assert Receipt.decode(receipt.encode()) == receipt
