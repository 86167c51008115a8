"""A debtor's data as a mark: tells that they changed without saying what they are."""

import hashlib
from collections.abc import Sequence


def debtor_mark(salt: str, values: Sequence[str | None]) -> str:
    """A mark of name, address and numbers; `salt` (the transfer's reference) keeps equal debtors apart.

    The same as `md5` over the same text in the ledger's SQL; a mark, not a protection.
    """
    text = "\x1f".join((salt, *(value or "" for value in values)))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
