"""Who owes: invented debtors with valid numbers, assembled from neutral word lists and a seed.

No name here is a person's: private debtors carry visibly synthetic names. Organisation numbers begin with 31, the
public register's series for test data, so none can belong to a real company.
"""

from dataclasses import dataclass
from random import Random

from cloudcollect_pipeline.domain.numbers import is_account_number, is_organisation_number

_TRADES = (
    "Rør", "Bakeri", "Elektro", "Snekkeri", "Gartneri", "Transport", "Regnskap", "Maskin", "Båtbyggeri", "Trykkeri",
    "Møbler", "Tømrer", "Blikk", "Brønnboring", "Kjøkken", "Sykkel", "Verksted", "Fiskeforedling", "Malerservice",
)  # fmt: skip
_LANDSCAPES = (
    "Nordfjell", "Sørli", "Østmyra", "Vestbø", "Åsgård", "Granli", "Lillevann", "Furukollen", "Bjørkås", "Solsiden",
    "Høgda", "Ærøya", "Breivika", "Skogstø", "Sæterlia", "Elvebakken", "Sandøra", "Fjellså", "Kvernhaugen", "Tjørna",
    "Myrvågen",
)  # fmt: skip
_FORMS = ("AS", "AS", "AS", "ANS", "SA")
_STREETS = (
    "Bjørkeveien", "Storgata", "Åsveien", "Kirkegata", "Sjøgata", "Skogstien", "Møllebakken", "Østre Ringvei",
    "Fjordgata", "Ærfuglveien", "Granveien", "Industriveien", "Kaigata", "Løkkeveien", "Nygårdsgata", "Skolebakken",
)  # fmt: skip
_PLACES = (
    ("0152", "Oslo"), ("5003", "Bergen"), ("7010", "Trondheim"), ("4006", "Stavanger"), ("9008", "Tromsø"),
    ("6002", "Ålesund"), ("8006", "Bodø"), ("1430", "Ås"), ("3015", "Drammen"), ("3111", "Tønsberg"),
    ("4612", "Kristiansand"), ("2317", "Hamar"), ("6700", "Måløy"), ("9600", "Hammerfest"), ("7900", "Rørvik"),
)  # fmt: skip


@dataclass(frozen=True)
class Debtor:
    """A customer's master data. `organisation_number` is set for businesses only."""

    number: str
    name: str
    business: bool
    organisation_number: str | None
    address: str
    postal_code: str
    city: str
    email: str
    phone: str


def stream(seed: int, purpose: str) -> Random:
    """The random stream of one purpose: adding draws to one never changes another."""
    return Random(f"{seed}/{purpose}")


def organisation_number(random: Random) -> str:
    """Nine digits of the test series with a valid modulus-11 check digit."""
    while True:
        number = f"31{random.randrange(10**7):07}"
        if is_organisation_number(number):
            return number


def account_number(random: Random) -> str:
    """Eleven digits with a valid modulus-11 check digit."""
    while True:
        number = f"{random.randrange(10**10, 9 * 10**10):011}"
        if is_account_number(number):
            return number


def debtor(random: Random, number: str, *, business: bool) -> Debtor:
    """One invented debtor; `number` is the customer number in the ERP."""
    postal_code, city = random.choice(_PLACES)
    if business:
        name = f"{random.choice(_LANDSCAPES)} {random.choice(_TRADES)} {random.choice(_FORMS)}"
    else:
        name = f"Privatkunde {city} {number}"
    return Debtor(
        number=number,
        name=name,
        business=business,
        organisation_number=organisation_number(random) if business else None,
        address=f"{random.choice(_STREETS)} {random.randint(1, 180)}",
        postal_code=postal_code,
        city=city,
        email=f"kunde{number}@example.invalid",
        phone=f"+47 000 {number[-5:]:>05}",
    )
