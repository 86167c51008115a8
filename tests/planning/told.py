"""What tests of planning share: the facts of a night, findings as plain values, and a ledger that is filled by hand."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from cloudcollect_pipeline.agency.port import AgencyCapabilities
from cloudcollect_pipeline.domain.effect import Effect
from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.ledger.ledger import Ledger
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.plan import judge_all, prepare, raise_fence
from cloudcollect_pipeline.sandbox.world import World
from tests.story import START, settings_of

NIGHT = date(2026, 1, 20)
DAY = date(2026, 1, 5)
SETTINGS = settings_of(World.empty(START, ("nordlys",)), Path("nowhere")).companies["nordlys"]

CASH = SETTINGS.erp.suspense_cash_account


def facts(decisions=(), *, policy=(), accounts=(), agency=(), capabilities=None, **more):
    """The facts of a night; what is told of the policy, the accounts, the agency and the rest changes them."""
    changes = {"policy": policy, "accounts": accounts, "agency": agency}
    settings = SETTINGS.model_copy(
        update={name: getattr(SETTINGS, name).model_copy(update=dict(told)) for name, told in changes.items()}
    )
    return Facts(
        NIGHT, "t1", "agency", settings, capabilities or AgencyCapabilities(), decisions=dict(decisions), **more
    )


def nothing() -> tuple[list[Effect], list[Finding]]:
    """Where effects and findings go that are to be planned."""
    return [], []


def plain(findings):
    """Findings as (code, subject, text, amount)."""
    return [(each.code, each.subject, each.text, each.amount) for each in findings]


class Books:
    """A ledger that is filled by hand: what is not told of a record is as it is for most."""

    def __init__(self, folder):
        self.ledger = Ledger(folder / "ledger", "nordlys", "t1")
        self.close = self.ledger.close

    def put(self, table, **values):
        """Lay one record down."""
        told: dict[str, Any] = {
            name: json.dumps(value) if isinstance(value, dict) else value for name, value in values.items()
        }
        columns = ", ".join(f"${name} as {name}" for name in told)
        self.ledger.db.execute(f"insert into {table} by name select {columns}", told)

    def effect(self, reference, kind, source, **values):
        """An effect of ours as the journal knows it."""
        told: dict[str, Any] = {
            "ordinal": 1,
            "chain": source,
            "state": "confirmed",
            "party": "10001",
            "document": "?",
            "account": "",
        }
        told |= {"currency": "NOK", "amount": 0, "details": {}, "night": date(2026, 1, 5), "seq": 1}
        self.put("effect", reference=reference, kind=kind, source=source, **(told | values))

    def receivable(self, number, amount=60, **values):
        """An invoice that is old enough, and its customer."""
        told: dict[str, Any] = {
            "document_type": "Invoice",
            "customer": "10001",
            "status": "Open",
            "currency": "NOK",
            "balance": amount,
        }
        told |= {"document_date": date(2025, 11, 17), "due_date": date(2025, 12, 1)}
        told |= {"dunning_level": 1, "dunning_date": date(2025, 12, 29), "excluded": False, "revoked": False}
        told |= {"valid_from": 1}
        told |= values
        self.put("receivable", number=number, amount=amount, **told)
        if not self.ledger.value(
            "select exists (from customer where number = $customer)", {"customer": told["customer"]}
        ):
            self.put("customer", number=told["customer"], status="Active", excluded=False, business=False, valid_from=1)

    def claimed(self, number, principal=60, *, customer="10001", receivable=True, details=None, **values):
        """An invoice with the number n that was handed over under T<n>, and its claim c<n>."""
        if receivable:
            self.receivable(number, principal, customer=customer)
        told: dict[str, Any] = {
            "document_type": "Invoice",
            "document_number": number,
            "status": "ACTIVE",
            "hold": "NONE",
        }
        told |= {"disputed": False, "currency": "NOK", "principal": principal, "principal_open": principal}
        told |= {"claim_id": f"c{number}", "reference": f"T{number}", "valid_from": 1}
        self.put("claim", **(told | values))
        document = f"Invoice {number}"
        details = {"due_date": "2025-12-01"} if details is None else details
        self.effect(
            f"T{number}",
            "transfer",
            document,
            party=customer,
            document=document,
            amount=principal * 100,
            details=details,
        )

    def entry(self, name, *lines, **values):
        """Money that the agency received, with lines of (claim, bucket, amount)."""
        told: dict[str, Any] = {
            "kind": "AGENCY_PAYMENT",
            "received_by": "AGENCY",
            "currency": "NOK",
            "value_date": DAY,
            "cancelled": False,
        }
        told |= {"amount": sum(amount for _, _, amount in lines), "recorded_at": datetime(2026, 1, 5, tzinfo=UTC)}
        listed = [dict(zip(("claim_id", "bucket", "amount"), line, strict=True)) for line in lines]
        self.put("entry", entry_id=name, lines=listed, **(told | {"valid_from": 1} | values))

    def payment(self, number, reference, *lines, **values):
        """A payment on the suspense account, with lines of (document type, number, amount, written off)."""
        told: dict[str, Any] = {
            "document_type": "Payment",
            "customer": "10001",
            "status": "Closed",
            "cash_account": CASH,
        }
        told |= {"currency": "NOK", "amount": sum(line[2] for line in lines), "balance": 0, "payment_date": DAY}
        listed: list[dict[str, Any]] = [
            dict(zip(("document_type", "number", "amount", "write_off"), line, strict=True)) for line in lines
        ]
        listed = [line | {"discount": 0} for line in listed]
        self.put("payment", number=number, reference=reference, lines=listed, **(told | {"valid_from": 1} | values))

    def person(self, customer, **values):
        """Who a customer is."""
        self.put("persons.person", customer=customer, **values)

    def ask(self, question, claim, *, answered=False):
        """What the agency asks."""
        self.put("persons.question", question_id=question, claim_id=claim, text="?", answered=answered)

    def lay(self, **more):
        """The facts of the night, laid beside the books."""
        night = facts(**more)
        prepare(self.ledger, night)
        return night

    def judge(self):
        """Judge what may have to be handed over, held or let go."""
        raise_fence(self.ledger, again=True)
        judge_all(self.ledger)
