"""Look-ups: what the targets already hold, asked in bulk once per dispatch and before every write."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from cloudcollect_pipeline.agency.port import AgencyWrites, Held
from cloudcollect_pipeline.domain.effect import Effect, Kind
from cloudcollect_pipeline.erp.port import ErpWrites, PostedPayment, PostedVoucher

AT_AGENCY = frozenset({Kind.TRANSFER, Kind.REDUCTION})


@dataclass
class Index:
    """What both targets hold under our references, and the ERP's payments by their second natural key."""

    held: Mapping[str, Held] = field(default_factory=dict)
    payments: Mapping[str, PostedPayment] = field(default_factory=dict)
    by_content: Mapping[tuple[str, str, int], list[PostedPayment]] = field(default_factory=dict)
    vouchers: Mapping[str, PostedVoucher] = field(default_factory=dict)


VOUCHER_LOOKBACK = timedelta(days=40)
"""Vouchers are listed by when they were written, which can be before the date they bear or long after."""


@dataclass
class Sought:
    """What look-ups for some effects must ask: effects are added one by one, and none of them is kept."""

    references: list[str] = field(default_factory=list)
    """Of effects that the agency lists."""
    postings_from: date | None = None
    vouchers_from: date | None = None

    def add(self, effect: Effect) -> None:
        """One more effect to look up."""
        if effect.kind in AT_AGENCY:
            self.references.append(effect.reference)
        elif effect.kind == Kind.POSTING:
            self.postings_from = _earlier(self.postings_from, effect)
        elif effect.kind == Kind.SETTLEMENT:
            self.vouchers_from = _earlier(self.vouchers_from, effect)


def _earlier(known: date | None, effect: Effect) -> date:
    day = date.fromisoformat(effect.details["value_date"])
    return min(known, day) if known else day


def build_index(
    erp: ErpWrites, agency: AgencyWrites, sought: Sought, since: date | None, tonight: date, suspense: str
) -> Index:
    """Ask both targets once for everything that the effects sought could collide with.

    Payments are paged from the earliest value date among the effects, or from `since` when the journal cannot be
    trusted yet or an intent is older; vouchers from well before the earliest of booking date and tonight. Only payments
    on the suspense cash account count as look-alikes.
    """
    index = Index()
    if sought.references:
        index.held = agency.find(sought.references)
    if sought.postings_from:
        earliest = sought.postings_from
        by_reference: dict[str, PostedPayment] = {}
        by_content: dict[tuple[str, str, int], list[PostedPayment]] = defaultdict(list)
        for payment in erp.posted_payments(min(earliest, since) if since else earliest):
            if payment.document_type != "Payment":
                continue
            by_reference.setdefault(payment.reference, payment)
            if payment.status != "Voided" and payment.cash_account == suspense:
                by_content[(payment.customer, payment.currency, payment.amount)].append(payment)
        index.payments, index.by_content = by_reference, by_content
    if sought.vouchers_from:
        earliest = min(sought.vouchers_from, tonight) - VOUCHER_LOOKBACK
        index.vouchers = {
            v.reference: v for v in erp.posted_vouchers(min(earliest, since) if since else earliest) if v.reference
        }
    return index
