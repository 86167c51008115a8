"""Findings: what a person must look at. A code stands for one situation, everywhere and for ever."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Reason(NamedTuple):
    """What a code means and what to do about it. `actions` are what `findings resolve --action` accepts."""

    severity: str
    text: str
    fix: str
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, order=True)
class Finding:
    """One situation seen tonight. `subject` names records by key, `amount` is øre or None; nothing personal."""

    code: str
    subject: str
    text: str
    amount: int | None = None


SEVERITIES = ("error", "question", "warning")
"""The gravest first."""

CATALOGUE: Mapping[str, Reason] = {
    "CONTRACT_BROKEN": Reason(
        "error",
        "A record does not keep its contract and was set aside",
        "Correct the record at its source; it is read again when it changes. What it touches waits until then. "
        "If it can never be corrected, dismiss it.",
        ("dismiss",),
    ),
    "FEED_INCOMPLETE": Reason(
        "error",
        "A feed could not be read to its end",
        "Nothing was mirrored from it tonight and what depends on it waits; look at the counterparty's status, "
        "then run again.",
    ),
    "CLOCK_SKEW": Reason(
        "warning",
        "The ERP's clock and this machine's differ",
        "Have this machine set its clock from the network. If the ERP's is wrong, tell its vendor, and make the "
        "overlap in the settings longer than the difference until it is right. A day apart, nothing is sent.",
    ),
    "LEDGER_ROW_INCONSISTENT": Reason(
        "error",
        "What settles the receivable does not add up to amount minus balance",
        "Look at its applications in the ERP; collection effects for it wait until they agree.",
    ),
    "PAYMENT_LINE_UNKNOWN_DOCUMENT": Reason(
        "warning",
        "A payment line names a document the ERP does not list",
        "Look the document up in the ERP; the line is ignored until it is known.",
    ),
    "FOREIGN_SUSPENSE_PAYMENT": Reason(
        "error",
        "A payment on the suspense account is not ours",
        "Void it in the ERP, or type our reference into its payment reference. "
        "Transfers and postings of the customer wait.",
    ),
    "FOREIGN_MOVEMENT": Reason(
        "error",
        "A movement on the suspense account is neither our posting nor a settlement of ours",
        "Reverse it in the ERP or explain it to the auditor; the statement lists it until then.",
    ),
    "CLAIM_UNKNOWN": Reason(
        "error",
        "The agency lists a claim that we did not transfer",
        "Ask the agency where it comes from; its receivable is not transferred again meanwhile.",
    ),
    "CLAIM_MERGED": Reason(
        "error",
        "The agency merged a claim of ours into another and does not say which",
        "Follow it by hand with the agency: payments of the receivable are not reported. Dismiss it when that is done.",
        ("dismiss",),
    ),
    "CLAIM_WITHOUT_RECEIVABLE": Reason(
        "error",
        "A claim of ours names a receivable the ERP does not list",
        "Look the document up in the ERP; nothing is reported on the claim until it is found.",
    ),
    "CREDITOR_ENTRY_UNKNOWN": Reason(
        "error",
        "The agency booked money received by us that we did not report",
        "Adopt it for the ERP document it stands for, or have the agency cancel it.",
        ("adopt", "ignore"),
    ),
    "REDUCTION_CANCELLED": Reason(
        "error",
        "The agency cancelled a reduction that we sent",
        "Ask why; then send it again or leave it.",
        ("resend", "ignore"),
    ),
    "REDUCTION_OVER_CEILING": Reason(
        "error",
        "A reduction would bring the agency below what the ERP shows",
        "The debtor probably paid both parties, or the agency knew already. Compare the entries; adopt or cancel one.",
    ),
    "OWN_POSTING_SHORT": Reason(
        "error",
        "A posting of ours settles less of its invoice than the agency's entry carries",
        "Apply the rest of the posting to the invoice in the ERP, or have the agency move the money.",
    ),
    "OWN_POSTING_MOVED": Reason(
        "error",
        "A posting of ours settles another transferred invoice than the agency's entry says",
        "Move the application back in the ERP, or have the agency reallocate the entry.",
    ),
    "POSTING_VOIDED_BY_HAND": Reason(
        "error",
        "A person voided a posting of agency money",
        "Answer repost to post it again, or have the agency reverse the entry.",
        ("repost",),
    ),
    "POSTING_ALLOCATION_DIFFERS": Reason(
        "warning",
        "A posting settles other invoices than the entry says, and the journal no longer knows why",
        "Compare the applications with the agency's allocation; move them in the ERP if they are wrong.",
    ),
    "POSTING_VOIDED": Reason(
        "warning",
        "A posting was voided because the agency changed its entry",
        "If people had applied it elsewhere, apply the new posting again.",
    ),
    "POSTING_LEAVES_CREDIT": Reason(
        "warning",
        "Agency money is more than the invoice's balance; the rest is the customer's credit",
        "Pay it back or apply it to another invoice.",
    ),
    "POSTING_IN_CLOSED_PERIOD": Reason(
        "warning",
        "The value date lies in a closed period; the posting is dated in the first open one",
        "Nothing, unless the auditor wants the period reopened.",
    ),
    "POSTING_NOT_RELEASED": Reason(
        "error",
        "A posting is created but not released",
        "It is in transit and asked for again every night; look at its error text in the ERP. "
        "If it can never be released, delete it there: what fits is made again.",
    ),
    "ENTRY_UNALLOCATED": Reason(
        "error",
        "Agency money has no allocation, or names a claim we do not know",
        "Ask the agency to allocate it; nothing is posted until then.",
    ),
    "ENTRY_REPEATED": Reason(
        "error",
        "An entry repeats another's claim, date and amount under a new id",
        "Ask the agency whether it is a second payment; answer post if it is.",
        ("post",),
    ),
    "CURRENCY_NOT_SUPPORTED": Reason(
        "warning",
        "Foreign currency is held back",
        "Handle it by hand, or add the currency once the agency supports it.",
    ),
    "WRITE_OFF_ABOVE_TOLERANCE": Reason(
        "question",
        "A write-off on a transferred invoice is larger than the tolerance",
        "Answer accept to report it to the agency as a reduction, or keep to leave the claim as it is.",
        ("accept", "keep"),
    ),
    "CAPABILITY_MISSING": Reason(
        "error",
        "The agency's interface cannot do what the ledger needs",
        "Send the agency the text as it stands; when it has booked what the text says, adopt that booking.",
    ),
    "AGREEMENT_UNSIGNED": Reason(
        "error",
        "The agency takes no claims before an agreement is signed",
        "Open the link and sign; the transfers are tried again every night.",
    ),
    "LEFT_TO_DO": Reason(
        "error",
        "A claim was handed over, and something that belongs to it was not",
        "Do by hand what the text says, then answer done.",
        ("done",),
    ),
    "DUE_DATE_MOVED": Reason(
        "warning",
        "The due date was moved after the transfer; the claim is paused",
        "Nothing, if the debtor was given time: it is resumed when the new date has passed.",
    ),
    "AGENCY_ASKS": Reason(
        "question",
        "The agency asks about a claim",
        '`findings show` has its text; answer with --action "answer TEXT". The agency reads it.',
        ("answer",),
    ),
    "CLAIM_SHOULD_STOP": Reason(
        "question",
        "A receivable was excluded, disputed, written off or the like after its transfer, and we shall ask",
        "Answer pause, recall, or leave.",
        ("pause", "recall", "leave"),
    ),
    "PAUSE_OF_UNKNOWN_ORIGIN": Reason(
        "question",
        "A claim is paused, and the journal was lost after it may have paused it",
        "Answer resume if the pause was ours and its reason is gone; a pause of the agency's own needs no answer.",
        ("resume",),
    ),
    "NEW_EPISODE": Reason(
        "question",
        "A recalled receivable may be transferred again",
        "Answer approve to hand it over once more.",
        ("approve",),
    ),
    "EFFECT_REFUSED": Reason(
        "error",
        "The counterparty refused an effect",
        "Mend what it says; it is planned again when the facts change.",
        ("retry",),
    ),
    "EFFECT_QUARANTINED": Reason(
        "error",
        "What the counterparty holds does not fit what we intended",
        "Look at both records; answer done if the effect stands as intended, undone if it does not exist.",
        ("done", "undone"),
    ),
    "EFFECT_UNCERTAIN": Reason(
        "warning",
        "Nobody knows yet whether an effect was carried out",
        "Nothing: it is asked for on the next nights.",
    ),
    "DISPATCH_STOPPED": Reason(
        "error",
        "Dispatch stopped before its plan was carried out",
        "Look at the counterparty's status; what is left is planned again on the next night.",
    ),
    "EFFECT_NOT_LISTED": Reason(
        "warning",
        "A confirmed effect is not listed by its counterparty yet",
        "Nothing: what builds on it waits until it is.",
    ),
    "EFFECT_BLOCKED": Reason(
        "warning",
        "An effect waits behind one that is parked",
        "Deal with the one it waits for.",
    ),
    "CASE_FIELDS_REFUSED": Reason(
        "warning",
        "The ERP refuses the case number on the invoice",
        "Allow it in the ERP, or look the case up at the agency.",
    ),
    "SETTLEMENT_DOES_NOT_ADD_UP": Reason(
        "error",
        "A settlement's totals are not the sum of its lines",
        "Ask the agency for a corrected settlement; nothing is booked.",
    ),
    "SETTLEMENT_WAITS": Reason(
        "warning",
        "A settlement waits until all its items are posted",
        "Deal with the items it names.",
    ),
    "INTEREST_ABOVE_LAW": Reason(
        "warning",
        "A private debtor was charged more interest than the law's rate gives",
        "Ask the agency how it reckoned; what is above must be paid back.",
    ),
    "RATE_UNKNOWN": Reason(
        "warning",
        "A statutory rate is not entered for a period, so what rests on it was not checked",
        "Enter the period with its source, or update cloudcollect-pipeline.",
    ),
    "SETTLEMENT_ROUNDED": Reason(
        "warning",
        "A settlement's net differs from its terms within the tolerance; the difference is on the rounding account",
        "Nothing, unless it happens often: then ask the agency how it rounds.",
    ),
    "SETTLEMENT_VAT_UNKNOWN": Reason(
        "error",
        "A settlement's VAT fits no rate",
        "Ask the agency for a corrected settlement; nothing is booked.",
    ),
    "SETTLEMENT_AGAINST_TERMS": Reason(
        "error",
        "A settlement passes on what the agency keeps by the settings",
        "Compare with the contract; change who keeps it in the settings from a date on, or ask for a new settlement.",
    ),
    "SETTLEMENT_CHANGED": Reason(
        "error",
        "A settlement was changed after it was booked",
        "Ask the agency to cancel it and publish a new one; what was booked stands until then.",
    ),
    "SETTLEMENT_DRAFT": Reason(
        "warning",
        "The voucher of a settlement is a draft",
        "Look at it and release it in the ERP, as the settings ask; delete it if the settlement was cancelled since.",
    ),
    "SETTLEMENT_REPEATS": Reason(
        "error",
        "A settlement pays out an entry that another published settlement has paid out already",
        "Ask the agency which of the two it will cancel; this one is not booked until then.",
    ),
    "SETTLEMENT_PAYS_LESS": Reason(
        "warning",
        "Settlements name an entry and pay out less of it than it carries",
        "Ask the agency for the rest; it stays on the suspense account until a settlement pays it out.",
    ),
    "SETTLEMENT_UNKNOWN_ITEM": Reason(
        "error",
        "A settlement names an entry that the agency does not list",
        "Ask the agency which payment it settles.",
    ),
    "PAYOUT_OVERDUE": Reason(
        "error",
        "A settlement's payout has not reached the bank",
        "Ask the agency for it; if it has come, put the settlement's number into the bank line's text.",
    ),
    "PAYOUT_DIFFERS": Reason(
        "error",
        "The bank brought another amount than the settlement pays out",
        "Compare the bank line with the settlement; ask the agency for the rest or a corrected settlement.",
    ),
    "ENTRY_NOT_SETTLED": Reason(
        "warning",
        "Money the agency received long ago has not been settled",
        "Ask the agency when it will be paid out.",
    ),
    "BALANCES_DIFFER": Reason(
        "error",
        "The two sides differ and nothing under way explains it",
        "Compare the invoice's applications with the claim's entries.",
    ),
    "STATEMENT_DOES_NOT_TIE": Reason(
        "error",
        "The suspense account is not explained to the øre",
        "Look at the statement's difference; nothing may be closed on it.",
    ),
    "SET_UP_WRONG": Reason(
        "error",
        "The ERP is not set up for the agency's money, so nothing was sent",
        "Mend what it says in the ERP or in the settings; `cloudcollect doctor` looks again, and the next night sends.",
    ),
    "PLAN_OVER_CAPS": Reason(
        "error",
        "Tonight's plan is larger than its caps",
        "Look at the totals; approve the plan by its hash if they are right.",
    ),
}


def severity(code: str) -> str:
    """How serious a finding is; one this version does not know is an error."""
    reason = CATALOGUE.get(code)
    return reason.severity if reason else "error"


def needs_a_person(codes: Iterable[str]) -> bool:
    """Whether anything among findings waits for a person: an error or a question."""
    return any(severity(code) in ("error", "question") for code in codes)
