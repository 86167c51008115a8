"""The pure heart of planning: what one customer's claims and entries still need at either party.

`plan_customer` is a function of a `CustomerState` and nothing else, so that it can be explored exhaustively. All
amounts are integer øre. The rules are those of the mirror: news, baseline, own postings judged per entry and claim,
ceiling, desired-state postings.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.domain.money import display

BLOCKING = frozenset({"intent", "uncertain", "created", "quarantined"})
FROZEN = BLOCKING | {"confirmed"}
UNEXPLAINED = "? ?"
"""The document, in the form of every other, of what no document in the ERP explains."""

Reference = Callable[[str, str, int], str]
"""(kind, source, ordinal) -> reference; the tenant and the agency are bound in."""


@dataclass(frozen=True)
class Known:
    """An effect of ours as the journal and the target's list know it. `listed`: the target shows it."""

    reference: str
    ordinal: int
    state: str
    amount: int
    facts: str = ""
    listed: bool = True


@dataclass(frozen=True)
class Application:
    """What one released paying document settles of a receivable, net. `entry`: the root entry, if we posted it."""

    document: str
    kind: str
    paid: int
    write_off: int = 0
    entry: str | None = None
    value_date: date | None = None


@dataclass(frozen=True)
class Listed:
    """A creditor-side entry on the agency's list. `document` is the ERP document it names, `ours`: we wrote it."""

    entry_id: str
    document: str | None
    amount: int
    ours: bool
    kind: str = "DIRECT_PAYMENT"
    cancelled: bool = False


@dataclass(frozen=True)
class ClaimState:
    """A live claim of ours and its receivable.

    `principal` is the claim's principal now, `transferred` what we handed over; `open` the agency's open principal;
    `carried` root entry -> principal it carries on this claim; `sent` ERP document -> reductions of ours for it.
    """

    claim_id: str
    transfer: str
    document: str
    currency: str
    principal: int
    transferred: int
    open: int
    balance: int
    baseline: Mapping[str, int]
    applications: tuple[Application, ...]
    listed: tuple[Listed, ...]
    carried: Mapping[str, int]
    sent: Mapping[str, tuple[Known, ...]] = field(default_factory=dict)
    live: bool = True
    fenced: bool = False


@dataclass(frozen=True)
class PostingState:
    """A customer payment on the suspense account with a reference of ours. `lines` ERP document -> amount applied."""

    reference: str
    ordinal: int
    number: str
    status: str
    amount: int
    lines: Mapping[str, int]
    intended: Mapping[str, int] | None = None
    voided_by_us: bool = False


def is_posted(postings: Iterable[PostingState], known: Iterable[Known]) -> bool:
    """Whether a posting of an entry stands, or may be about to: its outcome is unknown, or no list shows it yet.

    One that somebody else voided is a question of its own, and does not give way to another entry.
    """
    return any(posting.status != "Voided" or not posting.voided_by_us for posting in postings) or any(
        each.state in FROZEN - {"confirmed"} or (each.state == "confirmed" and not each.listed) for each in known
    )


def repeated(
    entry: str,
    alike: Sequence[tuple[str, bool]],
    posted: Callable[[str], bool],
    second: Callable[[str], bool],
    *,
    before: bool = False,
) -> str | None:
    """Which entry another one repeats, so that it waits for an answer; None where it repeats none.

    `alike`: entries of equal claims, date and amount in the order in which they were recorded, and whether anything is
    left of each; `posted` whether one `is_posted`, `second` whether a person answered that it is a payment of its own;
    `before` whether this one was posted once, if void now. The one recorded later waits, or the one that is not posted
    where the other one is. What is posted waits no more, nor what was beside another that is a payment of its own.
    """
    if posted(entry) or second(entry):
        return None
    earlier = True
    for other, carries in alike:
        if other == entry:
            earlier = False
        elif carries and not (before and second(other)) and (earlier or (posted(other) and not second(other))):
            return other
    return None


