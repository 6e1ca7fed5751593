"""A password that was found right, and whether it is still the account's when something is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import sqlalchemy as sa

from auth_api.accounts import Credentials
from auth_api.passwords import Passwords
from database.models import identity
from runtime.ids import AccountId


@dataclass(frozen=True, kw_only=True)
class Proof:
    """That somebody knew the password of an account, a moment ago.

    Attributes:
        account_id: Whose.
        password_hash: The hash that the password was found to be of.
        fits: Returns whether another hash is of the same password.
    """

    account_id: AccountId
    password_hash: str = field(repr=False)
    fits: Callable[[str], bool] = field(repr=False, compare=False)

    @classmethod
    def of(cls, credentials: Credentials, password: str, passwords: Passwords) -> Proof:
        """Return the proof that is `password`, found right for `credentials`."""
        return cls(
            account_id=credentials.account_id,
            password_hash=credentials.password_hash,
            fits=lambda password_hash: passwords.matches(password, password_hash),
        )


def hold(tx: sa.Connection, proof: Proof, *, shared: bool) -> bool:
    """Return whether the proof still holds; if so, it does until the end of `tx`.

    Args:
        tx: The transaction in which something is done because of it.
        proof: What was found.
        shared: Whether others may rely on the same account meanwhile; else it is about to change.
    """
    account = identity.Account
    password_hash = tx.execute(
        sa.select(account.password_hash)
        .where(account.id == proof.account_id, account.deleted_at.is_(None))
        .with_for_update(read=shared, key_share=not shared)
    ).scalar_one_or_none()
    if password_hash is None:
        return False
    # A login renews a hash of former parameters: then the password is the same, its hash is not.
    return password_hash == proof.password_hash or proof.fits(password_hash)
