"""`explain`: everything known of an invoice, a case, a payment or a settlement, in order, and what happens next."""

from typing import Any

from cloudcollect_pipeline.cli import context
from cloudcollect_pipeline.cli.exits import OK, USAGE, Stop
from cloudcollect_pipeline.cli.explain_claims import Case, Receivable
from cloudcollect_pipeline.cli.explain_money import Entry, Payment, Settlement
from cloudcollect_pipeline.cli.screen import say_json
from cloudcollect_pipeline.cli.telling import QUERIES, Told
from cloudcollect_pipeline.ledger.ledger import sql
from cloudcollect_pipeline.ledger.light import without_pandas
from cloudcollect_pipeline.reporting.published import Snapshot, snapshot
from cloudcollect_pipeline.reporting.published_ledger import PublishedLedger


def run(words_: list[str], slug: str | None, *, as_json: bool) -> int:
    """Explain what a number or a name stands for."""
    settings = context.settings()
    with without_pandas(), snapshot(settings, context.company(settings, slug)) as seen:
        about = _explained(seen, " ".join(words_))
        if as_json:
            say_json(about.as_json())
        else:
            about.show()
    return OK


def _explained(seen: Snapshot, text: str) -> Told:
    ledger = seen.ledger = seen.mirrors()
    found = _find(ledger, text)
    # Of a million receivables only those of these customers are looked at.
    ledger.db.execute(
        sql("customers_about", QUERIES), {name: found[name] for name in ("kind", "document_type", "number")}
    )
    ledger.db.execute(sql("narrow", QUERIES))
    seen.prepare(ledger)
    match found["kind"]:
        case "payment":
            return Payment(seen, found)
        case "entry":
            return Entry(seen, found["number"])
        case "settlement":
            return Settlement(seen, found["number"])
        case "case":
            return _case(seen, found["number"], text)
    rows = ledger.rows(
        "from receivable_now where document_type = ? and number = ?", [found["document_type"], found["number"]]
    )
    if not rows:
        name = f"{found['document_type']} {found['number']}"
        raise Stop(f"{text} is a claim on {name}, which the ERP does not list", USAGE)
    return Receivable(seen, rows[0])


def _case(seen: Snapshot, case_id: str, text: str) -> Told:
    case = seen.ledger.rows(sql("on_case", QUERIES), {"number": case_id})
    if not case:
        raise Stop(f"no claim in case {text} is on a receivable that the ERP lists", USAGE)
    return Receivable(seen, case[0]) if len(case) == 1 else Case(seen, case_id)


def _find(ledger: PublishedLedger, text: str) -> dict[str, Any]:
    kind, _, number = text.partition(" ")
    asked = {"number": number or kind, "word": kind.lower() if number else None, "text": text}
    rows = ledger.rows(sql("find", QUERIES), asked)
    if not rows:
        raise Stop(
            f"{text} is neither a receivable, a claim, a case, a payment nor a settlement that the last night knew",
            USAGE,
        )
    if len(rows) > 1:
        names = ", ".join(f"{row['document_type'] or row['kind']} {row['number']}" for row in rows[:5])
        raise Stop(f"{text} is not the only one: name one of {names}", USAGE)
    return rows[0]
