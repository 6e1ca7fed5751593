"""Ids lead to where their conversation lives."""

from __future__ import annotations

from uuid import RFC_4122

from hypothesis import given
from hypothesis import strategies as st

from runtime.ids import (
    AccountId,
    conversation_of,
    new_id,
    new_message_id,
    partition_of,
    partition_of_message,
)

accounts = st.uuids().map(AccountId)


@given(accounts, accounts)
def test_a_conversation_is_the_same_from_either_side(one: AccountId, other: AccountId) -> None:
    assert conversation_of(one, other) == conversation_of(other, one)


@given(accounts, accounts, st.integers(0, 10))
def test_a_message_id_leads_to_its_conversations_partition(
    one: AccountId, other: AccountId, bits: int
) -> None:
    conversation = conversation_of(one, other)
    message = new_message_id(conversation)
    assert partition_of_message(message, 1 << bits) == partition_of(conversation, 1 << bits)
    assert (message.version, message.variant) == (7, RFC_4122)


def test_ids_are_uuid7_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(1_000)]
    assert all(made.version == 7 for made in ids)
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_message_ids_of_one_moment_differ() -> None:
    conversation = conversation_of(AccountId(new_id()), AccountId(new_id()))
    assert len({new_message_id(conversation) for _ in range(10_000)}) == 10_000
