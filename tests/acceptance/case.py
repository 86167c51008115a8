"""One acceptance case: a story over both sandbox servers, looked at in both books, journal, findings and statement."""

import json
from collections.abc import Callable
from typing import Any

from cloudcollect_pipeline.dispatch.journal import BLOCKING
from cloudcollect_pipeline.sandbox.erp import DocumentType
from cloudcollect_pipeline.sandbox.http import Response
from tests.story import Story


class Case(Story):
    """A story whose nights talk real HTTP; `settled` is how it must end."""

    def handed_over(self, *amounts: int, **options: Any) -> Any:
        """Overdue invoices (of 60 kroner, if nothing is said) after the night that transferred them."""
        documents = [self.receivable(amount, **options) for amount in amounts or (6000,)]
        self.night()
        for document in documents:
            assert self.claim(document).principal == document.balance
        return documents if len(documents) > 1 else documents[0]

    def journal(self, kind: str) -> list[tuple[str, int]]:
        """State and amount of the effects of a kind, as they last changed."""
        rows = self.with_journal(lambda journal: journal.effects(kind=kind))
        return [(row.state, row.content.amount) for row in sorted(rows, key=lambda row: row.seq)]

    def postings(self) -> list[Any]:
        """Payments on the suspense account that stand."""
        return [
            p
            for p in self.erp.documents(DocumentType.PAYMENT)
            if p.cash_account == "1510" and p.status.value != "Voided"
        ]

    def held_back(self, document: Any) -> set[str]:
        """The rules by which the last plan held a receivable back."""
        stored = self.results[-1].plan
        held = stored.plan.held_back if stored else ()
        return {code for item in held if item.document == f"Invoice {document.number}" for code in item.failed}

    def claims(self) -> list[Any]:
        """All claims of the company at the agency."""
        return list(self.agency.account(self.slug).claims.values())

    def kinds(self) -> list[str]:
        """The kinds of entries at the agency, in the order in which they were booked."""
        return [entry.kind for entry in self.agency.account(self.slug).entries.values()]

    def settled(self, *documents: Any, findings: tuple[str, ...] = (), differ: tuple[Any, ...] = ()) -> None:
        """Soon a night plans nothing; then both books are equal, nothing was done twice and the statement ties.

        `findings` are the codes that rightly stay; `differ` are documents on which a person let the two sides differ.
        """
        if self.night().plan.plan.effects:
            self.assert_quiet()
        truth = self.world.truth()[self.slug]
        assert not truth.double_effects
        assert set(truth.unequal) == {f"Invoice {document.number}" for document in differ}
        for document in documents:
            self.assert_mirrored(document)
        self.assert_ties()
        statement = self.results[-1].statement
        assert statement is not None
        assert statement.closing == truth.suspense_balance
        assert not self.with_journal(lambda journal: journal.effects(states=BLOCKING))
        assert set(self.findings()) == set(findings), self.findings()

    def decide_undone(self) -> None:
        """A person has looked: the effect in quarantine does not exist at its target."""
        [reference] = self.findings()["EFFECT_QUARANTINED"]
        now, night = self.world.now, self.world.today
        self.with_journal(lambda journal: journal.move(reference, "absent", now, night, note="looked up"))
        self.decide("EFFECT_QUARANTINED", "undone", reference)

    def agency_shows(
        self, feed: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], query: str = ""
    ) -> None:
        """From now on the agency's lists show their pages changed, until `agency_faults.clear()`."""

        def mutate(answer: Response) -> Response:
            page = json.loads(answer.body)
            return Response(
                answer.status, answer.headers, json.dumps({**page, "items": change(page["items"])}).encode()
            )

        self.world.agency_faults.add("mutate", "GET", rf"/v1/({feed})$", query=query, count=999, mutate=mutate)
