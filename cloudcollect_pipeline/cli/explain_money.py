"""Money: a payment in the ERP, an entry at the agency, a settlement; where it went, and whether it adds up."""

import json
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from rich.markup import escape

from cloudcollect_pipeline.cli.telling import (
    Event,
    Row,
    Told,
    Verdict,
    findings_about,
    in_order,
    iso,
    kr,
    lives,
    own,
    shown,
    to_come,
)
from cloudcollect_pipeline.domain.finding import reason_of
from cloudcollect_pipeline.domain.money import display, ore
from cloudcollect_pipeline.reporting.published import Snapshot

NOTHING = Decimal(0)


class Money(Told):
    """What all three share: findings say what is wrong, and the rules show the amounts behind."""

    verdicts: list[Verdict]

    def rules(self) -> list[Verdict]:
        """Every rule that was asked."""
        return self.verdicts

    def judge(self, code: str, passed: bool, text: str, numbers: str) -> Verdict:
        """A rule that bears the code of the finding it would be; the finding on record counts too."""
        stands = any(f["code"] == code and f["state"] != "closed" for f in self.findings)
        return Verdict(code, "money", passed and not stands, text, numbers, reason_of(code).fix)

    def remaining(self) -> list[Verdict]:
        """Findings on record for which there is no rule with numbers."""
        asked = {verdict.code for verdict in self.verdicts}
        codes = {f["code"] for f in self.findings if f["state"] != "closed"} - asked
        return [Verdict(code, "money", False, reason_of(code).text, "", reason_of(code).fix) for code in sorted(codes)]


class Payment(Money):
    """A paying document in the ERP: a posting of agency money, or what a debtor paid us or was credited."""

    def __init__(self, seen: Snapshot, found: Row) -> None:
        super().__init__(seen)
        key = {name: found[name] for name in ("document_type", "number")}
        (row,) = seen.ledger.rows("from payment_now where document_type = $document_type and number = $number", key)
        self.row, self.document = row, f"{row['document_type']} {row['number']}"
        self.effects = self.query("payment_effects", {**key, "reference": row["reference"]})
        self.posting = next((effect for effect in self.effects if effect["kind"] == "posting"), None)
        self.entry = json.loads(self.posting["details"]).get("entry") if self.posting else None
        self.entry = self.entry or (self.posting["source"].split(":")[0] if self.posting else None)
        self.settles = self.query("settles", key)
        paid_out = self.query("paid_out", {"root": self.entry}) if self.entry else []
        names = {self.document, row["number"], self.entry or "", *(e["reference"] for e in self.effects)}
        self.findings = findings_about(seen, names)
        told = "agency money, posted by us" if self.posting else "of the ERP's own"
        self.timeline = in_order(
            [
                Event(
                    iso(row["payment_date"]),
                    "erp",
                    f"{self.document} {kr(row['amount'])} {row['currency']} on account "
                    f"{row['cash_account'] or 'none'}, {told}; now {row['status'].lower()}, "
                    f"{kr(row['balance'])} unapplied",
                ),
                *(_changed(before, now) for before, now in pairwise(self.query("payment_versions", key))),
                *(
                    Event(iso(row["payment_date"]), "erp", f"settles {kr(part['net'])} of {part['document']}")
                    for part in self.settles
                ),
                *(_entry_events(self.query("entry_family", {"root": self.entry})) if self.entry else ()),
                *_settled_events(paid_out),
                *own(seen, self.effects),
                *lives(seen, self.findings),
            ]
        )
        self.verdicts = self._verdicts()
        self.verdicts += self.remaining()
        subjects = [self.document, self.entry or "", *(part["document"] for part in self.settles)]
        self.next = to_come(seen, self.findings, self.effects, [name for name in subjects if name])
        self.next = self.next or [self._otherwise()]
        self.title = (
            f"[bold]{escape(self.document)}[/] · customer {escape(row['customer'])} · {row['status'].lower()} · "
            f"{kr(row['amount'])} {row['currency']} · {told}"
        )

    def _verdicts(self) -> list[Verdict]:
        row, posting = self.row, self.posting
        on_suspense = row["cash_account"] == self.seen.settings.erp.suspense_cash_account
        account = f"account {row['cash_account'] or 'none'}, reference {row['reference'] or 'none'}"
        verdicts = []
        if on_suspense:
            text = "money on the suspense account is a posting of ours"
            verdicts.append(self.judge("FOREIGN_SUSPENSE_PAYMENT", posting is not None, text, account))
        if posting:
            released = row["status"] in ("Open", "Closed", "Voided")
            verdicts.append(self.judge("POSTING_NOT_RELEASED", released, "it is released", row["status"]))
            carried = json.loads(posting["details"]).get("carried") or {}
            applied = {part["document"]: ore(part["net"]) for part in self.settles}
            for document in sorted({*carried, *applied}):
                settles, wanted = applied.get(document, 0), carried.get(document, 0)
                text = f"it settles of {document} what the entry carries"
                numbers = f"{display(settles)} of {display(wanted)}"
                over = settles > wanted
                voided = row["status"] == "Voided"
                code = "OWN_POSTING_MOVED" if over else "OWN_POSTING_SHORT"
                verdicts.append(self.judge(code, voided or settles == wanted, text, numbers))
            return verdicts
        for part in self.settles:
            if part["claim_id"]:
                net = ore(part["net"])
                news = net - part["baseline"] - part["reported"]
                text = f"what it settles of {part['document']} is known at the agency"
                numbers = (
                    f"net {display(net)} − before the transfer {display(part['baseline'])} − reported "
                    f"{display(part['reported'])} = {display(news)}"
                )
                verdicts.append(self.judge("BALANCES_DIFFER", news == 0, text, numbers))
        return verdicts

    def _otherwise(self) -> str:
        if any(verdict.passed is False for verdict in self.verdicts):
            return "the next night tells what is not known yet, if it may"
        if self.posting and self.row["status"] == "Voided":
            return "nothing: it is voided"
        if not self.posting and not any(part["claim_id"] for part in self.settles):
            return "nothing: it settles no receivable at the agency"
        return "nothing to do: both sides know it"

    def as_json(self) -> dict[str, Any]:
        """Plain values; amounts in øre."""
        row = self.row
        return {
            "payment": self.document,
            "customer": row["customer"],
            "status": row["status"],
            "currency": row["currency"],
            "amount": ore(row["amount"]),
            "balance": ore(row["balance"]),
            "entry": self.entry,
            "settles": {part["document"]: ore(part["net"]) for part in self.settles},
            **super().as_json(),
        }