@dataclass(frozen=True)
class EntryState:
    """Money the agency received, with its reversals and reallocations. `carried` ERP document -> principal now."""

    entry: str
    currency: str
    value_date: date
    carried: Mapping[str, int]
    postings: tuple[PostingState, ...] = ()
    known: tuple[Known, ...] = ()
    voids: Mapping[str, tuple[Known, ...]] = field(default_factory=dict)
    problem: Finding | None = None

    @property
    def principal(self) -> int:
        """Principal the customer ledger must show for it, øre."""
        return sum(self.carried.values())

    @property
    def settled(self) -> bool:
        """Whether its posting stands as it should: only then is what it settles news of its own.

        While a posting is still to be made, voided, repeated or answered for, the difference it makes is its own.
        """
        live = [posting for posting in self.postings if posting.status != "Voided"]
        if self.principal <= 0:
            return bool(self.postings) and not live
        return len(live) == 1 and live[0].status in ("Open", "Closed") and _right(live[0], self)

    def moved_to(self, document: str) -> int:
        """What its posting settles of a document beyond what it carries there and lacks on another document, øre.

        The claim on that other document may be live no more, and then has no news that would say so.
        """
        live = next((posting for posting in self.postings if posting.status != "Voided"), None)
        if live is None or not self.settled:
            return 0
        lacking = sum(max(0, amount - live.lines.get(other, 0)) for other, amount in self.carried.items())
        return max(0, min(lacking, live.lines.get(document, 0) - self.carried.get(document, 0)))


@dataclass(frozen=True)
class CustomerState:
    """All that is needed to plan one customer. `balances` ERP document -> open balance of its receivables."""

    customer: str
    claims: tuple[ClaimState, ...]
    entries: tuple[EntryState, ...]
    balances: Mapping[str, int]
    foreign_payment: bool = False
    write_off_tolerance: int = 100
    decisions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    currencies: tuple[str, ...] = ("NOK",)


@dataclass
class Planned:
    """What planning found out, in the order in which it was found."""

    effects: list[Effect] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def find(self, code: str, subject: str, text: str, amount: int | None = None) -> None:
        """Add a finding."""
        self.findings.append(Finding(code, subject, text, amount))


def next_ordinal(known: Iterable[Known]) -> int:
    """Highest ordinal frozen at the target or in the journal, plus one: a reference proven not done is reused."""
    return max((k.ordinal for k in known if k.state in FROZEN), default=0) + 1


def refused_before(known: Iterable[Known], ordinal: int, amount: int, facts: str) -> bool:
    """Whether the same content was refused under this ordinal with the same facts: asking again would not help."""
    return any(k.ordinal == ordinal and k.state == "rejected" and (k.amount, k.facts) == (amount, facts) for k in known)


def plan_customer(state: CustomerState, reference: Reference) -> Planned:
    """Everything one customer's claims and entries still need, with the findings for a person."""
    planned = Planned()
    _postings(state, reference, planned)
    _reductions(state, reference, planned)
    return planned


# -- reductions (rules §4) -------------------------------------------------------------------------------------------


@dataclass
class _News:
    """One document's news on one claim: what the ERP shows beyond what the agency knows. Negative: taken back."""

    document: str
    amount: int
    kind: str
    value_date: date | None
    entry: str | None = None


def _reductions(state: CustomerState, reference: Reference, planned: Planned) -> None:
    entries = {entry.entry: entry for entry in state.entries}
    news = {claim.claim_id: _news(claim, entries, state, planned) for claim in state.claims if claim.live}
    short: dict[str, int] = defaultdict(int)
    for items in news.values():
        for item in items:
            if item.entry and item.amount < 0:
                short[item.entry] -= item.amount
    for claim in state.claims:
        if not claim.live:
            continue
        moved = _withhold_moved(claim, news[claim.claim_id], short, entries, planned)
        _reduce(claim, moved, entries, state, reference, planned)


