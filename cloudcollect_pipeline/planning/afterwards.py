"""What a claim needs after its transfer, money apart: holds, changed debtors, answers, and its case on the invoice."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from cloudcollect_pipeline.domain.calendar import latest_due_date
from cloudcollect_pipeline.domain.debtor import debtor_mark
from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.domain.money import ore
from cloudcollect_pipeline.ledger.ledger import Ledger, sql
from cloudcollect_pipeline.planning.deltas import BLOCKING, Known, next_ordinal, refused_before
from cloudcollect_pipeline.planning.effects import Sink
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.known import known_effects

HERE = "cloudcollect_pipeline.planning.sql"
MADE_UP = {"NOT_CREDITED", "NOT_WRITTEN_OFF"}
"""Rules whose failing is first of all reported: only a claim that is closed by it may be recalled for it."""
EXCLUDED = {"NOT_EXCLUDED", "CUSTOMER_NOT_EXCLUDED"}
STRENGTH = {"NONE": 0, "ASK": 1, "PAUSED": 2, "RECALLED": 3}
DUE_DATE_MOVED = "due date moved"


def wanted_hold(
    document: str, failed: Sequence[str], principal_open: int, due: date, transferred_due: str | None, facts: Facts
) -> tuple[str, str]:
    """The hold that a live claim should have tonight, and why: by the stop rules its receivable fails.

    `principal_open` is the claim's at the agency, øre; `due` is the due date now, `transferred_due` (yyyy-MM-dd) the
    one it was handed over with. `ASK` is no hold: the settings leave it to a person, who has not answered yet.
    """
    policy = facts.settings.policy
    failed = [code for code in failed if principal_open <= 0 or code not in MADE_UP]
    by_policy = {"pause": "PAUSED", "recall": "RECALLED", "leave": "NONE", "report": "NONE", "keep": "NONE", "": "ASK"}
    wanted, reason = "NONE", "no longer held"
    if due.isoformat() > (transferred_due or "9999") and due > latest_due_date(
        facts.night, policy.grace_days, policy.banking_days
    ):
        wanted, reason = "PAUSED", DUE_DATE_MOVED
    for applies, says, why in (
        ("NOT_DISPUTED" in failed, policy.disputed_after_transfer, "disputed"),
        (bool(EXCLUDED & set(failed)), policy.excluded_after_transfer, "excluded"),
        ("ROUTED_HERE" in failed, policy.routed_away_after_transfer, "routed to another agency"),
        ("NOT_WRITTEN_OFF" in failed, policy.written_off_after_transfer, "written off in full"),
        ("NOT_CREDITED" in failed, policy.credited_after_transfer, "credited in full"),
    ):
        answer = facts.decisions.get(("CLAIM_SHOULD_STOP", f"{document} {why}"), "")  # to this reason, and no other
        asked = by_policy[answer if says == "ask" else says]
        if applies and STRENGTH[asked] >= STRENGTH[wanted]:
            wanted, reason = asked, why
    return wanted, reason


def plan_holds(ledger: Ledger, facts: Facts, findings: list[Finding]) -> Iterator[list[Effect]]:
    """Pause, resume or recall live claims as the stop rules and the settings ask for, some at a time."""
    known = known_effects(ledger, Kind.HOLD)
    last_hold = {
        row["source"]: (json.loads(row["details"])["hold"], row["seq"])
        for row in ledger.rows(
            "select source, arg_max(details, ordinal) as details, arg_max(seq, ordinal) as seq from effect "
            "where kind = 'hold' and state = 'confirmed' group by source"
        )
    }
    waiting = {
        row[0]
        for row in ledger.db.execute(
            "select distinct chain from effect where kind = 'reduction' and state in ('intent', 'uncertain')"
        ).fetchall()
    }
    for rows in ledger.batches(sql("holds", HERE)):
        effects: list[Effect] = []
        told = [row | {"details": json.loads(row["details"])} for row in rows]
        holds(told, known, last_hold, waiting, facts, effects, findings)
        yield effects


def holds(
    rows: Sequence[Mapping[str, Any]],
    known: Mapping[str, Sequence[Known]],
    last_hold: Mapping[str, tuple[str, int]],
    waiting: Collection[str],
    facts: Facts,
    effects: Sink,
    findings: list[Finding],
) -> None:
    """Holds of the live claims in `rows`, each with the rules that its receivable fails and its transfer's details.

    By the transfer's reference: `known` its holds in the journal, `last_hold` the newest that was confirmed and the
    journal's entry of that, `waiting` those with a reduction of unknown outcome.
    """
    for row in rows:
        document = row["document"]
        transferred_due = row["details"].get("due_date")
        wanted, reason = wanted_hold(
            document, row["failed"], ore(row["principal_open"]), row["due_date"], transferred_due, facts
        )
        if row["principal_open"] <= 0 and wanted not in ("ASK", "RECALLED"):
            continue  # nothing is left to pause or to go on with
        if reason == DUE_DATE_MOVED:
            text = f"{document} is now due {row['due_date']}"
            findings.append(Finding("DUE_DATE_MOVED", document, text, ore(row["principal_open"])))
        if wanted == "ASK":
            if row["hold"] == "NONE":
                text = f"{document} is {reason} and the claim goes on"
                findings.append(Finding("CLAIM_SHOULD_STOP", f"{document} {reason}", text, ore(row["principal_open"])))
            continue
        if wanted == row["hold"]:
            continue
        last, entry = last_hold.get(row["transfer"], ("", 0))
        surely_last = facts.journal_forgot is None or entry > facts.journal_forgot
        if wanted == "NONE" and not (surely_last and last == "PAUSED"):
            if surely_last or row["hold"] != "PAUSED":
                continue  # not by us
            if facts.decisions.get(("PAUSE_OF_UNKNOWN_ORIGIN", document)) != "resume":
                text = f"the claim for {document} is paused, and the journal does not know by whom"
                findings.append(Finding("PAUSE_OF_UNKNOWN_ORIGIN", document, text, ore(row["principal_open"])))
                continue
        if wanted == "NONE" and (row["transfer"] in waiting or "TRUSTED" in row["failed"]):
            continue
        ordinal = next_ordinal(known.get(row["transfer"], ()))
        name = facts.name(Kind.HOLD, row["transfer"], ordinal)
        if any(k.state in BLOCKING for k in known.get(row["transfer"], ())):
            continue
        told = f"{row['hold']}>{wanted}"
        if (
            refused_before(known.get(row["transfer"], ()), ordinal, 0, told)
            and facts.decisions.get(("EFFECT_REFUSED", name)) != "retry"
        ):
            findings.append(Finding("EFFECT_REFUSED", name, f"the agency refused to set {document} to {wanted}"))
            continue
        effects.append(
            Effect(
                Kind.HOLD,
                name,
                row["transfer"],
                ordinal,
                Content(row["customer"], document, row["claim_id"], row["currency"], 0),
                chain=f"hold {row['transfer']}",
                lane=row["transfer"],
                details={
                    "claim_id": row["claim_id"],
                    "hold": wanted,
                    "reason": reason,
                    "facts": told,
                    "document": document,
                    "transferred_due": transferred_due,
                },
                expect={"hold": row["hold"], "document": document},
            )
        )


def plan_debtors(ledger: Ledger, facts: Facts, effects: Sink, findings: list[Finding]) -> None:
    """A debtor whose name, address or numbers changed since the agency was told them is told anew."""
    if "erp customers" in facts.incomplete_feeds or not facts.capabilities.update_debtor:
        return
    known = known_effects(ledger, Kind.DEBTOR)
    rows = (row for batch in ledger.batches(sql("debtors", HERE)) for row in batch)
    for row in rows:
        if row["told"] is None and facts.journal_forgot is None:
            continue  # transferred before marks were kept: nobody knows what it was told
        states = known.get(row["transfer"], ())
        ordinal = next_ordinal(states)
        name = facts.name(Kind.DEBTOR, row["transfer"], ordinal)
        if any(k.state in BLOCKING for k in states):
            continue
        if refused_before(states, ordinal, 0, row["mark"]) and facts.decisions.get(("EFFECT_REFUSED", name)) != "retry":
            text = f"the agency refused the debtor's new data for {row['document']}"
            findings.append(Finding("EFFECT_REFUSED", name, text))
            continue
        effects.append(
            Effect(
                Kind.DEBTOR,
                name,
                row["transfer"],
                ordinal,
                Content(row["customer"], row["document"], row["claim_id"], row["currency"], 0),
                chain=f"debtor {row['transfer']}",
                lane=row["transfer"],
                details={
                    "claim_id": row["claim_id"],
                    "document": row["document"],
                    "debtor": row["mark"],
                    "facts": row["mark"],
                },
            )
        )


def plan_questions(ledger: Ledger, facts: Facts, effects: Sink, findings: list[Finding]) -> None:
    """What the agency asks is a finding; a person's answer is sent once. Neither text stands in plan or finding."""
    known = known_effects(ledger, Kind.ANSWER)
    for row in ledger.rows(sql("questions", HERE)):
        question, states = row["question_id"], known.get(row["question_id"], ())
        if any(k.state in BLOCKING | {"confirmed"} for k in states):
            continue
        answer = facts.decisions.get(("AGENCY_ASKS", question), "")
        ordinal = next_ordinal(states)
        told = debtor_mark(question, [answer])
        if not answer or refused_before(states, ordinal, 0, told):
            text = f"the agency asks about {row['document']}; until it is answered the claim may stand still"
            findings.append(Finding("AGENCY_ASKS", question, text))
            continue
        effects.append(
            Effect(
                Kind.ANSWER,
                facts.name(Kind.ANSWER, question, ordinal),
                question,
                ordinal,
                Content(row["customer"] or "?", row["document"], row["claim_id"], row["currency"], 0),
                chain=f"question {question}",
                lane=row["transfer"],
                details={"claim_id": row["claim_id"], "question": question, "facts": told},
            )
        )