class Entry(Money):
    """A money fact at the agency, with what reverses or reallocates it."""

    def __init__(self, seen: Snapshot, entry_id: str) -> None:
        super().__init__(seen)
        root = seen.ledger.value("select root from entry_root where entry_id = ?", [entry_id]) or entry_id
        (row,) = seen.ledger.rows("from entry_now where entry_id = ?", [root])
        self.entry_id, self.root, self.row = entry_id, root, row
        self.family = self.query("entry_family", {"root": root})
        self.effects = self.query("entry_effects", {"root": root, "reference": row["reference"]})
        self.postings = [
            posting
            for effect in self.effects
            if effect["kind"] == "posting"
            for posting in seen.ledger.rows(
                "from payment_now where reference = ? order by document_type, number", [effect["reference"]]
            )
        ]
        self.paid_out = self.query("paid_out", {"root": root})
        names = {entry_id, root, *(line["entry_id"] for line in self.family)}
        names |= {effect["reference"] for effect in self.effects}
        self.findings = findings_about(seen, names)
        self.timeline = in_order(
            [
                *_entry_events(self.family),
                *(
                    Event(
                        iso(posting["payment_date"]),
                        "erp",
                        f"{posting['document_type']} {posting['number']} {kr(posting['amount'])} on account "
                        f"{posting['cash_account']}; now {posting['status'].lower()}",
                    )
                    for posting in self.postings
                ),
                *_settled_events(self.paid_out),
                *own(seen, self.effects),
                *lives(seen, self.findings),
            ]
        )
        self.verdicts = self._verdicts()
        self.verdicts += self.remaining()
        self.next = to_come(seen, self.findings, self.effects, [root]) or [self._otherwise()]
        self.title = (
            f"[bold]Entry {escape(root)}[/] · {row['kind'].replace('_', ' ').lower()}, received by "
            f"{(row['received_by'] or 'nobody').lower()} · {kr(row['amount'])} {row['currency']} · "
            f"value date {row['value_date']}"
        )

    @property
    def carried(self) -> Decimal:
        """Principal that it carries now, kroner."""
        return _principal(self.family)

    @property
    def posted(self) -> Decimal:
        """What stands posted of it, kroner."""
        return sum((p["amount"] for p in self.postings if p["status"] in ("Open", "Closed")), NOTHING)

    def _verdicts(self) -> list[Verdict]:
        row = self.row
        currency = self.seen.settings.currency
        unallocated = sum((line["amount"] for line in self.family if line["bucket"] == "unallocated"), NOTHING)
        unknown = sorted({line["claim_id"] for line in self.family if line["claim_id"] and not line["document"]})
        verdicts = [
            self.judge(
                "CURRENCY_NOT_SUPPORTED", row["currency"] == currency, "in the currency of the books", row["currency"]
            ),
            self.judge(
                "ENTRY_UNALLOCATED",
                not unallocated and not unknown,
                "allocated to claims that are known",
                f"{kr(unallocated)} unallocated" + (f", unknown {', '.join(unknown)}" if unknown else ""),
            ),
        ]
        if row["received_by"] != "AGENCY":
            reported = any(effect["kind"] == "reduction" for effect in self.effects)
            text = "what the agency says we received was reported by us"
            numbers = f"reference {row['reference'] or 'none'}"
            passed = reported or row["kind"] == "CHARGE"
            return [*verdicts, self.judge("CREDITOR_ENTRY_UNKNOWN", passed, text, numbers)]
        drafts = [p["number"] for p in self.postings if p["status"] in ("Hold", "Balanced")]
        text = "the principal it carries stands posted on the suspense account"
        verdicts.append(
            Verdict(
                "POSTED", "money", self.carried == self.posted, text, f"{kr(self.posted)} of {kr(self.carried)}", ""
            )
        )
        verdicts.append(self.judge("POSTING_NOT_RELEASED", not drafts, "its postings are released", ", ".join(drafts)))
        settled = sum((s["principal"] or NOTHING for s in self.paid_out if s["status"] == "PUBLISHED"), NOTHING)
        text = "paid out by a settlement"
        verdicts.append(
            Verdict("SETTLED", "money", settled == self.carried, text, f"{kr(settled)} of {kr(self.carried)}", "")
        )
        return verdicts

    def _otherwise(self) -> str:
        failed = {verdict.code for verdict in self.verdicts if verdict.passed is False}
        if "POSTED" in failed:
            return f"the next night posts what is missing: {kr(self.carried - self.posted)}"
        if "SETTLED" in failed:
            return "it stands on the suspense account until the agency pays it out"
        return "nothing to do: both sides know it"

    def as_json(self) -> dict[str, Any]:
        """Plain values; amounts in øre."""
        per_document: dict[str, int] = defaultdict(int)
        for line in self.family:
            if line["bucket"] == "principal" and not line["cancelled"]:
                per_document[line["document"] or line["claim_id"]] += ore(line["amount"])
        return {
            "entry": self.root,
            "kind": self.row["kind"],
            "received_by": self.row["received_by"],
            "currency": self.row["currency"],
            "amount": ore(self.row["amount"]),
            "carried": dict(sorted(per_document.items())),
            "posted": ore(self.posted),
            **super().as_json(),
        }