def _news(claim: ClaimState, entries: Mapping[str, EntryState], state: CustomerState, planned: Planned) -> list[_News]:
    """Net − baseline − listed, per document; for our own postings per entry, minus what the entry carries."""
    listed: dict[str, int] = defaultdict(int)
    for item in claim.listed:
        document = item.document if item.ours else _adopted(state, item)
        if item.cancelled:
            answer = state.decisions.get(("REDUCTION_CANCELLED", item.entry_id))
            if item.ours and answer != "resend":
                if answer is None:
                    planned.find(
                        "REDUCTION_CANCELLED",
                        item.entry_id,
                        f"the agency cancelled the reduction of {display(item.amount)} for {item.document} "
                        f"on {claim.document}",
                        item.amount,
                    )
                listed[item.document or UNEXPLAINED] += item.amount
            continue
        if document is None:
            if state.decisions.get(("CREDITOR_ENTRY_UNKNOWN", item.entry_id)) != "ignore":
                planned.find(
                    "CREDITOR_ENTRY_UNKNOWN",
                    item.entry_id,
                    f"the agency booked {display(item.amount)} received by the creditor on {claim.document}",
                    item.amount,
                )
            continue
        listed[document] += item.amount

    net: dict[str, int] = defaultdict(int)
    facts: dict[str, Application] = {}
    own_documents: dict[str, str] = {}
    for entry in entries.values():
        for posting in entry.postings:
            own_documents[f"Payment {posting.number}"] = entry.entry
    for application in claim.applications:
        write_off = application.write_off
        if write_off and abs(write_off) > state.write_off_tolerance:
            subject = f"{claim.document} {application.document}"
            answer = state.decisions.get(("WRITE_OFF_ABOVE_TOLERANCE", subject))
            if answer is None:
                planned.find(
                    "WRITE_OFF_ABOVE_TOLERANCE",
                    subject,
                    f"{display(write_off)} of {claim.document} was written off by {application.document}",
                    write_off,
                )
            if answer != "accept" and application.document not in claim.baseline:
                write_off = 0
        net[application.document] += application.paid + write_off
        facts[application.document] = application
        if application.entry:
            own_documents[application.document] = application.entry

    own: dict[str, int] = defaultdict(int)
    result: list[_News] = []
    for document in sorted({*net, *claim.baseline, *listed}):
        amount = net[document] - claim.baseline.get(document, 0) - listed[document]
        if document in own_documents:
            own[own_documents[document]] += amount
            continue
        if amount:
            fact = facts.get(document)
            kind = "DIRECT_PAYMENT"
            if document.startswith("CreditNote"):
                kind = "CREDIT"
            elif document.startswith("WriteOff") or (fact and fact.write_off and not fact.paid):
                kind = "WRITE_OFF"
            result.append(_News(document, amount, kind, fact.value_date if fact else None))
    for entry_id in sorted({*own, *claim.carried}):
        if entry_id not in entries and own[entry_id]:
            planned.find(
                "OWN_POSTING_MOVED",
                f"{entry_id} {claim.document}",
                f"{display(own[entry_id])} of a posting for another customer's entry settles {claim.document}",
                own[entry_id],
            )
        if entry_id not in entries or not entries[entry_id].settled:
            continue
        amount = own[entry_id] - claim.carried.get(entry_id, 0)
        if amount:
            documents = sorted(d for d, e in own_documents.items() if e == entry_id and d in net) or sorted(
                d for d, e in own_documents.items() if e == entry_id
            )
            result.append(_News(documents[-1] if documents else UNEXPLAINED, amount, "DIRECT_PAYMENT", None, entry_id))
    # A raise that the agency made by hand is adopted: it answers decreases that were not sent.
    raised = claim.principal - claim.transferred
    for change in result:
        if raised > 0 and change.amount < 0 and not change.entry:
            answered = min(raised, -change.amount)
            change.amount += answered
            raised -= answered
    return [change for change in result if change.amount]


def _adopted(state: CustomerState, item: Listed) -> str | None:
    """The ERP document for which a person adopted a creditor-received entry that is not ours."""
    answer = state.decisions.get(("CREDITOR_ENTRY_UNKNOWN", item.entry_id), "")
    return answer.removeprefix("adopt ") if answer.startswith("adopt ") else None


def _withhold_moved(
    claim: ClaimState,
    news: list[_News],
    short: dict[str, int],
    entries: Mapping[str, EntryState],
    planned: Planned,
) -> list[_News]:
    """An entry short on one claim, or of a document whose claim is over: its surplus elsewhere is withheld so far."""
    kept: list[_News] = []
    for item in news:
        moved = max(short[item.entry], entries[item.entry].moved_to(claim.document)) if item.entry else 0
        if item.entry and item.amount > 0 and moved:
            withheld = min(item.amount, moved)
            short[item.entry] = max(0, short[item.entry] - withheld)
            planned.find(
                "OWN_POSTING_MOVED",
                f"{item.entry} {claim.document}",
                f"{display(withheld)} of the posting {item.document} settles {claim.document}, "
                "which the entry does not say",
                withheld,
            )
            item.amount -= withheld
        if item.amount:
            kept.append(item)
    return kept


