"""What the night relies on in an agency. Subclass `AgencyContract`, say how to reach yours, and run the checks.

Some checks ask the adapter alone. The others, here and in `kit`, hurt its requests on the way and then ask the agency
what it holds: an outcome that nobody knows must never be told as done, nor as not done.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import count
from typing import Any, ClassVar

from cloudcollect_pipeline.agency.port import Agency, Debtor, NewClaim, NewReduction
from cloudcollect_pipeline.domain.errors import CounterpartyError, Refused, Uncertain
from cloudcollect_pipeline.testing.kit import (
    NOT_READ,
    Contract,
    Unsupported,
    all_of,
    expect,
    needed,
    one_attempt,
    raises,
    rows_of,
)
from cloudcollect_pipeline.testing.proxy import FaultyServer

DEBTOR = Debtor("K1", "Kit Debtor AS", True, "974760673", "Storgata 1", "0155", "Oslo", "NO", None, None)
DAY = date(2026, 1, 15)


@dataclass
class AgencyRig:
    """An adapter that reaches its agency through a faulty server. `settle_down` lets the agency do its own work.

    The last three make happen what only the agency can do; their checks are left out where they are not given:
    `pay_out` has money received on a claim and paid out (the settlement's id), `ask` has a question asked about a claim
    (its id), `debtor_of` tells who the agency now holds to be a claim's debtor.
    """

    agency: Agency
    server: FaultyServer
    settle_down: Callable[[], None] = lambda: None
    pay_out: Callable[[str], str] | None = None
    ask: Callable[[str], str] | None = None
    debtor_of: Callable[[str], Debtor] | None = None
    _numbers: Any = field(default_factory=lambda: count(1))

    @property
    def port(self) -> Agency:
        """The adapter."""
        return self.agency

    def claim(self, **changes: Any) -> NewClaim:
        """A receivable that nobody has handed over yet."""
        number = next(self._numbers)
        made = NewClaim(
            f"KITCLAIM{number:07d}", "Invoice", f"9{number:05d}", None, date(2025, 11, 15), date(2025, 12, 1),
            100_050, 100_050, self.agency.capabilities.currencies[0], 1, date(2025, 12, 20), DEBTOR, None,
        )  # fmt: skip
        return replace(made, **changes)

    def handed_over(self) -> tuple[NewClaim, str]:
        """A claim that the agency has, with its id there."""
        claim = self.claim()
        receipt = self.agency.create_claim(claim)
        self.settle_down()
        return claim, receipt.id


class AgencyContract(Contract[AgencyRig]):
    """Subclass it and define `rig`. Under pytest name the class `Test…`; `run_contract` runs it without pytest."""

    side = "agency"
    tables: ClassVar = {"claims": "claim", "cases": "agency_case", "entries": "entry", "settlements": "settlement"}
    main = "claims"

    def prepare(self, rig: AgencyRig) -> None:
        """A claim is handed over."""
        rig.handed_over()

    def write(self, rig: AgencyRig) -> tuple[Callable[[], object], Callable[[], bool]]:
        """Another claim is handed over."""
        claim = rig.claim()

        def held() -> bool:
            rig.settle_down()
            return claim.reference in rig.agency.find([claim.reference])

        return lambda: rig.agency.create_claim(claim), held

    # -- the adapter alone

    def test_what_is_not_there_is_left_out(self) -> None:
        """Unknown references and ids are left out: no error, and no other record in their place."""
        with self.rig() as rig:
            expect(rig.agency.find(["KITUNKNOWN00000"]) == {}, "find must leave an unknown reference out")
            for read in (rig.agency.claims, rig.agency.entries, rig.agency.settlements):
                expect(read(["kit-unknown"]) == [], f"{read.__name__} must leave an unknown id out")

    def test_a_claim_handed_over_is_found_under_its_reference(self) -> None:
        """What was handed over is held under its reference with its document, currency and principal."""
        with self.rig() as rig:
            claim, id_ = rig.handed_over()
            held = rig.agency.find([claim.reference]).get(claim.reference)
            if held is None:
                raise (
                    Unsupported("find by reference")
                    if not rig.agency.capabilities.look_up_by_reference
                    else (AssertionError(f"find does not know {claim.reference}, which was just handed over"))
                )
            told = (held.kind, held.id, held.document, held.currency, held.amount)
            wanted = ("claim", id_, f"{claim.document_type} {claim.number}", claim.currency, claim.principal)
            expect(told == wanted, f"find tells {told}, not {wanted}")

    def test_a_claim_handed_over_is_in_its_feed(self) -> None:
        """The feed shows it once, as a row that keeps the ledger's contract, open with its whole principal."""
        with self.rig() as rig:
            claim, id_ = rig.handed_over()
            row = self._claim_row(rig, claim.reference)
            told = (row["claim_id"], row["document_number"], row["principal_open"] * 100, row["hold"])
            expect(told == (id_, claim.number, claim.principal, "NONE"), f"the feed tells {told} of {claim}")

    def test_a_claim_is_read_again_by_its_id(self) -> None:
        """A fresh read gives that record and no other; a guard judges by it."""
        with self.rig() as rig:
            claim, id_ = rig.handed_over()
            rig.handed_over()
            records = rig.agency.claims([id_])
            expect(len(records) == 1, f"claims([id]) gave {len(records)} records")
            (row,) = rows_of("agency", rig.agency.feeds["claims"], records)
            expect(row["reference"] == claim.reference, f"claims([{id_}]) gave another claim")

    def test_the_same_claim_sent_twice_is_one_claim(self) -> None:
        """Sending the same again is refused or gives the same receipt; there are never two claims."""
        with self.rig() as rig:
            claim, id_ = rig.handed_over()
            with suppress(Refused):
                expect(rig.agency.create_claim(claim).id == id_, "the second receipt names another claim")
            rig.settle_down()
            self._claim_row(rig, claim.reference)

    def test_all_that_is_asked_for_is_told(self) -> None:
        """Seven claims come whole: over all pages of the feed (let the rig have small ones), by id, by reference."""
        with self.rig() as rig:
            made = [rig.handed_over() for _ in range(7)]
            rows = rows_of("agency", rig.agency.feeds["claims"], all_of(rig.agency, "claims"))
            ids = {id_ for _, id_ in made}
            expect({row["claim_id"] for row in rows} >= ids, f"the feed tells {len(rows)} of 7 claims")
            read = rows_of("agency", rig.agency.feeds["claims"], rig.agency.claims(sorted(ids)))
            expect({row["claim_id"] for row in read} == ids, f"claims(7 ids) tells {len(read)}")
            found = rig.agency.find([claim.reference for claim, _ in made])
            expect(len(found) == 7, f"find(7 references) tells {len(found)}")

    def test_news_since_a_moment_are_told(self) -> None:
        """What was handed over after a moment is among the news since then."""
        with self.rig() as rig:
            (row,) = rows_of("agency", rig.agency.feeds["claims"], rig.agency.claims([rig.handed_over()[1]]))
            since = row["updated_at"] - timedelta(seconds=1)
            news = [record for page in rig.agency.pages("claims", since) for record in page]
            told = {r["claim_id"] for r in rows_of("agency", rig.agency.feeds["claims"], news)}
            expect(row["claim_id"] in told, f"pages('claims', {since}) does not tell a claim of {row['updated_at']}")

    def test_every_feed_can_be_read(self) -> None:
        """Each feed gives pages, if only none, and its rows keep the ledger's contract."""
        with self.rig() as rig:
            rig.handed_over()
            for name in self.tables:
                if name != "settlements" or rig.agency.capabilities.settlements:
                    rows_of("agency", rig.agency.feeds[name], all_of(rig.agency, name))

    def test_a_refusal_names_nobody(self) -> None:
        """The message of an error carries neither the debtor's name nor the address."""
        with self.rig() as rig:
            try:
                rig.agency.create_claim(rig.claim(currency="XXX"))
            except CounterpartyError as error:
                personal = (DEBTOR.name, DEBTOR.address, str(DEBTOR.organisation_number))
                expect(not any(text in str(error) for text in personal), f"the message is personal: {error}")

    def test_a_claim_in_an_unknown_currency_is_refused(self) -> None:
        """A definite no is `Refused`, and nothing is held afterwards."""
        with self.rig() as rig:
            claim = rig.claim(currency="XXX")
            with raises("a claim in currency XXX", Refused):
                rig.agency.create_claim(claim)
            expect(rig.agency.find([claim.reference]) == {}, "a refused claim is held all the same")

    def test_a_claim_is_paused_and_resumed(self) -> None:
        """Setting a hold shows in the next fresh read."""
        with self.rig() as rig:
            if not rig.agency.capabilities.pause:
                raise Unsupported("pause")
            _, id_ = rig.handed_over()
            for hold in ("PAUSED", "NONE"):
                rig.agency.set_hold(id_, hold, "kit")
                self._expect_hold(rig, id_, hold)

    def test_a_claim_is_recalled(self) -> None:
        """A recalled claim has ended for the night."""
        with self.rig() as rig:
            if not rig.agency.capabilities.recall:
                raise Unsupported("recall")
            _, id_ = rig.handed_over()
            rig.agency.set_hold(id_, "RECALLED", "kit")
            (row,) = rows_of("agency", rig.agency.feeds["claims"], rig.agency.claims([id_]))
            ended = row["hold"] == "RECALLED" or row["status"] in ("WITHDRAWN", "REJECTED")
            expect(ended, f"after a recall the claim is {row['status']} with hold {row['hold']}")

    def test_a_payment_to_the_creditor_lowers_the_claim(self) -> None:
        """A reported payment is held under its reference, is in the entries with it, and lowers the open principal."""
        with self.rig() as rig:
            if not rig.agency.capabilities.report_payment:
                raise Unsupported("report_payment")
            claim, id_ = rig.handed_over()
            told = self._reduction(claim, id_, 20_000)
            rig.agency.create_reduction(told)
            rig.settle_down()
            self._expect_reductions(rig, claim, id_, [told])

    def test_a_report_is_taken_back(self) -> None:
        """A negative reduction raises the open principal again."""
        with self.rig() as rig:
            if not rig.agency.capabilities.take_back:
                raise Unsupported("take_back")
            claim, id_ = rig.handed_over()
            told = [self._reduction(claim, id_, 20_000), self._reduction(claim, id_, -5_000, "KITREDUCE000002")]
            for reduction in told:
                rig.agency.create_reduction(reduction)
            rig.settle_down()
            self._expect_reductions(rig, claim, id_, told)

    def test_a_settlement_adds_up_and_names_what_is_known(self) -> None:
        """A settlement is told once, its sums give what is paid out, and its lines name known claims and entries."""
        with self.rig() as rig:
            if not rig.agency.capabilities.settlements:
                raise Unsupported("settlements")
            pay_out = needed(rig.pay_out, "pay_out")
            _, claim_id = rig.handed_over()
            id_ = pay_out(claim_id)
            feed = rig.agency.feeds["settlements"]
            listed = [
                r for r in rows_of("agency", feed, all_of(rig.agency, "settlements")) if r["settlement_id"] == id_
            ]
            expect(len(listed) == 1, f"the feed shows settlement {id_} {len(listed)} times")
            expect(rows_of("agency", feed, rig.agency.settlements([id_])) == listed, "read by id, it is another one")
            told = listed[0]
            paid = told["principal"] + told["interest"] + told["fees"]
            kept = told["commission"] + told["expenses"] + told["vat"] + told["offset_amount"]
            expect(paid - kept == told["net"], f"{paid} received, {kept} kept, and {told['net']} paid out")
            principal = sum(line["amount"] for line in told["lines"] if line["bucket"] == "principal")
            expect(principal == told["principal"], f"its lines carry {principal} of {told['principal']} principal")
            expect({line["claim_id"] for line in told["lines"]} == {claim_id}, "its lines name another claim")
            entries = rows_of("agency", rig.agency.feeds["entries"], all_of(rig.agency, "entries"))
            unknown = {line["entry_id"] for line in told["lines"]} - {row["entry_id"] for row in entries} - {None}
            expect(not unknown, f"its lines name entries that are not told: {sorted(unknown)}")

    def test_a_question_is_told_and_answered(self) -> None:
        """A question is told with its claim until it is answered; the same answer again changes nothing."""
        with self.rig() as rig:
            if not rig.agency.capabilities.questions:
                raise Unsupported("questions")
            ask = needed(rig.ask, "ask")
            _, claim_id = rig.handed_over()
            id_ = ask(claim_id)
            for answered in (False, True, True):
                told = [(q.claim_id, q.answered) for q in rig.agency.questions() if q.id == id_]
                expect(told == [(claim_id, answered)], f"question {id_} is told as {told}")
                rig.agency.answer(id_, "kit")

    def test_a_changed_debtor_is_told(self) -> None:
        """The agency holds the debtor as told anew; telling the same again changes nothing."""
        with self.rig() as rig:
            if not rig.agency.capabilities.update_debtor:
                raise Unsupported("update_debtor")
            debtor_of = needed(rig.debtor_of, "debtor_of")
            moved = replace(DEBTOR, address="Torggata 2", postal_code="0181", email=None, phone="+4722222222")
            _, id_ = rig.handed_over()
            _, other = rig.handed_over()
            for _ in range(2):
                rig.agency.update_debtor(id_, moved)
                expect(debtor_of(id_).mark("kit") == moved.mark("kit"), "the agency holds another debtor than was told")
            expect(debtor_of(other).mark("kit") == DEBTOR.mark("kit"), "another claim's debtor was changed too")

    # -- the way is bad

    def test_a_receipt_cut_in_half_is_uncertain(self) -> None:
        """Half an answer is no receipt."""
        self._hurt("truncated", Uncertain, done=True)

    def test_a_look_up_that_fails_is_told(self) -> None:
        """A look-up that cannot be made raises: an empty answer would send what was sent before."""
        with self.rig() as rig:
            claim, id_ = rig.handed_over()
            for what, look in (("find", lambda: rig.agency.find([claim.reference])),
                               ("claims", lambda: rig.agency.claims([id_]))):  # fmt: skip
                for fault in ("status_before", "html", "truncated"):
                    rig.server.faults.add(fault, "GET", count=99, status=503)
                    with raises(f"{what} answered with {fault}", *NOT_READ):
                        look()
                    rig.server.faults.clear()

    def test_a_change_without_an_answer_is_uncertain(self) -> None:
        """Holds, reports, answers and debtors are written as claims are: one attempt, and never told as done."""
        with self.rig() as rig:
            agency, offers = rig.agency, rig.agency.capabilities
            claim, id_ = rig.handed_over()
            changes: list[Callable[[], object]] = []
            if offers.pause:
                changes.append(lambda: agency.set_hold(id_, "PAUSED", "kit"))
            if offers.report_payment:
                changes.append(lambda: agency.create_reduction(self._reduction(claim, id_, 100)))
            if offers.update_debtor:
                changes.append(lambda: agency.update_debtor(id_, replace(DEBTOR, city="Bergen")))
            if offers.questions and rig.ask is not None:
                question = rig.ask(id_)
                changes.append(lambda: agency.answer(question, "kit"))
            if not changes:
                raise Unsupported("changes to a claim")
            for change in changes:
                one_attempt(rig.server, "lost_after", Uncertain, change)

    # -- helpers

    def _claim_row(self, rig: AgencyRig, reference: str) -> dict[str, Any]:
        rows = rows_of("agency", rig.agency.feeds["claims"], all_of(rig.agency, "claims"))
        mine = [row for row in rows if row["reference"] == reference]
        expect(len(mine) == 1, f"the feed shows {len(mine)} claims under {reference}")
        return mine[0]

    def _expect_hold(self, rig: AgencyRig, id_: str, hold: str) -> None:
        (row,) = rows_of("agency", rig.agency.feeds["claims"], rig.agency.claims([id_]))
        expect(row["hold"] == hold, f"hold should be {hold}, is {row['hold']}")

    def _reduction(self, claim: NewClaim, id_: str, amount: int, reference: str = "KITREDUCE000001") -> NewReduction:
        return NewReduction(reference, id_, "DIRECT_PAYMENT", amount, claim.currency, DAY, "Payment", "400001")

    def _expect_reductions(self, rig: AgencyRig, claim: NewClaim, id_: str, told: Sequence[NewReduction]) -> None:
        held = rig.agency.find([reduction.reference for reduction in told])
        for reduction in told:
            mine = held.get(reduction.reference)
            expect(mine is not None and mine.amount == reduction.amount, f"find tells {mine} of {reduction}")
        rows = rows_of("agency", rig.agency.feeds["entries"], all_of(rig.agency, "entries"))
        listed = {row["reference"]: row["amount"] * 100 for row in rows if row["reference"]}
        wanted = {reduction.reference: reduction.amount for reduction in told}
        expect(listed == wanted, f"the entries list {listed}, not {wanted}")
        (row,) = rows_of("agency", rig.agency.feeds["claims"], rig.agency.claims([id_]))
        left = claim.principal - sum(wanted.values())
        expect(row["principal_open"] * 100 == left, f"open should be {left} øre, is {row['principal_open']} kroner")
