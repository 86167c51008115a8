"""Norwegian reference numbers: KID here, organisation and account numbers through python-stdnum."""

from stdnum.no import kontonr, orgnr


def kid(body: str) -> str:
    """A KID: the digits of `body` and a modulus-10 (Luhn) check digit."""
    return body + str(luhn_check_digit(body))


def is_kid(number: str) -> bool:
    """Whether `number` is 2 to 25 digits ending in a valid modulus-10 check digit."""
    return number.isascii() and number.isdigit() and 2 <= len(number) <= 25 and kid(number[:-1]) == number


def luhn_check_digit(body: str) -> int:
    """Modulus-10 check digit of a string of digits."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return -total % 10


def is_organisation_number(number: str) -> bool:
    """Nine digits with a valid modulus-11 check digit."""
    return bool(orgnr.is_valid(number))


def is_account_number(number: str) -> bool:
    """Eleven digits with a valid modulus-11 check digit."""
    return bool(kontonr.is_valid(number))