def _reduce(
    claim: ClaimState,
    news: Sequence[_News],
    entries: Mapping[str, EntryState],
    state: CustomerState,
    reference: Reference,
    planned: Planned,
) -> None:
    increases = [item for item in news if item.amount > 0]
    decreases = [item for item in news if item.amount < 0]
    # Tonight's increases first pay for tonight's decreases: the agency need not hear of either.
    for fall in sorted(decreases, key=lambda item: (item.entry is not None, item.document)):
        for rise in increases:
            offset = min(rise.amount, -fall.amount)
            rise.amount -= offset
            fall.amount += offset
    sendable: list[tuple[_News, int, str]] = []

    settles: dict[str, int] = defaultdict(int)
    for application in claim.applications:
        if application.entry:
            settles[application.entry] += application.paid - claim.baseline.get(application.document, 0)
    unposted = sum(
        claim.carried.get(entry, 0) - settles[entry]
        for entry in sorted({*claim.carried, *settles})
        if not (entry in entries and entries[entry].settled)
    )
    floor = max(0, claim.balance - unposted)
    # Whichever is less: where the list of entries lacks one, the claim itself and what is listed on it differ.
    listed_open = claim.principal - sum(claim.carried.values()) - sum(i.amount for i in claim.listed if not i.cancelled)
    room = max(0, min(claim.open, listed_open) - floor)
    less = f", by the entries on it {display(listed_open)}" if listed_open < claim.open else ""
    for rise in increases:
        if rise.amount <= 0:
            continue
        amount = min(rise.amount, room)
        room -= amount
        if amount:
            sendable.append((rise, amount, rise.kind))
        if amount < rise.amount:
            planned.find(
                "REDUCTION_OVER_CEILING",
                f"{claim.document} {rise.document}",
                f"{display(rise.amount - amount)} of {rise.document} would bring {claim.document} below the ERP's "
                f"balance at the agency (open there {display(claim.open)}{less}, balance {display(claim.balance)})",
                rise.amount - amount,
            )

    # Nor is a claim lifted above what is owed now: what the agency has put back itself, a cancelled reduction of ours
    # for one, is open there already; a posting that gives way has not done so yet, and what one lacks here is paid.
    lacking = sum(max(0, claim.carried.get(entry, 0) - settles[entry]) for entry in claim.carried)
    owed = max(0, claim.balance - lacking)
    # Where the list of entries lacks one, the claim says less than they do: that may be money not posted yet either.
    lift = owed - max(claim.open, listed_open) + sum(amount for _, amount, _ in sendable)
    ours = [item for item in claim.listed if item.ours and not item.cancelled and item.kind != "RAISE"]
    can_take_back = max(0, sum(item.amount for item in ours))
    for fall in decreases:
        if fall.amount >= 0:
            continue
        need = -fall.amount
        if fall.entry:
            own = {f"Payment {posting.number}" for posting in entries[fall.entry].postings} | {fall.document}
            for_entry = sum(i.amount for i in ours if i.document in own)
            back = min(need, max(0, for_entry), can_take_back)
            if back < need:
                planned.find(
                    "OWN_POSTING_SHORT",
                    f"{fall.entry} {claim.document}",
                    f"the posting of the entry settles {display(need - back)} less of {claim.document} than it carries",
                    need - back,
                )
        else:
            back = min(need, can_take_back)
        can_take_back -= back
        rest = 0 if fall.entry else need - back
        for amount, kind in ((back, fall.kind), (rest, "RAISE")):
            lifted = min(amount, max(0, lift))
            lift -= lifted
            if lifted:
                sendable.append((fall, -lifted, kind))
    if claim.fenced:
        return
    waiting = [k for sent in claim.sent.values() for k in sent if k.state in BLOCKING]
    unlisted = [k for sent in claim.sent.values() for k in sent if k.state == "confirmed" and not k.listed]
    if waiting or unlisted:
        for k in unlisted:
            planned.find(
                "EFFECT_NOT_LISTED",
                k.reference,
                f"a reduction of {display(k.amount)} on {claim.document} is not listed yet",
                k.amount,
            )
        return
    used: dict[str, int] = {}
    for item, amount, kind in sendable:
        known = claim.sent.get(item.document, ())
        ordinal = max(next_ordinal(known), used.get(item.document, 0) + 1)
        used[item.document] = ordinal
        facts = f"{claim.open}/{claim.balance}"
        source = f"{claim.transfer}/{item.document}"
        name = reference(Kind.REDUCTION, source, ordinal)
        if refused_before(known, ordinal, amount, facts) and state.decisions.get(("EFFECT_REFUSED", name)) != "retry":
            planned.find(
                "EFFECT_REFUSED",
                name,
                f"the agency refused {display(amount)} for {item.document} on {claim.document}",
                amount,
            )
            continue
        document_type, _, number = item.document.partition(" ")
        planned.effects.append(
            Effect(
                Kind.REDUCTION,
                name,
                source,
                ordinal,
                Content(state.customer, claim.document, claim.claim_id, claim.currency, amount),
                chain=claim.transfer,
                lane=claim.transfer,
                details={
                    "claim_id": claim.claim_id,
                    "kind": kind,
                    "document_type": document_type,
                    "number": number,
                    "receivable": claim.document,
                    "value_date": item.value_date.isoformat() if item.value_date else None,
                    "facts": facts,
                },
                expect={"open": claim.open, "balance": claim.balance, "document": claim.document},
            )
        )