class Settlement(Money):
    """A payout statement of the agency's, its items and its vouchers."""

    def __init__(self, seen: Snapshot, settlement_id: str) -> None:
        super().__init__(seen)
        (row,) = seen.ledger.rows("from settlement_now where settlement_id = ?", [settlement_id])
        self.row = row
        self.items = self.query("settlement_items", {"number": settlement_id})
        self.effects = self.query("settlement_effects", {"number": settlement_id})
        names = {settlement_id, row["number"], f"settlement {row['number']}"}
        names |= {effect["reference"] for effect in self.effects}
        self.findings = findings_about(seen, names)
        versions = seen.ledger.rows(
            "select s.status, s.net, v.committed_at as known_at from settlement s "
            "join mirror_version v on v.version = s.valid_from where s.settlement_id = ? order by s.valid_from",
            [settlement_id],
        )
        self.timeline = in_order(
            [
                Event(iso(row["booking_date"]), "agency", f"settlement {row['number']}, net {kr(row['net'])}"),
                Event(iso(row["payout_date"]), "agency", f"payout of {kr(row['net'])} expected")
                if row["payout_date"]
                else Event("", "agency", ""),
                *(
                    Event(iso(v["known_at"]), "agency", f"known as {v['status'].lower()}, net {kr(v['net'])}")
                    for v in versions
                ),
                *own(seen, self.effects),
                *lives(seen, self.findings),
            ]
        )
        self.verdicts = self._verdicts()
        self.verdicts += self.remaining()
        self.next = to_come(seen, self.findings, self.effects, [settlement_id]) or [self._otherwise()]
        self.title = (
            f"[bold]Settlement {escape(row['number'])}[/] · {row['status'].lower()} · {len(self.items)} items · "
            f"principal {kr(row['principal'])}, net {kr(row['net'])} {row['currency']}"
        )

    def _verdicts(self) -> list[Verdict]:
        row = self.row
        principal = sum((item["principal"] or NOTHING for item in self.items), NOTHING)
        unknown = [item["entry_id"] for item in self.items if not item["known"]]
        waiting = [
            item["entry_id"] for item in self.items if item["known"] and not item["posted"] and item["principal"]
        ]
        vouchers = [effect for effect in self.effects if effect["state"] == "confirmed"]
        booked = sum(effect["amount"] for effect in vouchers)
        due = ore(row["principal"]) if row["status"] == "PUBLISHED" else 0
        return [
            self.judge(
                "SETTLEMENT_DOES_NOT_ADD_UP",
                principal == row["principal"],
                "its principal is the sum of its lines",
                f"{kr(principal)} of {kr(row['principal'])}",
            ),
            self.judge(
                "SETTLEMENT_UNKNOWN_ITEM",
                not unknown,
                "the agency lists every entry it names",
                _some(unknown, len(self.items)),
            ),
            self.judge("SETTLEMENT_WAITS", not waiting, "every item stands posted", _some(waiting, len(self.items))),
            Verdict(
                "BOOKED", "money", booked == due, "its voucher is booked", f"{display(booked)} of {display(due)}", ""
            ),
            self.judge("PAYOUT_OVERDUE", True, "its payout has come in time", shown(row["payout_date"])),
            self.judge("PAYOUT_DIFFERS", True, "the bank brought what it pays out", kr(row["net"])),
        ]

    def _otherwise(self) -> str:
        booked = next(verdict.passed for verdict in self.verdicts if verdict.code == "BOOKED")
        return "nothing to do: it is booked" if booked else "the next night books it, if all its items stand posted"

    def as_json(self) -> dict[str, Any]:
        """Plain values; amounts in øre."""
        row = self.row
        return {
            "settlement": row["number"],
            "status": row["status"],
            "currency": row["currency"],
            "principal": ore(row["principal"]),
            "net": ore(row["net"]),
            "items": {item["entry_id"]: ore(item["principal"] or NOTHING) for item in self.items},
            **super().as_json(),
        }


