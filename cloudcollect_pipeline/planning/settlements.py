"""Settlements: the agency's payout statements, each booked once against the suspense account.

A settlement is booked when its terms add up to its net, when it settles nothing twice, and when every share that it
settles stands posted on the customer's invoice or is posted tonight. What was booked is never changed: a cancelled
settlement gets a mirror voucher, a changed one a finding.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.domain.money import display, ore
from cloudcollect_pipeline.ledger.ledger import Ledger, sql
from cloudcollect_pipeline.planning.deltas import BLOCKING, Known, next_ordinal, refused_before
from cloudcollect_pipeline.planning.effects import Effects, Sink
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.known import known_effects
from cloudcollect_pipeline.settings import AccountSettings, CompanySettings

HERE = "cloudcollect_pipeline.planning.sql"
VAT_RATES = (Decimal("0.25"), Decimal("0.15"), Decimal("0.12"))
"""Merverdiavgiftsloven § 5-1 and §§ 5-2 to 5-11 with Stortinget's yearly rates."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class SettlementState:
    """All that is needed to plan the vouchers.

    `rows` are the settlements with what their lines add up to; `booked` source of a voucher -> details of the last one
    and how often one was booked; `shares` (original entry, customer) -> what it carries and what of it is posted;
    `at_go_live` entries that stood in the account before us; `unpaid` original entries that are paid out in part.
    """

    rows: Sequence[Row]
    known: Mapping[str, Sequence[Known]]
    booked: Mapping[str, tuple[Mapping[str, Any], int]]
    shares: Mapping[tuple[str, str], Row]
    at_go_live: Collection[str] = ()
    unpaid: Sequence[Row] = ()


def plan_settlements(ledger: Ledger, facts: Facts, effects: Effects, findings: list[Finding]) -> None:
    """Add the vouchers that tonight's settlements ask for. `effects` holds tonight's postings and voids already."""
    created = ledger.rows(sql("created_vouchers", HERE))
    finish_vouchers([row | {"details": json.loads(row["details"])} for row in created], facts, effects, findings)
    if not ledger.value("select exists (from settlement_now)"):
        return
    state = SettlementState(
        ledger.rows(sql("settlements", HERE)),
        known_effects(ledger, Kind.SETTLEMENT),
        {
            row["source"]: (json.loads(row["details"]), row["times"])
            for row in ledger.rows(sql("booked_settlements", HERE))
        },
        {(row["root"], row["customer"]): row for row in ledger.rows(sql("carried_and_posted", HERE))},
        # What stood in the account at go-live was posted before us: it is ground enough for a voucher.
        {row["entry_id"] for row in ledger.rows("select entry_id from opening_item order by entry_id")},
        ledger.rows(sql("settled_short", HERE)),
    )
    settle(state, facts, effects.of(Kind.VOID, Kind.POSTING), effects, findings)


def settle(
    state: SettlementState, facts: Facts, planned: Iterable[Effect], effects: Sink, findings: list[Finding]
) -> None:
    """Add the vouchers that these settlements ask for. `planned` are tonight's postings and voids."""
    named = {(item["root"], item["customer"]) for row in state.rows for item in row["items"]}
    tonight: dict[tuple[str, str], list[Effect]] = defaultdict(list)
    for effect in planned:
        if effect.kind not in (Kind.POSTING, Kind.VOID):
            continue
        share = str(effect.details["entry"]), effect.content.party
        if share in named:
            tonight[share].append(effect)
    for row in state.unpaid:
        left = ore(row["carried"] - row["paid"])
        text = f"settlement {row['number']} leaves {display(left)} of entry {row['root']} unpaid"
        findings.append(Finding("SETTLEMENT_PAYS_LESS", row["root"], text, left))
    for row in state.rows:
        published, cancelled = f"{row['settlement_id']}:PUBLISHED", f"{row['settlement_id']}:CANCELLED"
        told, times = state.booked.get(published, ({}, 0))
        # An agency may take a cancellation back: what counts is which of the two was booked more often.
        stands = times > state.booked.get(cancelled, ({}, 0))[1]
        if row["status"] == "PUBLISHED":
            source, sign = published, 1
        elif stands:
            source, sign = cancelled, -1
        else:
            continue
        states = state.known.get(source, ())
        subject = f"settlement {row['number']}"
        accounts = facts.settings.accounts.on(row["booking_date"])
        wrong = _wrong(row, subject, accounts, facts.settings)
        if sign > 0 and stands:
            wrong = _changed(row, subject, told) or (wrong if row["repeated"] else None)
        if wrong:
            findings.append(wrong)
            continue
        under_way = any(k.state in BLOCKING for each in (published, cancelled) for k in state.known.get(each, ()))
        if under_way or (sign > 0 and stands):
            continue
        items = [item for item in row["items"] if item["root"] not in state.at_go_live]
        if facts.decisions.get(("SETTLEMENT_WAITS", subject)) == "book":
            # A person has posted what was paid on claims that were handed over by hand: those are not ours to mirror.
            items = [item for item in items if item["customer"] is not None]
        after, waits = _ground(items, state.shares, tonight) if sign > 0 else ([], [])
        if waits:
            text = f"settlement {row['number']} waits for {', '.join(waits[:5])}"
            findings.append(Finding("SETTLEMENT_WAITS", subject, text, ore(row["net"])))
            continue
        # A mirror voucher takes back what was booked, whatever the accounts are today.
        lines = (
            voucher_lines(row, accounts, facts.settings.erp.suspense_account)
            if sign > 0
            else [line | {"amount": -line["amount"]} for line in told["lines"]]
        )
        if lines:
            _book(row, facts, source, sign, lines, states, after, effects, findings)


