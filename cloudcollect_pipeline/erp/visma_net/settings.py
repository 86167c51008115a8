"""What one company has set up in its Visma.net tenant."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class VismaNetSettings:
    """`suspense_cash_account` is the cash account of `suspense_account` (often the same number, e.g. 1510).

    `time_zone`: the zone of the tenant's zoneless moments. Unconfirmed whether they are local time or UTC, so
    `overlap` must cover the difference: it is subtracted from every modified-since filter.
    `page_size` is asked for; the server may give less. `parallel` pages are under way at once (1: no threads).
    `business_classes`: customer classes whose customers are businesses even without an organisation number, since
    Visma.net has no flag for private persons.
    `background`: whether long reads (everything at first, general-ledger movements) are asked for in the background.
    The last four are what a probe found out (`unconfirmed.as_settled`); the defaults are right without one.
    """

    suspense_cash_account: str
    suspense_account: str
    payment_method: str
    time_zone: str = "Europe/Oslo"
    overlap: timedelta = timedelta(hours=6)
    page_size: int = 500
    branch: str | None = None
    parallel: int = 4
    ledger: str = "1"
    case_type: str = "Inkasso"
    business_classes: tuple[str, ...] = ()
    background: Literal["never", "long"] = "never"
    credit_notes_listed: bool = False
    write_offs_listed: bool = False
    case_fields: bool = True
    whole_by_number: bool = False

    def __post_init__(self) -> None:
        ZoneInfo(self.time_zone)
        if self.page_size < 1 or self.parallel < 1 or self.overlap < timedelta(0):
            raise ValueError("page_size and parallel must be positive, overlap not negative")
