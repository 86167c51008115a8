"""Money: integer øre inside, exact decimal text at every edge, never a float."""

import re
from decimal import Decimal

MONEY_PATTERN = r"-?[0-9]{1,13}(\.[0-9]{1,2}0*)?"
"""Text that is an amount: at most thirteen digits before the point, two significant ones after it."""

_money = re.compile(MONEY_PATTERN)


class NotMoney(ValueError):
    """The text is not an amount in kroner and øre."""


def ore(text: str | Decimal | int) -> int:
    """Kroner as text, `Decimal` or whole number -> øre: `1234.7700` is 123477; `12.345`, `1e3` raise `NotMoney`."""
    written = format(text, "f") if isinstance(text, Decimal) else str(text)
    if not _money.fullmatch(written):
        raise NotMoney("an amount must be digits with at most two decimals")
    return int(Decimal(written).scaleb(2))


def kroner(amount: int) -> Decimal:
    """Øre -> `Decimal` kroner with exactly two decimals."""
    return Decimal(amount).scaleb(-2).quantize(Decimal("0.01"))


def text(amount: int) -> str:
    """Øre -> the plain decimal text used on the wire: 123456 -> `1234.56`."""
    return str(kroner(amount))


def display(amount: int) -> str:
    """Øre -> Norwegian display text with no-break spaces: 123456789 -> `1 234 567,89`."""
    return f"{kroner(amount):,}".replace(",", "\u00a0").replace(".", ",")
