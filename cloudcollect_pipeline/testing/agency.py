"""What the night relies on in an agency. Subclass `AgencyContract`, say how to reach yours, and run the checks.

The first half asks the adapter alone. The second half hurts its requests on the way and then asks the agency what it
holds: an outcome that nobody knows must never be told as done, nor as not done.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import count
from typing import Any

from cloudcollect_pipeline.agency.port import Agency, Debtor, NewClaim, NewReduction
from cloudcollect_pipeline.domain.errors import (
    CounterpartyError,
    NotSent,
    Permanent,
    Refused,
    Transient,
    Uncertain,
    Unreadable,
)
from cloudcollect_pipeline.domain.feed import Feed
from cloudcollect_pipeline.ledger.tables import TABLES
from cloudcollect_pipeline.testing.kit import Unsupported, columns_of, expect, raises, rows_of
from cloudcollect_pipeline.testing.proxy import FaultyServer

FEEDS = {"claims": "claim", "cases": "agency_case", "entries": "entry", "settlements": "settlement"}
DEBTOR = Debtor("K1", "Kit Debtor AS", True, "974760673", "Storgata 1", "0155", "Oslo", "NO", None, None)
DAY = date(2026, 1, 15)


@dataclass
class AgencyRig:
    """An adapter that reaches its agency through a faulty server. `settle_down` lets the agency do its own work."""

    agency: Agency
    server: FaultyServer
    settle_down: Callable[[], None] = lambda: None
    _numbers: Any = field(default_factory=lambda: count(1))

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


class AgencyContract:
    """Subclass it and define `rig`. Under pytest name the class `Test…`; `run_contract` runs it without pytest."""

    def rig(self) -> AbstractContextManager[AgencyRig]:
        """A fresh account at the agency, with the adapter in front of it, until the block ends."""
        raise NotImplementedError("define rig() to return a context manager of an AgencyRig")

    # -- first half: the adapter alone

    def test_every_feed_is_mapped_to_its_table(self) -> None:
        """The feeds are claims, cases, entries and settlements, each mapped to exactly its table's columns."""
        with self.rig() as rig:
            feeds = rig.agency.feeds
            expect(set(feeds) == set(FEEDS), f"feeds must be {sorted(FEEDS)}, are {sorted(feeds)}")
            for name, table in FEEDS.items():
                expect(feeds[name].table == table, f"{name} must be mapped to {table}, not {feeds[name].table}")
                wanted = {"n", *(column.name for column in TABLES[table].columns)}
                found = set(columns_of("agency", feeds[name]))
                expect(found == wanted, f"{name}: missing {sorted(wanted - found)}, too many {sorted(found - wanted)}")

    def test_what_is_not_there_is_left_out(self) -> None:
        """Unknown references and ids are left out: no error, and no other record in their place."""
        with self.rig() as rig:
            expect(rig.agency.find(["KITUNKNOWN00000"]) == {}, "find must leave an unknown reference out")
            for read in (rig.agency.claims, rig.agency.entries):
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

    def test_a_feed_may_be_read_again(self) -> None:
        """Reading a feed twice gives the same records: nothing is used up by being read."""
        with self.rig() as rig:
            rig.handed_over()
            first, second = (_all(rig.agency, "claims") for _ in range(2))
            expect(sorted(first) == sorted(second), "the second reading differs")

    def test_all_that_is_asked_for_is_told(self) -> None:
        """Seven claims come whole: over all pages of the feed (let the rig have small ones), by id, by reference."""
        with self.rig() as rig:
            made = [rig.handed_over() for _ in range(7)]
            rows = rows_of("agency", rig.agency.feeds["claims"], _all(rig.agency, "claims"))
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
            for name in FEEDS:
                if name != "settlements" or rig.agency.capabilities.settlements:
                    rows_of("agency", rig.agency.feeds[name], _all(rig.agency, name))

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

    # -- second half: the way is bad

    def test_a_write_without_an_answer_is_uncertain_and_found(self) -> None:
        """The connection ends after the claim was taken: `Uncertain`, one request, and `find` knows the claim."""
        self._hurt("lost_after", {}, Uncertain, held=True)

    def test_a_write_that_never_arrived_is_not_found(self) -> None:
        """The connection ends before the claim was taken: `Uncertain`, since nobody can tell, and `find` tells."""
        self._hurt("lost_before", {}, Uncertain, held=False)

    def test_a_server_error_says_nothing_about_the_write(self) -> None:
        """A 5xx with the effect done is `Uncertain`, never tried again by the adapter."""
        self._hurt("status_after", {"status": 502}, Uncertain, held=True)

    def test_a_server_error_before_the_write_is_uncertain_too(self) -> None:
        """A 5xx without the effect looks the same from outside, and is told the same."""
        self._hurt("status_before", {"status": 500}, Uncertain, held=False)

    def test_a_success_that_cannot_be_read_is_uncertain(self) -> None:
        """A web page with status 200 is no receipt."""
        self._hurt("html", {}, Uncertain, held=True)

    def test_a_receipt_cut_in_half_is_uncertain(self) -> None:
        """Half an answer is no receipt."""
        self._hurt("truncated", {}, Uncertain, held=True)

    def test_too_many_requests_is_not_sent(self) -> None:
        """429 says for certain that nothing was done: `NotSent`."""
        self._hurt("retry_429", {}, NotSent, held=False)

    def test_a_page_that_cannot_be_read_is_told(self) -> None:
        """A feed whose page is a web page or half a page raises; it never ends early as if it were whole."""
        for fault in ("html", "truncated"):
            with self.rig() as rig:
                rig.handed_over()
                rig.server.faults.add(fault, "GET", count=99)
                with raises(f"a page that is {fault}", Unreadable, Transient, Permanent):
                    _all(rig.agency, "claims")

    def test_a_look_up_that_fails_is_told(self) -> None:
        """A look-up that cannot be made raises: an empty answer would send what was sent before."""
        with self.rig() as rig:
            claim, id_ = rig.handed_over()
            for what, look in (("find", lambda: rig.agency.find([claim.reference])),
                               ("claims", lambda: rig.agency.claims([id_]))):  # fmt: skip
                for fault in ("status_before", "html", "truncated"):
                    rig.server.faults.add(fault, "GET", count=99, status=503)
                    with raises(f"{what} answered with {fault}", Unreadable, Transient, Permanent):
                        look()
                    rig.server.faults.clear()

    def test_a_passing_failure_of_a_read_is_not_noticed(self) -> None:
        """One 503 on a read is tried again, and the feed is whole."""
        with self.rig() as rig:
            claim, _ = rig.handed_over()
            rig.server.faults.add("status_before", "GET", status=503)
            self._claim_row(rig, claim.reference)

    # -- helpers

    def _hurt(self, fault: str, options: dict[str, Any], error: type[CounterpartyError], *, held: bool) -> None:
        with self.rig() as rig:
            rig.handed_over()  # so that tokens and the like are there, and only the claim is written
            claim, before = rig.claim(), rig.server.writes()
            rig.server.faults.add(fault, "POST", **options)
            try:
                with raises(f"create_claim answered with {fault}", error):
                    rig.agency.create_claim(claim)
            finally:
                writes = rig.server.writes() - before
                expect(writes == 1, f"the adapter made {writes} attempts; a write makes one")
            rig.settle_down()
            found = claim.reference in rig.agency.find([claim.reference])
            expect(found is held, f"find {'does not know' if held else 'knows'} the claim")

    def _claim_row(self, rig: AgencyRig, reference: str) -> dict[str, Any]:
        rows = rows_of("agency", rig.agency.feeds["claims"], _all(rig.agency, "claims"))
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
        rows = rows_of("agency", rig.agency.feeds["entries"], _all(rig.agency, "entries"))
        listed = {row["reference"]: row["amount"] * 100 for row in rows if row["reference"]}
        wanted = {reduction.reference: reduction.amount for reduction in told}
        expect(listed == wanted, f"the entries list {listed}, not {wanted}")
        (row,) = rows_of("agency", rig.agency.feeds["claims"], rig.agency.claims([id_]))
        left = claim.principal - sum(wanted.values())
        expect(row["principal_open"] * 100 == left, f"open should be {left} øre, is {row['principal_open']} kroner")


def _all(agency: Agency, feed: str) -> list[bytes]:
    described: Feed = agency.feeds[feed]
    return [record for page in agency.pages(described.name, None) for record in page]
