"""The contract kits: the adapters of this package pass, and the check that asks for it finds each planted flaw."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from cloudcollect_pipeline.cli.app import app
from cloudcollect_pipeline.domain.errors import CounterpartyError, Refused, Uncertain, Unreadable
from cloudcollect_pipeline.testing import AgencyContract, AgencyRig, run_contract
from cloudcollect_pipeline.testing.in_tree import CloudCollectContract, DebituraContract, VismaNetContract


class TestCloudCollect(CloudCollectContract):
    """The reference format keeps the contract."""


class TestVismaNet(VismaNetContract):
    """Visma.net keeps the contract."""


def test_debitura_keeps_the_contract_as_far_as_its_interface_goes():
    outcomes = run_contract(DebituraContract())
    assert [outcome for outcome in outcomes if outcome.state == "failed"] == []
    assert [outcome.why for outcome in outcomes if outcome.state == "unsupported"] == [
        "pause", "recall", "report_payment", "take_back", "settlements", "questions", "update_debtor",
        "changes to a claim",
    ]  # fmt: skip


class Flawed:
    """An adapter with some of its methods replaced; each replacement is given the sound adapter first."""

    def __init__(self, sound: Any, **flaws: Callable[..., Any]) -> None:
        self._sound, self._flaws = sound, flaws

    def __getattr__(self, name: str) -> Any:
        flaw = self._flaws.get(name)
        return getattr(self._sound, name) if flaw is None else lambda *args: flaw(self._sound, *args)


def flawed(contract: type, port: str, **flaws: Callable[..., Any]) -> Any:
    class WithFlaws(contract):  # type: ignore[misc]
        @contextmanager
        def rig(self) -> Iterator[Any]:
            with super().rig() as rig:
                yield replace(rig, **{port: Flawed(getattr(rig, port), **flaws)})

    return WithFlaws()


def again(name: str) -> Callable[..., Any]:
    def write(sound: Any, new: Any) -> Any:
        try:
            return getattr(sound, name)(new)
        except Uncertain:
            return getattr(sound, name)(new)

    return write


def as_refused(sound: Any, claim: Any) -> Any:
    try:
        return sound.create_claim(claim)
    except Uncertain as error:
        raise Refused(str(error)) from None


def until_it_breaks(sound: Any, feed: str, since: Any) -> Iterator[list[bytes]]:
    try:
        yield from sound.pages(feed, since)
    except Unreadable:
        return


def first_page(sound: Any, feed: str, since: Any) -> Iterator[list[bytes]]:
    yield next(sound.pages(feed, since))


def no_news(sound: Any, feed: str, since: Any) -> Iterator[list[bytes]]:
    return iter(()) if since else sound.pages(feed, since)


def empty_on_failure(sound: Any, references: Any) -> Any:
    try:
        return sound.find(references)
    except CounterpartyError:
        return {}


def personal(sound: Any, claim: Any) -> Any:
    try:
        return sound.create_claim(claim)
    except Refused as error:
        raise Refused(f"{claim.debtor.name}: {error}") from None


def another_amount(sound: Any, references: Any) -> Any:
    return {name: replace(held, amount=held.amount + 1) for name, held in sound.find(references).items()}


def every_claim(sound: Any, ids: Any) -> list[bytes]:
    return [record for page in sound.pages("claims", None) for record in page]


def released_at_once(sound: Any, payment: Any) -> Any:
    receipt = sound.create_payment(payment)
    sound.release_payment("Payment", receipt.id)
    sound.payment("Payment", receipt.id)
    return receipt


def without_entries(sound: Any, feed: str, since: Any) -> Iterator[list[bytes]]:
    return iter(()) if feed == "entries" else sound.pages(feed, since)


def as_done(name: str) -> Callable[..., Any]:
    def write(sound: Any, *args: Any) -> None:
        with suppress(Uncertain):
            getattr(sound, name)(*args)

    return write


def half_of_it(sound: Any, claim_id: str, debtor: Any) -> None:
    sound.update_debtor(claim_id, replace(debtor, postal_code="0155"))


def overwrites(sound: Any, key: Any, fields: Any, judged_by: Any = None) -> None:
    sound.set_case_fields(key, fields)


AGENCY_FLAWS: dict[str, tuple[dict[str, Callable[..., Any]], str]] = {
    "a write that is tried again": ({"create_claim": again("create_claim")}, "a_server_error_says_nothing"),
    "an open outcome told as a no": ({"create_claim": as_refused}, "a_write_without_an_answer_is_uncertain"),
    "a feed that ends where a page breaks": ({"pages": until_it_breaks}, "a_page_that_cannot_be_read_is_told"),
    "a look-up that finds nothing": ({"find": lambda sound, references: {}}, "is_found_under_its_reference"),
    "a look-up with another amount": ({"find": another_amount}, "is_found_under_its_reference"),
    "a fresh read that gives everything": ({"claims": every_claim}, "a_claim_is_read_again_by_its_id"),
    "a hold that is not set": ({"set_hold": lambda sound, *args: None}, "a_claim_is_paused_and_resumed"),
    "a feed that ends after its first page": ({"pages": first_page}, "all_that_is_asked_for"),
    "a feed without news": ({"pages": no_news}, "news_since_a_moment"),
    "a look-up that hides its failure": ({"find": empty_on_failure}, "a_look_up_that_fails"),
    "a refusal that names the debtor": ({"create_claim": personal}, "a_refusal_names_nobody"),
    "a report that is not made": ({"create_reduction": lambda sound, told: None}, "a_payment_to_the_creditor"),
    "a fresh settlement that is not told": ({"settlements": lambda sound, ids: []}, "a_settlement_adds_up"),
    "entries that settlements name are missing": ({"pages": without_entries}, "a_settlement_adds_up"),
    "a question that is not told": ({"questions": lambda sound: []}, "a_question_is_told"),
    "an answer that is not given": ({"answer": lambda sound, *args: None}, "a_question_is_told"),
    "a debtor that is not told": ({"update_debtor": lambda sound, *args: None}, "a_changed_debtor"),
    "a debtor told of half": ({"update_debtor": half_of_it}, "a_changed_debtor"),
    "a hold told as set though nobody knows": ({"set_hold": as_done("set_hold")}, "a_change_without_an_answer"),
    "a debtor told as changed": ({"update_debtor": as_done("update_debtor")}, "a_change_without_an_answer"),
    "an answer told as given": ({"answer": as_done("answer")}, "a_change_without_an_answer"),
}
ERP_FLAWS: dict[str, tuple[dict[str, Callable[..., Any]], str]] = {
    "a posting that is tried again": ({"create_payment": again("create_payment")}, "a_server_error_says_nothing"),
    "a posting that is released at once": ({"create_payment": released_at_once}, "is_created_unreleased"),
    "a look-up that finds nothing": ({"posted_payments": lambda sound, since: iter(())}, "found_by_its_reference"),
    "a void that is not made": ({"void_payment": lambda sound, number: None}, "a_voided_payment_is_undone"),
    "periods in disorder": ({"periods": lambda sound: sound.periods()[::-1]}, "periods_stand_in_order"),
    "a case that is not shown": ({"set_case_fields": lambda sound, *args: None}, "the_case_is_shown"),
    "a case that overwrites": ({"set_case_fields": overwrites}, "a_case_is_not_written_on_an_invoice_that"),
    "a feed that ends where a page breaks": ({"pages": until_it_breaks}, "a_page_that_cannot_be_read_is_told"),
}


@pytest.mark.parametrize("flaw", AGENCY_FLAWS)
def test_a_flawed_agency_is_found_out(flaw):
    flaws, part = AGENCY_FLAWS[flaw]
    outcomes = run_contract(flawed(CloudCollectContract, "agency", **flaws), part)
    assert {outcome.state for outcome in outcomes} == {"failed"}


@pytest.mark.parametrize("told", [timedelta(0), timedelta(minutes=-10)])
def test_a_clock_that_is_told_wrong_is_found_out(told):
    class Steady(Flawed):
        clock_skew = told

    class WithSteadyClock(VismaNetContract):
        @contextmanager
        def rig(self) -> Iterator[Any]:
            with super().rig() as rig:
                yield replace(rig, erp=Steady(rig.erp))

    (outcome,) = run_contract(WithSteadyClock(), "how_far_its_clock")
    assert outcome.state == "failed"


def test_what_a_rig_cannot_bring_about_is_unsupported_and_says_so():
    class Plain(CloudCollectContract):
        @contextmanager
        def rig(self) -> Iterator[Any]:
            with super().rig() as rig:
                yield AgencyRig(rig.agency, rig.server)

    told = {
        outcome.why
        for part in ("settlement_adds", "question_is", "debtor_is")
        for outcome in run_contract(Plain(), part)
    }
    assert told == {"the rig has no pay_out", "the rig has no ask", "the rig has no debtor_of"}


@pytest.mark.parametrize("flaw", ERP_FLAWS)
def test_a_flawed_erp_is_found_out(flaw):
    flaws, part = ERP_FLAWS[flaw]
    outcomes = run_contract(flawed(VismaNetContract, "erp", **flaws), part)
    assert {outcome.state for outcome in outcomes} == {"failed"}


def test_what_an_agency_does_not_offer_is_unsupported_and_not_failed():
    def offers_little(sound: Any) -> Any:
        return replace(sound.capabilities, pause=False, recall=False, report_payment=False, take_back=False)

    class Small(CloudCollectContract):
        @contextmanager
        def rig(self) -> Iterator[Any]:
            with super().rig() as rig:
                rig.agency.capabilities = offers_little(rig.agency)
                yield rig

    outcomes = [
        outcome
        for part in ("paused", "recalled", "creditor_lowers", "taken_back")
        for outcome in run_contract(Small(), part)
    ]
    assert [outcome.state for outcome in outcomes] == ["unsupported"] * 4


def test_a_contract_without_a_rig_says_what_to_define():
    (outcome,) = run_contract(AgencyContract(), "every_feed_is_mapped")
    assert (outcome.state, "define rig()" in outcome.why) == ("failed", True)


def test_the_command_puts_an_adapter_to_the_test():
    ran = CliRunner().invoke(app, ["adapter", "test", "visma_net", "--json"])
    told = json.loads(ran.stdout)
    assert (ran.exit_code, told["passed"], told["adapter"]) == (0, len(told["checks"]), "visma_net")
    assert CliRunner().invoke(app, ["adapter", "test", "nobody"]).exit_code != 0