def _book(
    row: Row,
    facts: Facts,
    source: str,
    sign: int,
    lines: list[dict[str, Any]],
    states: Sequence[Known],
    after: Sequence[str],
    effects: Sink,
    findings: list[Finding],
) -> None:
    ordinal = next_ordinal(states)
    name = facts.name(Kind.SETTLEMENT, source, ordinal)
    suspense = facts.settings.erp.suspense_account
    principal = -sum(line["amount"] for line in lines if line["account"] == suspense)
    told = json.dumps(lines)
    if refused_before(states, ordinal, principal, told) and facts.decisions.get(("EFFECT_REFUSED", name)) != "retry":
        text = f"the ERP refused the voucher of settlement {row['number']}"
        findings.append(Finding("EFFECT_REFUSED", name, text, principal))
        return
    subject = f"settlement {row['number']}"
    difference = ore(row["net"]) - _net(row)
    if sign > 0 and difference:
        text = f"settlement {row['number']}: {display(difference)} is booked as a rounding difference"
        findings.append(Finding("SETTLEMENT_ROUNDED", subject, text, difference))
    effects.append(
        Effect(
            Kind.SETTLEMENT,
            name,
            source,
            ordinal,
            Content(facts.agency, subject, suspense, row["currency"], principal),
            chain=f"settlement {row['settlement_id']}",
            lane="settlements",
            after=tuple(sorted(after)),
            details={
                "settlement_id": row["settlement_id"],
                "number": row["number"],
                "booking_date": row["booking_date"].isoformat(),
                "value_date": row["booking_date"].isoformat(),
                "terms": terms_of(row),
                "lines": lines,
                "facts": told,
            },
            expect={"status": row["status"], "terms": terms_of(row)},
        )
    )


def _ground(
    items: Sequence[Row], shares: Mapping[tuple[str, str], Row], tonight: Mapping[tuple[str, str], Sequence[Effect]]
) -> tuple[list[str], list[str]]:
    """What the voucher comes after (references), and which entries it must wait for."""
    after: list[str] = []
    waits: list[str] = []
    for item in items:
        key = (item["root"], item["customer"])
        share, planned = shares.get(key), tonight.get(key, ())
        after += [effect.reference for effect in planned]
        leaves = any(effect.kind == Kind.VOID for effect in planned)
        right = share is not None and share["carried"] == (share["posted"] or 0) and not leaves
        posts = any(effect.kind == Kind.POSTING for effect in planned)
        emptied = bool(planned) and share is not None and share["carried"] == 0
        if not (right or posts or emptied) and item["root"] not in waits:
            waits.append(item["root"])
    return after, waits


def _wrong(row: Row, subject: str, accounts: AccountSettings, settings: CompanySettings) -> Finding | None:
    """Why a settlement may not be booked as it stands."""
    number = row["number"]
    if row["status"] != "PUBLISHED":
        return None
    if row["repeated"]:
        text = f"settlement {number} settles {', '.join(row['repeated'][:5])} once more"
        return Finding("SETTLEMENT_REPEATS", subject, text, ore(row["net"]))
    if row["currency"] != settings.currency:
        return Finding("CURRENCY_NOT_SUPPORTED", subject, f"settlement {number} is in {row['currency']}")
    if row["unknown"]:
        text = f"settlement {number} names {', '.join(row['unknown'][:5])}"
        return Finding("SETTLEMENT_UNKNOWN_ITEM", subject, text)
    difference = ore(row["net"]) - _net(row)
    apart = [
        f"{term} {row[term]} against lines {row[f'{term}_lines']}"
        for term in ("principal", "interest", "fees", "commission")
        if row[term] != row[f"{term}_lines"]
    ]
    if abs(difference) > ore(accounts.rounding_tolerance):
        apart.insert(0, f"net {row['net']} against {display(_net(row))}")
    if apart:
        text = f"settlement {number}: {', '.join(apart)}"
        return Finding("SETTLEMENT_DOES_NOT_ADD_UP", subject, text, difference)
    if row["odd_vat"]:
        text = f"settlement {number}: the VAT of {', '.join(row['odd_vat'][:5])} fits no Norwegian rate"
        return Finding("SETTLEMENT_VAT_UNKNOWN", subject, text, ore(row["vat"]))
    beyond = row["vat"] - row["vat_lines"]
    if beyond and not any(abs(beyond - row["expenses"] * rate) <= Decimal("0.01") for rate in VAT_RATES):
        text = f"settlement {number}: {beyond} of VAT beyond its lines fits no Norwegian rate on {row['expenses']}"
        return Finding("SETTLEMENT_VAT_UNKNOWN", subject, text, ore(beyond))
    for term, keeper in (("interest", accounts.interest_kept_by), ("fees", accounts.fees_kept_by)):
        if row[term] and keeper == "agency":
            text = f"settlement {number} passes on {row[term]} of {term}, which the agency keeps by the settings"
            return Finding("SETTLEMENT_AGAINST_TERMS", subject, text, ore(row[term]))
    return None


