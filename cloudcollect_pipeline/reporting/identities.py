"""The statement line by line: each term, where the lists give it, and the pipeline's own figure beside."""

from collections.abc import Mapping
from dataclasses import dataclass

from cloudcollect_pipeline.reporting.books import Books
from cloudcollect_pipeline.reporting.tables import Table


@dataclass(frozen=True)
class Line:
    """One line of a proof, øre. `formula` names other lines (`{closing}`) and sums of lists (`{items.open}`).

    Without a formula the line is a figure taken over. `ours` is the pipeline's own figure for a line that is worked
    out. `must` marks the last line of a proof: it is zero or an alarm.
    """

    name: str
    value: int
    formula: str = ""
    ours: int | None = None
    must: bool = False

    @property
    def right(self) -> bool:
        """Whether what was worked out is what it should be."""
        return (self.ours is None or self.ours == self.value) and not (self.must and self.value)


def proofs(books: Books, lists: Mapping[str, Table]) -> dict[str, tuple[Line, ...]]:
    """The proofs of the account by name: against the ledger, against the agency, and item by item."""
    s, beside = books.statement, books.beside
    sums = {f"{table.name}.{column}": total for table in lists.values() for column, total in table.totals.items()}
    posted, reversed_, settled, foreign = (sums[f"account.{n}"] for n in ("posted", "reversed", "settled", "foreign"))
    closing = s.opening + posted - reversed_ - settled + foreign
    ledger = s.opening + sums["account.ledger"]
    not_posted = sums["items.principal"] - sums["items.posted"]
    later = sums["timing.later"]
    elsewhere = beside.carried - beside.posted
    not_due = sums["settlements.booked"] - sums["settlements.due"]
    carried = not_posted + later + elsewhere
    explained = closing + carried + not_due - sums["foreign.amount"]
    untied = beside.posted - beside.due
    unlisted = s.opening - beside.listed_at_go_live
    item_by_item = unlisted + sums["items.open"] + untied + sums["foreign.amount"] - later - not_due
    return {
        "ledger": (
            Line("opening", s.opening),
            Line("posted", posted, "{account.posted}", s.posted),
            Line("reversed", reversed_, "{account.reversed}", s.reversed),
            Line("settled", settled, "{account.settled}", s.settled),
            Line("foreign", foreign, "{account.foreign}", s.foreign),
            Line("closing", closing, "{opening}+{posted}-{reversed}-{settled}+{foreign}", s.closing),
            Line("ledger", ledger, "{opening}+{account.ledger}", s.ledger),
            Line("ledger_difference", ledger - closing, "ROUND({ledger}-{closing},2)", s.ledger_difference, must=True),
        ),
        "agency": (
            Line("closing_again", closing, "{closing}", s.closing),
            Line("not_posted", not_posted, "{items.principal}-{items.posted}"),
            Line("dated_later", later, "{timing.later}", books.dated_later),
            Line("elsewhere", elsewhere),
            Line(
                "carried",
                not_posted + later + elsewhere,
                "{not_posted}+{dated_later}+{elsewhere}",
                s.carried_not_posted,
            ),
            Line("booked_not_due", not_due, "{settlements.booked}-{settlements.due}", s.booked_not_due),
            Line("less_foreign", sums["foreign.amount"], "{foreign.amount}", s.foreign),
            Line("explained", explained, "{closing_again}+{carried}+{booked_not_due}-{less_foreign}"),
            Line("unsettled", s.agency_unsettled),
            Line(
                "agency_difference",
                s.agency_unsettled - explained,
                "ROUND({unsettled}-{explained},2)",
                s.agency_difference,
                must=True,
            ),
        ),
        "items": (
            Line(
                "open_items",
                sums["items.posted"] - sums["items.settled"],
                "{items.posted}-{items.settled}",
                sums["items.open"],
            ),
            Line("untied", untied),
            Line("items_opening", unlisted),
            Line("items_foreign", sums["foreign.amount"], "{foreign.amount}", s.foreign),
            Line("items_later", later, "{timing.later}", books.dated_later),
            Line("items_not_due", not_due, "{settlements.booked}-{settlements.due}", s.booked_not_due),
            Line(
                "items_closing",
                item_by_item,
                "{items_opening}+{open_items}+{untied}+{items_foreign}-{items_later}-{items_not_due}",
                s.closing,
            ),
            Line("items_difference", closing - item_by_item, "ROUND({closing}-{items_closing},2)", must=True),
        ),
        "beside": (
            Line("in_transit", sums["timing.created"], "{timing.created}", s.in_transit),
            Line(
                "timing",
                sums["timing.later"] + sums["timing.voucher_later"],
                "{timing.later}+{timing.voucher_later}",
                s.dated_later,
            ),
            Line("awaiting", sums["ageing.awaiting"], "{ageing.awaiting}", sum(i.open for i in books.items) + untied),
            Line(
                "differences",
                sums["differences.erp"] - sums["differences.agency"],
                "{differences.erp}-{differences.agency}",
                sum(d["amount"] for d in s.differences.values()),
            ),
            Line("nets", sums["settlements.net_check"], "{settlements.net_check}", must=True),
        ),
    }
