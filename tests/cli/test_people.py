"""The hold list and answers to findings."""

import json

import pytest

from cloudcollect_pipeline.dispatch.journal import Journal, as_effect
from cloudcollect_pipeline.domain.effect import Effect, Kind
from tests.cli.conftest import Command, Town


def test_the_hold_list(approved: Town, cloudcollect: Command) -> None:
    assert cloudcollect("hold", "list").out == "nothing is held\n"
    added = cloudcollect("hold", "add", approved.invoice, "--reason", "promised to pay", "--until", "2026-02-01")
    assert added.code == 0
    assert cloudcollect("hold", "add", "customer", "10002", "--reason", "complaint").code == 0
    listed = json.loads(cloudcollect("hold", "list", "--json").out)
    assert [(h["subject"], h["until"], h["reason"]) for h in listed] == [
        (f"Invoice {approved.invoice}", "2026-02-01", "promised to pay"),
        ("customer 10002", None, "complaint"),
    ]
    ran = cloudcollect("run", "--at", approved.night())
    assert "1 hold" in ran.out
    assert cloudcollect("hold", "remove", f"invoice {approved.invoice}").code == 0
    assert cloudcollect("hold", "remove", approved.invoice).code == 2
    assert [h["subject"] for h in json.loads(cloudcollect("hold", "list", "--json").out)] == ["customer 10002"]


def test_a_hold_needs_a_known_subject_and_a_date(approved: Town, cloudcollect: Command) -> None:
    for arguments, text in (
        (("999999",), "no receivable with this number"),
        (("payment 7",), "not something to hold"),
        (("customer 1", "--until", "soon"), "not a date"),
    ):
        said = cloudcollect("hold", "add", *arguments, "--reason", "x")
        assert (said.code, text in said.err) == (2, True), said


def _written_off(town: Town, cloudcollect: Command) -> int:
    town.world.erp().write_off(town.invoice, 50_000)
    assert cloudcollect("run", "--at", town.night()).code == 3
    (finding,) = json.loads(cloudcollect("findings", "list", "--json").out)
    assert (finding["code"], finding["severity"]) == ("WRITE_OFF_ABOVE_TOLERANCE", "question")
    return int(finding["id"])


def test_a_finding_that_is_answered_is_acted_on(approved: Town, cloudcollect: Command) -> None:
    number = _written_off(approved, cloudcollect)
    shown = cloudcollect("findings", "show", str(number))
    for part in ("do this", "500,00", "accept|keep"):
        assert part in shown.out
    assert json.loads(cloudcollect("findings", "show", str(number), "--json").out)["actions"] == ["accept", "keep"]

    wrong = cloudcollect("findings", "resolve", str(number), "--note", "x", "--action", "adopt")
    assert wrong.code == 2
    assert "accept, keep" in wrong.err
    assert cloudcollect("findings", "resolve", str(number), "--note", "agreed", "--action", "accept").code == 0
    assert json.loads(cloudcollect("findings", "show", str(number), "--json").out)["decided"] == "accept"

    ran = cloudcollect("run", "--at", approved.night())
    assert ran.code == 0
    assert "1 reduction 500,00 → agency" in ran.out
    assert not approved.world.truth()["nordlys"].unequal
    assert cloudcollect("findings", "list").out.startswith("no findings")


def test_a_finding_may_be_resolved_with_a_note_alone(approved: Town, cloudcollect: Command) -> None:
    number = _written_off(approved, cloudcollect)
    said = cloudcollect("findings", "resolve", str(number), "--note", "will ask")
    assert said.code == 0
    assert "--action accept|keep" in said.out
    assert "(resolved)" in cloudcollect("findings", "list").out
    assert cloudcollect("findings", "resolve", "77", "--note", "x").code == 2


def test_adopting_names_the_document(approved: Town, cloudcollect: Command) -> None:
    claim = approved.world.agency.claim_for("nordlys", approved.invoice)
    assert claim is not None
    approved.world.agency.book_direct(claim, 40_000)
    assert cloudcollect("run", "--at", approved.night()).code == 3
    (finding,) = json.loads(cloudcollect("findings", "list", "--json").out)
    assert finding["code"] == "CREDITOR_ENTRY_UNKNOWN"
    resolve = ("findings", "resolve", str(finding["id"]), "--note", "found it", "--action")
    assert cloudcollect(*resolve, "adopt").code == 2
    assert cloudcollect(*resolve, "adopt Letter 1").code == 2
    paid = approved.world.erp().pay(approved.invoice, 40_000)
    assert cloudcollect(*resolve, f"adopt payment {paid.number}").code == 0
    assert cloudcollect("run", "--at", approved.night()).code == 0
    assert not approved.world.truth()["nordlys"].unequal


@pytest.mark.parametrize(("answer", "state"), [("done", "confirmed"), ("undone", "absent")])
def test_an_effect_in_quarantine_moves_where_a_person_says(
    approved: Town, cloudcollect: Command, answer: str, state: str
) -> None:
    tenant, now = approved.world.company().tenant_id, approved.world.now
    journal = Journal(approved.data, "nordlys", tenant, now)
    (sent,) = map(as_effect, journal.effects(kind=Kind.TRANSFER))
    twin = Effect(sent.kind, "QUARANTINED7777", "Invoice 7", 1, sent.content, sent.chain, sent.lane)
    journal.record(twin, "quarantined", now, now.date())
    journal.close()

    assert cloudcollect("run", "--at", approved.night()).code == 3
    (finding,) = json.loads(cloudcollect("findings", "list", "--json").out)
    assert (finding["code"], finding["subject"]) == ("EFFECT_QUARANTINED", "QUARANTINED7777")
    resolve = ("findings", "resolve", str(finding["id"]), "--note", "looked", "--action", answer)
    assert cloudcollect(*resolve).code == 0
    journal = Journal(approved.data, "nordlys", tenant, now)
    moved = journal.effect("QUARANTINED7777")
    journal.close()
    assert moved is not None
    assert moved.state == state
    assert cloudcollect(*resolve).code == 2  # it is not in quarantine any more
