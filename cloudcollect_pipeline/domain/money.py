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
    written = _plain(text) if isinstance(text, Decimal) else str(text)
    if not _money.fullmatch(written):
        raise NotMoney("an amount must be digits with at most two decimals")
    return int(Decimal(written).scaleb(2))


def _plain(amount: Decimal) -> str:
    # `1e999999999` is ten characters, and a gigabyte once it is written out
    exponent = amount.as_tuple().exponent
    return format(amount, "f") if isinstance(exponent, int) and abs(exponent) < 64 else ""


def kroner(amount: int) -> Decimal:
    """Øre -> `Decimal` kroner with exactly two decimals."""
    return Decimal(amount).scaleb(-2).quantize(Decimal("0.01"))


def text(amount: int) -> str:
    """Øre -> the plain decimal text used on the wire: 123456 -> `1234.56`."""
    return str(kroner(amount))


def display(amount: int) -> str:
    """Øre -> Norwegian display text with no-break spaces: 123456789 -> `1 234 567,89`."""
    return f"{kroner(amount):,}".replace(",", "\u00a0").replace(".", ",")