# -- postings (rules §5) ---------------------------------------------------------------------------------------------


def _postings(state: CustomerState, reference: Reference, planned: Planned) -> None:
    for entry in state.entries:
        if entry.problem:
            planned.findings.append(entry.problem)
            continue
        if entry.currency not in state.currencies:
            planned.find(
                "CURRENCY_NOT_SUPPORTED",
                f"entry {entry.entry}",
                f"{display(entry.principal)} {entry.currency}",
                entry.principal,
            )
            continue
        _post(state, entry, reference, planned)


def _post(state: CustomerState, entry: EntryState, reference: Reference, planned: Planned) -> None:
    """Bring the entry's posting to its desired state: one live payment of the principal it now carries."""
    source = f"{entry.entry}:{state.customer}"
    blocked = [k for k in entry.known if k.state in BLOCKING - {"created"}]
    if blocked or any(k.state in BLOCKING for known in entry.voids.values() for k in known):
        return
    unlisted = [k for k in entry.known if k.state in ("confirmed", "created") and not k.listed]
    if unlisted:
        for k in unlisted:
            planned.find(
                "EFFECT_NOT_LISTED",
                k.reference,
                f"the posting of {display(k.amount)} is not listed by the ERP yet",
                k.amount,
            )
        return
    live = [p for p in entry.postings if p.status != "Voided"]
    wanted = entry.principal
    if wanted < 0:
        planned.find(
            "ENTRY_TAKES_BACK_TOO_MUCH",
            f"entry {entry.entry}",
            f"the agency took back {display(-wanted)} for {', '.join(sorted(entry.carried))} "
            "and does not say of which payment",
            -wanted,
        )
    keep = next((p for p in live if _right(p, entry)), None)
    acted: set[str] = set()
    for posting in live:
        if posting is keep or posting.reference in acted:
            continue  # where a copy took our reference along, one gives way a night: a reference names one effect
        acted.add(posting.reference)
        if posting.status in ("Balanced", "Hold"):
            # An unreleased payment cannot be voided: it is released first, and gives way on the next night.
            _release(state, entry, posting, source, planned)
        else:
            _void(state, entry, posting, source, reference, planned)
    if keep:
        if keep.status in ("Balanced", "Hold") and keep.reference not in acted:
            _release(state, entry, keep, source, planned)
        if keep.intended is None and _allocated_elsewhere(keep, entry):
            planned.find(
                "POSTING_ALLOCATION_DIFFERS",
                keep.reference,
                f"payment {keep.number} settles other documents than entry {entry.entry} says",
                keep.amount,
            )
        return
    leaving = {effect.details["number"] for effect in planned.effects if effect.kind == Kind.VOID}
    if wanted <= 0 or any(posting.number not in leaving for posting in live):
        return  # one that is not released cannot leave tonight, one whose void was refused stands until somebody looks
    if not live and entry.postings:
        newest = max(entry.postings, key=lambda p: p.ordinal)
        if newest.amount == wanted and not newest.voided_by_us:
            answer = state.decisions.get(("POSTING_VOIDED_BY_HAND", newest.reference))
            if answer != "repost":
                planned.find(
                    "POSTING_VOIDED_BY_HAND",
                    newest.reference,
                    f"payment {newest.number} of {display(newest.amount)} for entry {entry.entry} "
                    "was voided by a person",
                    newest.amount,
                )
                return
    if state.foreign_payment:
        planned.find(
            "EFFECT_BLOCKED",
            f"entry {entry.entry}",
            f"{display(wanted)} for {', '.join(sorted(entry.carried))} waits: "
            f"customer {state.customer} has a payment on the suspense account that is not ours",
            wanted,
        )
        return
    highest = max([p.ordinal for p in entry.postings], default=0)
    ordinal = max(next_ordinal(entry.known), highest + 1)
    name = reference(Kind.POSTING, source, ordinal)
    facts = ",".join(f"{d}={a}/{state.balances.get(d, 0)}" for d, a in sorted(entry.carried.items()))
    if refused_before(entry.known, ordinal, wanted, facts) and state.decisions.get(("EFFECT_REFUSED", name)) != "retry":
        planned.find(
            "EFFECT_REFUSED", name, f"the ERP refused the posting of {display(wanted)} for entry {entry.entry}", wanted
        )
        return
    planned.effects.append(
        Effect(
            Kind.POSTING,
            name,
            source,
            ordinal,
            Content(state.customer, entry.entry, "suspense", entry.currency, wanted),
            chain=f"entry {entry.entry}",
            lane=f"customer {state.customer}",
            after=tuple(
                effect.reference
                for effect in planned.effects
                if effect.kind == Kind.VOID and effect.chain == f"entry {entry.entry}"
            ),
            details={
                "entry": entry.entry,
                "customer": state.customer,
                "carried": dict(sorted(entry.carried.items())),
                "value_date": entry.value_date.isoformat(),
                "facts": facts,
            },
            expect={"carried": dict(sorted(entry.carried.items()))},
        )
    )


