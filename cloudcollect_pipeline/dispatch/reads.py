"""Fresh reads right before a write: landed, mapped by the plan's own SQL, laid over the mirror's present.

They answer what the guard asks (`guards.Reads`) and change nothing but temporary tables of the ledger.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

from cloudcollect_pipeline.agency.port import Agency, Debtor
from cloudcollect_pipeline.dispatch.guards import Odd, Row
from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.domain.errors import Unreadable
from cloudcollect_pipeline.domain.feed import Feed
from cloudcollect_pipeline.domain.money import ore
from cloudcollect_pipeline.erp.port import DocumentKey, Erp
from cloudcollect_pipeline.landing import Landing
from cloudcollect_pipeline.ledger.contracts import breaks, key_of
from cloudcollect_pipeline.ledger.ledger import Ledger, sql
from cloudcollect_pipeline.ledger.tables import TABLES
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.plan import HERE as PLANNING
from cloudcollect_pipeline.planning.plan import judge, prepare, raise_fence

HERE = "cloudcollect_pipeline.dispatch.sql"
MIRRORED_BENEATH = ("fresh_customer", "fresh_payment")
"""Fresh reads that are laid over the mirror: what is left out of them stands as it was mirrored."""


class LedgerReads:
    """`guards.Reads` over the ledger. Used by one thread; owns temporary tables of the ledger."""

    def __init__(self, ledger: Ledger, landing: Landing, erp: Erp, agency: Agency, facts: Facts, clock: Clock) -> None:
        self.ledger, self.landing, self.erp, self.agency = ledger, landing, erp, agency
        self.facts, self.night, self.clock = facts, facts.night, clock

    def prepare(self) -> None:
        """Lay out what the rules ask for, and what may not be built on tonight."""
        prepare(self.ledger, self.facts)
        raise_fence(self.ledger)

    def receivables(self, keys: Sequence[DocumentKey], *, odd: Odd = "refuse") -> list[tuple[Row, bytes]]:
        """These documents by number; one that the ERP does not list is left out."""
        records = self.erp.documents(keys) if keys else []
        self._load("erp", "documents", records, "fresh_receivable", broken=odd)
        rows = self.ledger.rows("select * from fresh_receivable order by document_type, number")
        return [(row, records[row.pop("n") - 1]) for row in rows]

    def customers(self, numbers: Sequence[str]) -> Mapping[str, Debtor]:
        """Who they are, by number."""
        self._load("erp", "customers", self.erp.customers(numbers), "fresh_customer")
        return self._persons()

    def claims(self, ids: Sequence[str], *, odd: Odd = "refuse") -> list[Row]:
        """These claims by id; one that the agency does not list is left out."""
        self._load("agency", "claims", self.agency.claims(ids), "fresh_claim", broken=odd)
        return self.ledger.rows("select * exclude (n) from fresh_claim order by claim_id")

    def settlement(self, settlement_id: str) -> Row | None:
        """Its status and terms; None where the agency does not list it."""
        self._load("agency", "settlements", self.agency.settlements([settlement_id]), "fresh_settlement")
        return next(iter(self.ledger.rows("select * from fresh_settlement")), None)

    def may_be_transferred(
        self, customers: Sequence[str]
    ) -> tuple[dict[str, Row], dict[str, dict[str, int]], Mapping[str, Debtor]]:
        """Verdicts, what settles them per paying document, and debtors of the receivables read last."""
        self._load("erp", "customers", self.erp.customers(customers), "fresh_customer")
        parents = {row["parent"] for row in self.ledger.rows("select parent from fresh_customer where parent <> ''")}
        self._load("erp", "payments", self.erp.payments_of(sorted({*customers, *parents})), "fresh_payment")
        with self._laid_over("guard_views"):
            verdicts = self._verdicts()
            settled: dict[str, dict[str, int]] = defaultdict(dict)
            for row in self.ledger.rows(sql("settled_of_fresh", HERE)):
                if row["net"]:
                    settled[row["receivable"]][row["document"]] = ore(row["net"])
            persons = self._persons()
        return verdicts, settled, persons

    def must_stop(self, customers: Sequence[str], *, odd: Odd = "refuse") -> dict[str, Row]:
        """Verdicts of the receivables and claims read last, and whether the ERP lists their customers."""
        self._land("erp", "customers", self.erp.customers(customers), "fresh_customer")
        listed = {row["number"] for row in self.ledger.rows("select number from fresh_customer")}
        self._keep_to_contract("erp", "customers", "fresh_customer", broken=odd)
        self._load("erp", "payments", [], "fresh_payment")
        with self._laid_over("guard_views", "guard_claims"):
            verdicts = self._verdicts()
        return {name: row | {"customer_listed": row["customer"] in listed} for name, row in verdicts.items()}

    def changed_entries(self, version: int) -> list[Row]:
        """Entries with news since a mirror version: the entry, what it reverses, and its root."""
        since = self.ledger.watermark("agency", "entries")
        entries = [raw for page in self.agency.pages("entries", since) for raw in page]
        self._load("agency", "entries", entries, "fresh_entry", broken="keep")  # of everybody: the plan fences them
        return self.ledger.rows(sql("changed_entries", HERE), {"version": version})

    def words(self, customer: str, text: str) -> list[str]:
        """What of a text about a customer names a person, the longest first."""
        found = self.ledger.rows(sql("person_words", HERE), {"customer": customer, "text": text})
        return [row["word"] for row in found]

    def _load(
        self,
        side: str,
        feed: str,
        records: list[bytes],
        table: str,
        *,
        broken: Odd | Literal["keep"] = "refuse",
    ) -> None:
        self._land(side, feed, records, table)
        if broken != "keep":
            self._keep_to_contract(side, feed, table, broken=broken)

    def _land(self, side: str, feed: str, records: list[bytes], table: str) -> None:
        spool = self.landing.land(side, feed, self.night, self.clock.now(), [records], purpose="guard")
        self.ledger.map(self._feed(side, feed), [spool], table)

    def _feed(self, side: str, feed: str) -> Feed:
        return (self.erp if side == "erp" else self.agency).feeds[feed]

    def _keep_to_contract(self, side: str, feed: str, table: str, *, broken: Odd) -> None:
        """Raises `Unreadable` where a record breaks its contract, and is not to count as last mirrored.

        One that a person dismissed is never refused: it is left out where the mirror's row stands beneath.
        """
        described = self._feed(side, feed)
        contract = {"table": table, "key": key_of(described.table), "breaks": breaks(described.table)}
        if broken == "as mirrored" and table not in MIRRORED_BENEATH:
            mirrored = TABLES[described.table]
            columns = ", ".join(column.name for column in mirrored.stored)
            keys = ", ".join(mirrored.key)
            self.ledger.db.execute(
                sql("as_mirrored", HERE).format(**contract, mirrored=mirrored.name, columns=columns, keys=keys)
            )
        if broken == "as mirrored" or table in MIRRORED_BENEATH:
            values = {"feed": feed, "all": broken == "as mirrored"}
            self.ledger.db.execute(sql("leave_out_broken", HERE).format(**contract), values)
        told = self.ledger.rows(sql("fresh_broken", HERE).format(**contract), {"feed": feed})
        if told:
            named = ", ".join(row["key"] for row in told[:3])
            raise Unreadable(f"{side} {feed}: {named} does not keep its contract")

    def _persons(self) -> dict[str, Debtor]:
        return {row["number"]: _debtor(row) for row in self.ledger.rows("select * from fresh_customer")}

    @contextmanager
    def _laid_over(self, *views: str) -> Iterator[None]:
        """Fresh reads stand in the place of the mirror's rows until the end of the block."""
        try:
            for view in views:
                self.ledger.db.execute(sql(view, PLANNING))
            yield
        finally:
            self.ledger.present()
            self.ledger.db.execute("create or replace temp view person_now as select * from persons.person")

    def _verdicts(self) -> dict[str, Row]:
        self.ledger.db.execute("create or replace temp table subject as select * exclude (n) from fresh_receivable")
        judge(self.ledger)
        return {row["document"]: row for row in self.ledger.rows("select * from verdict")}


def _debtor(person: Row) -> Debtor:
    return Debtor(
        person["number"],
        person["name"],
        bool(person["business"]),
        person["organisation_number"],
        person["address"],
        person["postal_code"],
        person["city"],
        person["country"] or "NO",
        person["email"],
        person["phone"],
    )
