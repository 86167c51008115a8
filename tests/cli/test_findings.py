"""Findings, from being seen to being over: what people see of them, do about them, and are answered."""

import json
from datetime import date, timedelta

import pytest

from cloudcollect_pipeline.cli import context
from cloudcollect_pipeline.dispatch.journal import Journal, as_effect
from cloudcollect_pipeline.domain.effect import Effect, Kind
from tests.cli.conftest import Command, Town


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
    assert "resolved by" in cloudcollect("findings", "list").out
    assert "still seen" not in cloudcollect("findings", "list").out
    cloudcollect("run", "--at", approved.night())
    night = approved.nights[-1][:10]
    assert f"still seen on night {night}" in cloudcollect("findings", "list").out
    assert "1 resolved and still seen" in cloudcollect("status").out
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


def test_a_finding_resolved_twice_is_told_who_did_it_and_what_may_still_be_said(
    approved: Town, cloudcollect: Command
) -> None:
    resolve = ("findings", "resolve", str(_written_off(approved, cloudcollect)), "--note")
    assert cloudcollect(*resolve, "will ask").code == 0
    again = cloudcollect(*resolve, "asked")
    assert again.code == 2
    for part in ("resolved already", f"by {context.who()} at", "will ask", "--action accept|keep"):
        assert part in again.err, again.err
    assert cloudcollect(*resolve, "agreed", "--action", "keep").code == 0
    assert "answered keep" in cloudcollect(*resolve, "agreed", "--action", "keep").err
    assert "instead of keep" in cloudcollect(*resolve, "no, tell them", "--action", "accept").out
    assert cloudcollect("run", "--at", approved.night()).code == 0
    over = cloudcollect(*resolve, "agreed")
    assert over.code == 2
    assert f"is over since night {approved.nights[-1][:10]}; it was resolved by" in over.err


def test_an_ignored_finding_needs_nobody_until_its_day(approved: Town, cloudcollect: Command) -> None:
    number = str(_written_off(approved, cloudcollect))
    last = date.fromisoformat(approved.nights[-1][:10])
    ignore = ("findings", "ignore", number, "--note", "decided on Thursday", "--until")
    for until in (str(last), "soon"):
        assert cloudcollect(*ignore, until).code == 2
    day = last + timedelta(days=2)
    assert cloudcollect(*ignore, str(day)).code == 0
    assert cloudcollect("findings", "list").out.splitlines() == [
        f"no findings on night {last}",
        "1 ignored for now: --all shows them too",
    ]
    assert json.loads(cloudcollect("findings", "list", "--json").out) == []
    (kept,) = json.loads(cloudcollect("findings", "list", "--all", "--json").out)
    assert kept["remarks"] == [f"ignored by {context.who()} until {day}"]

    quiet = cloudcollect("run", "--at", approved.night())
    assert quiet.code == 0
    assert "none · 1 ignored for now" in quiet.out
    assert cloudcollect("run", "--at", approved.night()).code == 3
    assert f"no longer ignored on night {day}" in cloudcollect("findings", "show", number).out


def test_a_finding_is_assigned_and_found_by_whose_it_is(approved: Town, cloudcollect: Command) -> None:
    number = str(_written_off(approved, cloudcollect))

    def listed(*options: str) -> list[str]:
        return [str(f["id"]) for f in json.loads(cloudcollect("findings", "list", *options, "--json").out)]

    assert (listed("--owner", "finance"), listed("--owner", "data team"), listed("--mine")) == ([number], [], [])
    assert cloudcollect("findings", "assign", number, context.who(), "--note", "knows the customer").code == 0
    assert listed("--mine") == [number]
    assert f"assigned to {context.who()}" in cloudcollect("findings", "list").out
    assert cloudcollect("findings", "assign", number, "nobody", "--note", "on holiday").code == 0
    assert listed("--mine") == []
    assert "no such findings" in cloudcollect("findings", "list", "--mine").out
    assert cloudcollect("findings", "list", "--owner", "somebody").code == 2
    assert cloudcollect("findings", "assign", number, "nobody", "--note", " ").code == 2


def test_a_finding_that_comes_back_says_so(approved: Town, cloudcollect: Command) -> None:
    for broken in (True, False, True, False, True):
        if broken:
            approved.world.agency_faults.add("html", "GET", r"/v1/settlements$", count=2)
        cloudcollect("run", "--at", approved.night())
    (finding,) = json.loads(cloudcollect("findings", "list", "--json").out)
    assert (finding["code"], finding["came_back"]) == ("FEED_INCOMPLETE", 2)
    assert (finding["first_night"], finding["gone_night"]) == (approved.nights[-1][:10], approved.nights[-2][:10])
    assert "came back, 2nd time" in cloudcollect("findings", "list").out
    assert "kom tilbake, 2. gang" in cloudcollect("findings", "list", "--lang", "nb").out


def test_findings_are_told_in_norwegian(approved: Town, cloudcollect: Command) -> None:
    number = str(_written_off(approved, cloudcollect))
    listed = cloudcollect("findings", "list", "--lang", "nb").out
    for part in ("alvor", "spørsmål", "økonomi", "En avskriving på en overført faktura", "Invoice"):
        assert part in listed, listed
    assert "Svar accept for å melde den" in cloudcollect("findings", "show", number, "--lang", "nb").out
    assert cloudcollect("findings", "list", "--lang", "nn").code == 2