def plan_case_references(ledger: Ledger, facts: Facts, effects: Sink, findings: list[Finding]) -> None:
    """Put the agency's case on the invoices that do not show it as the agency words it now."""
    if not facts.case_fields:
        return
    for rows in ledger.batches(sql("case_references", HERE)):
        known = known_effects(ledger, Kind.CASE_REFERENCE, (row["document"] for row in rows))
        case_references(rows, known, facts, effects, findings)


def case_references(
    rows: Sequence[Mapping[str, Any]],
    known: Mapping[str, Sequence[Known]],
    facts: Facts,
    effects: Sink,
    findings: list[Finding],
) -> None:
    """The cases in `rows`, which the invoices do not show so; `known` document -> its case fields in the journal."""
    for row in rows:
        document = row["document"]
        told = json.dumps([row["case_number"], row["case_status"], row["case_url"]])
        ordinal = next_ordinal(known.get(document, ()))
        name = facts.name(Kind.CASE_REFERENCE, document, ordinal)
        if (
            refused_before(known.get(document, ()), ordinal, 0, told)
            and facts.decisions.get(("CASE_FIELDS_REFUSED", document)) != "retry"
        ):
            findings.append(
                Finding("CASE_FIELDS_REFUSED", document, f"the ERP refuses case {row['case_number']} on {document}")
            )
            continue
        if any(k.state in BLOCKING for k in known.get(document, ())):
            continue
        effects.append(
            Effect(
                Kind.CASE_REFERENCE,
                name,
                document,
                ordinal,
                Content(row["customer"], document, row["case_number"], row["currency"], 0),
                chain=f"case {document}",
                lane=document,
                details={
                    "document_type": row["document_type"],
                    "number": row["document_number"],
                    "case_number": row["case_number"],
                    "case_status": row["case_status"],
                    "case_url": row["case_url"],
                    "facts": told,
                },
            )
        )