def _release(state: CustomerState, entry: EntryState, posting: PostingState, source: str, planned: Planned) -> None:
    """A document that was created but never released is finished, never made again."""
    planned.find(
        "POSTING_NOT_RELEASED",
        posting.reference,
        f"payment {posting.number} of {display(posting.amount)} for entry {entry.entry} is not released",
        posting.amount,
    )
    planned.effects.append(
        Effect(
            Kind.POSTING,
            posting.reference,
            source,
            posting.ordinal,
            Content(state.customer, entry.entry, "suspense", entry.currency, posting.amount),
            chain=f"entry {entry.entry}",
            lane=f"customer {state.customer}",
            details={
                "entry": entry.entry,
                "customer": state.customer,
                "carried": dict(sorted(entry.carried.items())),
                "value_date": entry.value_date.isoformat(),
                "release": posting.number,
            },
            expect={"carried": dict(sorted(entry.carried.items()))},
        )
    )


def _void(
    state: CustomerState, entry: EntryState, posting: PostingState, source: str, reference: Reference, planned: Planned
) -> None:
    known = entry.voids.get(posting.reference, ())
    ordinal = next_ordinal(known)
    name = reference(Kind.VOID, posting.reference, ordinal)
    applied = ", ".join(f"{display(a)} to {d}" for d, a in sorted(posting.lines.items()) if a) or "nothing"
    planned.find(
        "POSTING_VOIDED",
        posting.reference,
        f"payment {posting.number} of {display(posting.amount)} gives way to {display(entry.principal)}; "
        f"it was applied: {applied}",
        posting.amount,
    )
    facts = f"{posting.status}/{entry.principal}"
    if (
        refused_before(known, ordinal, posting.amount, facts)
        and state.decisions.get(("EFFECT_REFUSED", name)) != "retry"
    ):
        planned.find("EFFECT_REFUSED", name, f"the ERP refused to void payment {posting.number}", posting.amount)
        return
    planned.effects.append(
        Effect(
            Kind.VOID,
            name,
            posting.reference,
            ordinal,
            Content(state.customer, entry.entry, "suspense", entry.currency, posting.amount),
            chain=f"entry {entry.entry}",
            lane=f"customer {state.customer}",
            details={"entry": entry.entry, "number": posting.number, "facts": facts},
            expect={"carried": dict(sorted(entry.carried.items()))},
        )
    )


def _right(posting: PostingState, entry: EntryState) -> bool:
    """Whether a live posting is what the entry asks for: its principal, allocated as our intent said."""
    if posting.amount != entry.principal:
        return False
    if _nonzero(posting.lines) == _nonzero(entry.carried):
        return True
    return posting.intended is None or _nonzero(posting.intended) == _nonzero(entry.carried)


def _nonzero(amounts: Mapping[str, int]) -> dict[str, int]:
    return {document: amount for document, amount in amounts.items() if amount}


def _allocated_elsewhere(posting: PostingState, entry: EntryState) -> bool:
    """Whether a posting settles a document that the entry does not name."""
    return any(amount and document not in entry.carried for document, amount in posting.lines.items())