def _changed(row: Row, subject: str, booked: Mapping[str, Any]) -> Finding | None:
    """A settlement that no longer says what was booked for it."""
    terms, now = booked.get("terms"), terms_of(row)
    if not terms or terms == now:
        return None
    apart = ", ".join(
        f"{term} {display(terms[term])} → {display(now[term])}" for term in now if terms[term] != now[term]
    )
    text = f"settlement {row['number']} was booked and then changed: {apart}"
    return Finding("SETTLEMENT_CHANGED", subject, text, now["net"] - terms["net"])


TERMS = ("principal", "interest", "fees", "commission", "expenses", "vat", "offset_amount", "net")


def terms_of(row: Row) -> dict[str, int]:
    """What a settlement says it is made of, øre."""
    return {term: ore(row[term]) for term in TERMS}


def _net(row: Row) -> int:
    """What the terms add up to, øre: collected for the creditor, less what the agency keeps and earlier items."""
    collected = row["principal"] + row["interest"] + row["fees"]
    return ore(collected - row["commission"] - row["expenses"] - row["vat"] - row["offset_amount"])


def voucher_lines(row: Row, accounts: AccountSettings, suspense: str) -> list[dict[str, Any]]:
    """The voucher of a settlement as signed lines (debit positive, øre) that add up to zero.

    Without VAT registration the VAT is cost (merverdiavgiftsloven § 8-1 gives the deduction to registered businesses
    only). Booked net, what the agency keeps is deducted from the income passed on, in one line.
    """
    vat = Decimal(row["vat"])
    commission, expenses = Decimal(row["commission"]), Decimal(row["expenses"])
    interest, fees = Decimal(row["interest"]), Decimal(row["fees"])
    if not accounts.vat_registered:
        # The VAT follows the cost it was charged on; where there is none, it is the price of fees the agency kept.
        commission, vat = commission + vat, Decimal(0)
    rounding = Decimal(_net(row) - ore(row["net"])) / 100
    lines = [
        (accounts.payout_clearing, Decimal(row["net"]) + row["offset_amount"], "payout"),
        (accounts.input_vat, vat, "VAT on the agency's fee"),
        (suspense, -Decimal(row["principal"]), "principal settled"),
        (accounts.rounding, rounding, "rounding"),
    ]
    if accounts.fees_booked == "net":
        lines.append((accounts.fee_income, commission + expenses - interest - fees, "interest and fees less costs"))
    else:
        lines += [
            (accounts.commission_cost, commission, "commission"),
            (accounts.expense_cost, expenses, "expenses"),
            (accounts.interest_income, -interest, "interest passed on"),
            (accounts.fee_income, -fees, "fees passed on"),
        ]
    return [
        {"account": account, "amount": ore(amount), "text": f"{text}, settlement {row['number']}"}
        for account, amount, text in lines
        if amount
    ]


def finish_vouchers(rows: Sequence[Row], facts: Facts, effects: Sink, findings: list[Finding]) -> None:
    """Vouchers that were created but are not released are finished, never made again; drafts are left to a person.

    `rows` are such effects in order, with the status of their settlement `now`, or None.
    """
    for row in rows:
        text = f"voucher {row['remote_id']} of {display(row['amount'])} for {row['document']} is not released"
        if facts.settings.accounts.settlement_voucher == "draft":
            if row["now"] not in (None, str(row["source"]).rpartition(":")[2]):
                text += f", and was {row['now']} meanwhile: delete the draft, do not release it"
            findings.append(Finding("SETTLEMENT_DRAFT", row["reference"], text, row["amount"]))
            continue
        findings.append(Finding("POSTING_NOT_RELEASED", row["reference"], text, row["amount"]))
        effects.append(
            Effect(
                Kind.SETTLEMENT,
                row["reference"],
                row["source"],
                row["ordinal"],
                Content(row["party"], row["document"], row["account"], row["currency"], row["amount"]),
                chain=row["chain"],
                lane="settlements",
                details=row["details"],
                expect={"status": "", "terms": {}},
            )
        )