def _principal(lines: Sequence[Row]) -> Decimal:
    return sum((n["amount"] for n in lines if n["bucket"] == "principal" and not n["cancelled"]), NOTHING)


def _some(names: Sequence[str], of: int) -> str:
    """`3 of 20 not: e1, e2, e3`."""
    if not names:
        return f"all {of}"
    return f"{len(names)} of {of} not: {', '.join(names[:3])}{', …' if len(names) > 3 else ''}"


def _changed(before: Row, now: Row) -> Event:
    changes = [
        f"{name.replace('_', ' ')} {shown(before[name])} → {shown(now[name])}"
        for name in ("status", "amount", "balance", "payment_date", "cash_account")
        if before[name] != now[name]
    ]
    return Event(iso(now["known_at"]), "erp", ", ".join(changes))


def _entry_events(lines: Sequence[Row]) -> list[Event]:
    """Each entry of a family as one line."""
    entries: dict[str, list[Row]] = defaultdict(list)
    for line in lines:
        entries[line["entry_id"]].append(line)
    return [Event(iso(of[0]["recorded_at"]), "agency", _entry_text(entry, of)) for entry, of in entries.items()]


def _entry_text(entry: str, lines: Sequence[Row]) -> str:
    first = lines[0]
    kind = first["kind"].replace("_", " ").lower()
    parts = [
        f"{kr(line['amount'])} {line['bucket']}"
        + (f" of {line['document'] or line['claim_id']}" if line["claim_id"] else "")
        for line in lines
    ]
    gone = ", cancelled" if first["cancelled"] else ""
    return f"{kind}, value date {first['value_date']}: {', '.join(parts)}{gone} [{entry}]"


def _settled_events(settlements: Sequence[Row]) -> list[Event]:
    return [
        Event(
            iso(s["booking_date"]),
            "agency",
            f"settlement {s['number']} pays out {kr(s['principal'] or NOTHING)}; {s['status'].lower()}",
        )
        for s in settlements
    ]
