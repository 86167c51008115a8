"""What public text does not settle about Visma.net, and what the adapter does about each point until it is known.

`POINTS` is the one list; `docs/unconfirmed.md` is written from it. `probe.ask` settles what reads can settle on a real
tenant, `write_probe.try_out` what takes a write that is undone again; `as_settled` lets the adapter act on the answers.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cloudcollect_pipeline.erp.visma_net.settings import VismaNetSettings

By = Literal["reads", "writes", "nothing"]


@dataclass(frozen=True)
class Settled:
    """The answer to one point: a short `value` (empty where this tenant cannot tell yet) and what it means."""

    value: str
    says: str


@dataclass(frozen=True)
class Point:
    """One open question. `topic` says where in the vendor's interface it belongs.

    `by`: what settles it; `until_then`: how the pipeline stays right meanwhile; `once_known`: what changes then;
    `trouble`: answers that a person should think about before nights are run.
    """

    key: str
    topic: str
    question: str
    by: By
    until_then: str
    once_known: str = "nothing changes; a person knows"
    trouble: tuple[str, ...] = ()


POINTS = (
    Point(
        "time_zone",
        "incremental reading",
        "Is `lastModifiedDateTime` told in UTC or in the company's local time?",
        "reads",
        "every reading reaches `overlap_hours` back, more than the two can differ",
        "where it is UTC, filters and mirrored moments are reckoned in UTC whatever `time_zone` says",
    ),
    Point(
        "filter_clock",
        "incremental reading",
        "Does the modified-since filter compare with the same clock that records show, to the millisecond?",
        "reads",
        "the overlap covers a shifted filter",
        trouble=("shifted", "ignored"),
    ),
    Point(
        "invoice_clock",
        "incremental reading",
        "Does an invoice's `lastModifiedDateTime` move when a payment is applied to it?",
        "reads",
        "receivables that a changed payment names are read by key",
    ),
    Point(
        "dunning_clock",
        "incremental reading",
        "Does an invoice's `lastModifiedDateTime` move when a dunning letter lists it?",
        "nothing",
        "what was dunned lately is asked for by the letter's date too",
    ),
    Point(
        "page_size",
        "paging",
        "How large may a page be, and is the size that is asked for kept to?",
        "reads",
        "the largest page is learnt from the first answer, and rows are counted against the list's total",
        "no more is asked for than the smallest of the lists gives",
        trouble=("ignored",),
    ),
    Point(
        "page_order",
        "paging",
        "Are pages ordered, and do they stay so while records change?",
        "nothing",
        "rows may repeat; a list whose rows do not add up to its total is read once more, then refused",
    ),
    Point(
        "credit_notes_listed",
        "payments",
        "Does the payment list hold credit notes when no type is asked for?",
        "reads",
        "credit notes are asked for by themselves",
        "where it does, that list is not read a second time",
    ),
    Point(
        "write_offs_listed",
        "payments",
        "Does the payment list hold small write-offs when no type is asked for?",
        "reads",
        "write-offs are asked for by themselves",
        "where it does, that list is not read a second time",
    ),
    Point(
        "unreleased_by_invoice",
        "payments",
        "Does the filter by invoice find payments that are not released?",
        "reads",
        "look-ups list unreleased payments by status instead",
    ),
    Point(
        "void_by_number",
        "payments",
        "Does a read by number return the Payment or the VoidPayment of that number?",
        "reads",
        "both are asked for by list, with number and type",
    ),
    Point(
        "void_rows",
        "settlement of an invoice",
        "How does an invoice show a voided payment: rows marked as voided, or a negative row beside the old one?",
        "reads",
        "a voided document counts as nothing and its VoidPayment is left out; the sum is checked against the balance",
    ),
    Point(
        "credit_note_word",
        "settlement of an invoice",
        "How is a credit note spelt in the applications of an invoice?",
        "reads",
        "four spellings are understood; a row with another one sets its receivable aside, with a finding",
    ),
    Point(
        "by_key",
        "reading documents",
        "Does a read by number show all that the list shows with its expand flags?",
        "reads",
        "what it does not show of settlements, dunning, exclusion and the case is read in the list of its customer",
        "where it does, that list is not read",
    ),
    Point(
        "expand_defaults",
        "reading documents",
        "What do lists leave out when they are read without expand flags?",
        "reads",
        "the flags are always given",
    ),
    Point(
        "dunning_filter",
        "dunning",
        "Does the filter on the dunning level keep that level only, or that and higher ones?",
        "reads",
        "the filter is not used: levels are judged in the mirror",
    ),
    Point(
        "revoked",
        "dunning",
        "What does `revoked` mean?",
        "nothing",
        "it is honoured like an exclusion from collection",
    ),
    Point(
        "foreign_currency",
        "money",
        "Which of `amount` and `amountInCurrency` is the document's own currency?",
        "reads",
        "plain amounts are taken as the document's; only documents in the currency of the books are handled",
        trouble=("in_currency",),
    ),
    Point(
        "period_end",
        "periods",
        "Is a period's end date its last day or the day after?",
        "reads",
        "it is cut to the day before the next period begins",
    ),
    Point(
        "period_name",
        "periods",
        "Does a period's name begin with the year or end with it?",
        "reads",
        "the year beside it decides",
    ),
    Point(
        "movement_dates",
        "general ledger",
        "Are the lines of an account kept to the dates that are asked for when no periods are given?",
        "reads",
        "lines outside the dates are left out here too",
    ),
    Point(
        "voucher_lists",
        "general ledger",
        "Does the list of vouchers hold released and unreleased ones when neither is asked for?",
        "reads",
        "each kind is asked for by itself",
    ),
    Point(
        "closed_period_error",
        "periods",
        "How is a posting into a closed period refused?",
        "nothing",
        "periods are read before each posting, and a refusal is a finding with the vendor's text",
    ),
    Point(
        "payment_method",
        "posting a payment",
        "Is the payment method allowed on the suspense cash account?",
        "writes",
        "`doctor` asks a person to look unless payments show it; a refusal is a finding and nothing is posted",
        "`doctor` says which",
    ),
    Point(
        "release",
        "posting a payment",
        "Is a payment released when the release call answers, or later?",
        "writes",
        "it is read until it is released, and counts as in transit until then",
    ),
    Point(
        "void_release",
        "posting a payment",
        "Does the void call release the VoidPayment that it makes?",
        "writes",
        "the VoidPayment is read, and released if it is not",
    ),
    Point(
        "refusal_status",
        "errors",
        "Is a business error answered with a 4xx or with a 500?",
        "writes",
        "a 500 proves nothing: its outcome is uncertain and is looked up on later nights",
    ),
    Point(
        "over_application",
        "errors",
        "How is a payment refused that settles more than an invoice's balance?",
        "nothing",
        "never sent: what is above the balance becomes the customer's credit",
    ),
    Point(
        "case_fields",
        "case number",
        "Does a released invoice take the agency's case number?",
        "writes",
        "tried; a refusal changes nothing and is one finding",
        "where it is refused, case numbers are not sent at all",
    ),
    Point(
        "case_fields_closed",
        "case number",
        "Does a paid invoice take it too?",
        "writes",
        "tried; a refusal changes nothing and is one finding",
    ),
    Point(
        "case_values",
        "case number",
        "Which words and lengths may the case's number, status, type and address have?",
        "nothing",
        "the agency's own words are sent; a refusal is a finding with the vendor's text",
    ),
    Point(
        "error_info",
        "errors",
        "What stands in `errorInfo` when a release or void has failed?",
        "nothing",
        "it is shown to a person, without what could be personal; nothing is decided by it",
    ),
    Point(
        "kid",
        "reading documents",
        "Is `paymentReference` the KID that is printed on the invoice?",
        "nothing",
        "it is handed to the agency as it is; nothing is matched by it",
    ),
    Point(
        "duplicate_reference",
        "repeats",
        "Is a second payment with the same payment reference refused?",
        "nothing",
        "never relied on: every reference is looked up before it is sent",
    ),
    Point(
        "void_draft",
        "repeats",
        "Can a payment that is not released be voided?",
        "nothing",
        "not asked: a draft of ours is released before it is voided, or a person deletes it",
    ),
    Point(
        "background_location",
        "errors",
        "Does a call in the background tell the number of what it created?",
        "nothing",
        "only reads are asked for in the background",
    ),
    Point(
        "own_numbers",
        "repeats",
        "Can the caller choose a payment's number, and is a second one with it refused?",
        "nothing",
        "not used: the ERP numbers its documents",
    ),
    Point(
        "reference_length",
        "repeats",
        "Does a payment keep a reference of 15 characters as it was sent?",
        "writes",
        "presumed; one that came back cut would be a foreign payment on the suspense account, which is a finding",
        trouble=("cut",),
    ),
    Point(
        "deleted_drafts",
        "incremental reading",
        "Does a list of changes tell that an unreleased payment was deleted?",
        "nothing",
        "mirrored ones are read again by type and number each night",
    ),
    Point(
        "if_match",
        "errors",
        "Is If-Match honoured by calls that are not run in the background?",
        "nothing",
        "not relied on: state is read, compared and set",
    ),
    Point(
        "parallel",
        "limits",
        "How many requests may be under way at once, and how often may the same one be repeated?",
        "nothing",
        "a few pages at a time (`parallel`); a 429 is waited for, or left to the next night",
    ),
    Point(
        "old_headers",
        "access",
        "Are the headers of the older interface (company, application type) needed or ignored?",
        "nothing",
        "none is sent: the tenant stands in the token",
    ),
    Point(
        "path_case",
        "access",
        "Are paths told apart by capitals?",
        "nothing",
        "they are written as the vendor's description writes them",
    ),
    Point(
        "quota",
        "limits",
        "How many requests an hour does a company have?",
        "reads",
        "the answers' own headers are kept to, and a fifth is left to others",
    ),
)
"""Every question, in the order in which the page lists them."""

BY: Mapping[By, str] = {
    "reads": "`doctor --probe`",
    "writes": "`doctor --write-probe` on a test company",
    "nothing": "neither: reads cannot settle it, and a write could not be undone",
}


def as_settled(settings: VismaNetSettings, values: Mapping[str, str]) -> VismaNetSettings:
    """The settings with what is known about this tenant. An answer that is not understood changes nothing."""
    known = settings
    if values.get("time_zone") == "utc":
        known = replace(known, time_zone="UTC")
    if (largest := values.get("page_size", "")).isdecimal() and int(largest) > 0:
        known = replace(known, page_size=min(settings.page_size, int(largest)))
    return replace(
        known,
        credit_notes_listed=values.get("credit_notes_listed") == "yes",
        write_offs_listed=values.get("write_offs_listed") == "yes",
        case_fields=values.get("case_fields") != "no",
        whole_by_number=values.get("by_key") == "whole",
    )


def page() -> Iterator[str]:
    """The lines of `docs/unconfirmed.md`."""
    yield "# What is not confirmed about Visma.net"
    yield ""
    yield (
        "Public text leaves these questions open, and nothing rests on a guess: the third column says how the pipeline "
        "stays right until the answer is known. `cloudcollect doctor --probe` asks a real tenant with reads only; "
        "`cloudcollect doctor --write-probe` asks by writes that it undoes, and only where `test_company = true` says "
        "that the company was made for tests. Answers are kept in `probed.json` in the company's data folder, and the "
        "next run acts on them."
    )
    yield ""
    yield "The page is written by `python -m cloudcollect_pipeline.erp.visma_net.unconfirmed`; a test compares them."
    yield ""
    yield "| question | about | until it is known | settled by | once it is known |"
    yield "|---|---|---|---|---|"
    for each in POINTS:
        cells = (each.question, each.topic, each.until_then, BY[each.by], each.once_known)
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write("".join(f"{line}\n" for line in page()))
