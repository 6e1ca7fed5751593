"""What can keep the local stack from running, each said in one line with the mend."""

from __future__ import annotations

import errno

from runtime.errors import MessagingError


class StackError(MessagingError):
    """The local stack could not do what was asked."""


def explain(error: OSError) -> StackError:
    """Return `error` as one line that says the mend."""
    where = f" ({error.filename})" if error.filename else ""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return StackError(f"The disk is full{where}: free some space, then run the same again.")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return StackError(
                f"No permission{where}: set MESSAGING_STATE to a folder that you may write to."
            )
        case _:
            return StackError(f"{error.strerror or error}{where}.")
