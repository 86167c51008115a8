"""The hold list."""

import json
import re
from contextlib import closing

from cloudcollect_pipeline.cli.context import write_private
from cloudcollect_pipeline.dispatch.journal import Journal
from tests.cli.conftest import FIRST, Command, Town


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


def test_a_hold_of_what_no_night_has_read_is_taken_down_and_doubted(approved: Town, cloudcollect: Command) -> None:
    for subject, known in ((f"Invoice {approved.invoice}", True), (f"Invoice {approved.invoice}9", False)):
        said = cloudcollect("hold", "add", *subject.split(), "--reason", "disputed")
        assert (said.code, "look at the number again" in said.out) == (0, not known)
    cloudcollect("run", "--at", approved.night())
    findings = json.loads(cloudcollect("findings", "list", "--json").out)
    assert [f["subject"] for f in findings if f["code"] == "HOLD_OF_NOTHING"] == [f"Invoice {approved.invoice}9"]


def test_a_hold_needs_a_known_subject_and_a_date(approved: Town, cloudcollect: Command) -> None:
    for arguments, text in (
        (("999999",), "no receivable with this number"),
        (("payment 7",), "not something to hold"),
        (("customer 1", "--until", "soon"), "not a date"),
    ):
        said = cloudcollect("hold", "add", *arguments, "--reason", "x")
        assert (said.code, text in said.err) == (2, True), said


def test_a_creditor_with_two_agencies_has_one_hold_list(approved: Town, cloudcollect: Command) -> None:
    told = approved.file.read_text()
    second = told.replace("companies.nordlys", "companies.nordlys-fjord")
    for name, value in (("suspense_cash_account", "1513"), ("suspense_account", "1513"), ("id", "fjord")):
        second = re.sub(rf'^{name} = ".*"$', f'{name} = "{value}"', second, flags=re.MULTILINE)
    write_private(approved.file, f"{told}\n{second}")
    tenant = approved.world.companies["nordlys"].tenant_id
    Journal(approved.folder / "data" / "nordlys-fjord", "nordlys-fjord", tenant, FIRST).close()

    def listed(company: str) -> list[str]:
        with closing(Journal(approved.folder / "data" / company, company, "", FIRST, read_only=True)) as journal:
            return [hold["subject"] for hold in journal.holds()]

    said = cloudcollect("hold", "add", "customer", "10002", "--reason", "disputed", "--company", "nordlys-fjord")
    assert (said.code, "nordlys-fjord and nordlys" in said.out) == (0, True)
    assert listed("nordlys") == listed("nordlys-fjord") == ["customer 10002"]
    assert cloudcollect("hold", "remove", "customer", "10002", "--company", "nordlys").code == 0
    assert listed("nordlys") == listed("nordlys-fjord") == []
