"""Acceptance cases 10 to 19: settlements that are odd, an agency that is odd, answers that are lost, and stops."""

from dataclasses import replace

import pytest

from cloudcollect_pipeline.domain.money import ore, text


@pytest.mark.parametrize("why", ["the expenses are more than the money", "everything in it was reversed"])
def test_case_10_a_negative_net_settlement_is_booked_as_what_the_creditor_owes(case, why):
    invoice = case.handed_over()
    entry = case.collect(invoice, 1000)
    case.night()
    paid_out = 0
    if why == "everything in it was reversed":
        paid_out = case.agency.settle(case.slug, case.world.today).net
        case.night()
        case.agency.reverse(entry)
        case.night()
        settlement = case.agency.settle(case.slug, case.world.today)
    else:
        settlement = case.agency.settle(case.slug, case.world.today, expenses=5000)
    assert settlement.net < 0
    case.settled(invoice)
    assert (case.erp.balance("1510"), case.erp.balance("1515")) == (0, paid_out + settlement.net)


def test_case_11_a_settlement_for_an_unknown_case_waits_until_its_money_is_allocated_to_a_claim_of_ours(case):
    invoice = case.handed_over()
    by_hand = replace(case.claim(invoice).order, reference="BYHAND", document_number="999999")
    unknown, _ = case.agency.create_claim(case.slug, by_hand)
    case.collect(invoice, 3000)
    astray = case.agency.receive(unknown, 2000)
    settlement = case.agency.settle(case.slug, case.world.today)
    case.night()
    assert set(case.findings()) == {"CLAIM_UNKNOWN", "ENTRY_UNALLOCATED", "SETTLEMENT_WAITS"}
    assert (case.journal("settlement"), case.erp.balance("1510")) == ([], 3000)
    case.assert_ties()
    case.assert_quiet()
    case.agency.cancel_settlement(settlement)
    case.agency.reallocate(astray, unknown, case.claim(invoice), 2000)
    case.agency.reject(unknown)
    case.agency.settle(case.slug, case.world.today)
    case.settled(invoice)
    assert (invoice.balance, case.erp.balance("1510")) == (1000, 0)


def test_case_11_a_settlement_that_names_an_entry_the_agency_does_not_list_waits(case):
    invoice = case.handed_over()
    case.collect(invoice, 3000)
    case.night()
    case.agency.settle(case.slug, case.world.today)

    def astray(items):
        for line in (line for item in items for line in item["lines"]):
            line["entry_id"] = "ent_99999999"
        return items

    case.agency_shows("settlements", astray)
    case.night()
    assert set(case.findings()) == {"SETTLEMENT_UNKNOWN_ITEM"}
    assert (case.journal("settlement"), case.erp.balance("1510")) == ([], 3000)
    case.world.agency_faults.clear()
    case.settled(invoice)
    assert case.erp.balance("1510") == 0


@pytest.mark.parametrize("difference", [1, 10_000], ids=["0.01", "100"])
def test_case_12_a_settlement_whose_totals_differ_from_its_payments_is_not_booked(case, difference):
    invoice = case.handed_over(60000)
    case.collect(invoice, 30000)
    case.night()
    case.agency.settle(case.slug, case.world.today)

    def totals_differ(items):
        for item in items:
            for total in ("principal", "net"):
                item["totals"][total] = text(ore(item["totals"][total]) - difference)
        return items

    case.agency_shows("settlements", totals_differ)
    case.night()
    assert set(case.findings()) == {"SETTLEMENT_DOES_NOT_ADD_UP"}
    assert (case.journal("settlement"), case.erp.balance("1510")) == ([], 30000)
    case.world.agency_faults.clear()
    case.settled(invoice)
    assert case.erp.balance("1510") == 0


@pytest.mark.parametrize("slip", [1, 10_000, -1, -10_000], ids=["+0.01", "+100", "-0.01", "-100"])
def test_case_12_a_settlement_whose_lines_differ_from_the_payments_leaves_the_difference_open_and_named(case, slip):
    """Too much is not booked. Too little is a part of the payment: the rest stays an open item of the account."""
    invoice = case.handed_over(60000)
    entry = case.collect(invoice, 30000)
    case.night()
    settlement = case.agency.settle(case.slug, case.world.today, slip=slip)
    statement = case.night().statement
    if slip > 0:
        assert set(case.findings()) == {"SETTLEMENT_REPEATS"}
        assert case.journal("settlement") == []
    else:
        assert case.journal("settlement") == [("confirmed", 30000 + slip)]
        assert [(item.entry, item.open) for item in statement.items] == [(entry.id, -slip)]
    assert statement.closing == statement.ledger == case.erp.balance("1510")
    case.assert_quiet()
    case.agency.cancel_settlement(settlement)
    case.agency.settle(case.slug, case.world.today)
    case.settled(invoice)
    assert case.erp.balance("1510") == 0


def test_case_13_a_case_that_is_rekeyed_or_merged_is_the_same_claims_under_another_number(case):
    first, second = case.handed_over(6000, 6000)
    case.agency.tick()
    case.night()
    assert first.case_number != second.case_number
    case.agency.rekey(case.claim(first).case)
    case.collect(first, 1000)
    case.night()
    assert first.case_number == case.claim(first).case.number
    case.agency.merge(case.claim(first).case, case.claim(second).case)
    case.collect(first, 1000)
    case.erp.pay(first, 500)
    case.night()
    assert first.case_number == second.case_number == case.claim(second).case.number
    case.settled(first, second)
    assert (len(case.claims()), first.balance, case.erp.balance("1510")) == (2, 3500, 2000)


def test_case_13_money_on_a_receivable_whose_claim_was_merged_into_another_is_said(case):
    """A merged claim is final and the contract does not say which claim goes on: only a person can follow it."""
    invoice = case.handed_over()

    def merged(items):
        return [{**item, "status": "MERGED"} for item in items]

    case.agency_shows("claims", merged)
    assert not case.night().plan.plan.effects
    case.erp.pay(invoice, 6000)
    assert not case.night().plan.plan.effects
    assert len(case.claims()) == 1
    told = case.with_journal(lambda journal: journal.findings())
    assert [f["code"] for f in told if invoice.number in f["text"]] == ["CLAIM_MERGED"]


def test_case_13_a_receivable_whose_claim_was_merged_is_not_offered_for_another_transfer(case):
    """It is collected in the claim that goes on: a second transfer would collect it twice."""
    case.handed_over()
    case.agency_shows("claims", lambda items: [{**item, "status": "MERGED"} for item in items])
    assert not case.night().plan.plan.effects
    assert set(case.findings()) == {"CLAIM_MERGED"}


def test_case_14_the_agency_refuses_a_claim(case):
    invoice = case.receivable()
    case.agency.refuse_next("debtor_unknown", "the debtor cannot be found")
    case.night()
    assert case.journal("transfer") == [("rejected", 6000)]
    case.settled(findings=("EFFECT_REFUSED",))
    case.decide("EFFECT_REFUSED", "retry")
    case.night()
    case.settled(invoice)
    assert len(case.claims()) == 1


def test_case_14_the_agency_rejects_a_claim_that_it_had_accepted(case):
    invoice = case.handed_over()
    case.agency.reject(case.claim(invoice))
    case.erp.pay(invoice, 1000)
    case.settled(findings=("NEW_EPISODE",))
    assert case.kinds() == []
    case.decide("NEW_EPISODE", "approve")
    case.night()
    case.settled(invoice)
    assert [claim.principal for claim in case.claims()] == [6000, 5000]


def test_case_14_the_agency_asks_and_a_person_answers(case):
    invoice = case.handed_over()
    question = case.agency.question(case.claim(invoice), "Which contract is this from?")
    case.night()
    assert case.findings() == {"AGENCY_ASKS": [question.id]}
    case.decide("AGENCY_ASKS", "answer Contract 7")
    case.night()
    assert (question.answer, case.journal("answer")) == ("Contract 7", [("confirmed", 0)])
    case.settled(invoice)


def test_case_14_the_agency_never_answers_a_transfer(case):
    """Three tries, each given up only after two nights without it; then a person, and never a second claim."""
    other = case.handed_over()
    invoice = case.receivable()
    case.world.agency_faults.add("lost_before", "POST", r"/v1/claims$", count=99)
    for _ in range(7):
        assert case.night().dispatched.counts["transfer"].get("confirmed", 0) == 0
    tries = [strike for strike in case.world.agency_faults.injected if strike.method == "POST"]
    assert len(tries) == 3
    case.erp.pay(other, 1000)
    case.night()
    assert set(case.findings()) == {"EFFECT_QUARANTINED"}
    assert case.open_at_agency(other) == 5000
    case.world.agency_faults.clear()
    case.decide_undone()
    case.night()
    case.settled(invoice, other)
    assert len(case.claims()) == 2


def test_case_14_the_agency_cannot_be_reached_for_two_nights(case):
    invoice = case.handed_over()
    case.world.agency_faults.add("status_before", count=9999, status=503)
    case.erp.pay(invoice, 1000)
    case.collect(invoice, 2000)
    for _ in range(2):
        assert not case.night().plan.plan.effects
        assert "FEED_INCOMPLETE" in case.findings()
    case.world.agency_faults.clear()
    case.night()
    case.settled(invoice)
    assert (invoice.balance, case.erp.balance("1510")) == (3000, 2000)


def test_case_15_records_that_come_twice_and_out_of_order_are_counted_once(case):
    """Our reference agency has no webhooks, polling is the truth: the feeds repeat records and show old ones late."""
    first_seen: dict[str, dict] = {}

    def jumbled(items):
        old = [first_seen.setdefault(item["id"], item) for item in items]
        return [*items, *reversed(items), *old]

    case.agency_shows("claims|entries|cases|settlements", jumbled, query="limit=")
    invoice = case.handed_over()
    case.agency.tick()
    entry = case.collect(invoice, 3000)
    case.night()
    case.agency.reverse(entry, 1000)
    case.erp.pay(invoice, 500)
    case.night()
    case.settled(invoice)
    case.agency.cancel_settlement(case.agency.settle(case.slug, case.world.today))
    case.agency.settle(case.slug, case.world.today)
    case.settled(invoice)
    assert (invoice.balance, case.erp.balance("1510")) == (3500, 0)
    assert case.journal("reduction") == [("confirmed", 500)]


@pytest.mark.parametrize("feed", ["entries", "claims", "settlements"])
def test_case_15_a_record_missed_by_one_nights_polls_is_found_by_the_next(case, feed):
    """What a webhook or a poll missed, the overlap of the next poll finds."""
    invoice = case.handed_over()
    case.collect(invoice, 2000)
    if feed == "settlements":
        case.agency.settle(case.slug, case.world.today)
    case.agency_shows(feed, lambda items: [], query="limit=")
    case.night()
    assert invoice.balance == (6000 if feed == "entries" else 4000)
    assert case.kinds() == ["AGENCY_PAYMENT"]
    case.world.agency_faults.clear()
    case.night()
    case.settled(invoice)
    assert case.erp.balance("1510") == (0 if feed == "settlements" else 2000)


@pytest.mark.parametrize("how", ["lost_after", "status_after", "html", "truncated"])
def test_case_16_a_timeout_after_the_agency_stored_the_case_makes_no_second_one(case, how):
    invoice = case.receivable()
    case.world.agency_faults.add(how, "POST", r"/v1/claims$", status=504)
    assert case.night().dispatched.counts["transfer"] == {"uncertain": 1}
    case.erp.pay(invoice, 1000)
    case.night()
    assert case.journal("transfer") == [("confirmed", 6000)]
    case.settled(invoice)
    assert (len(case.claims()), case.open_at_agency(invoice)) == (1, 5000)


def test_case_17_of_a_partly_accepted_batch_each_claim_is_judged_for_itself(case):
    """Claims are handed over one by one here: the batch is the night's, and its answers are of four kinds."""
    invoices = [case.receivable(6000 + number) for number in range(4)]
    faults = case.world.agency_faults
    faults.add("lost_after", "POST", r"/v1/claims$", skip=1)
    faults.add("lost_before", "POST", r"/v1/claims$", skip=1)
    case.agency.refuse_next()
    counts = case.night().dispatched.counts["transfer"]
    assert counts == {"confirmed": 1, "rejected": 1, "uncertain": 2}
    assert set(case.findings()) == {"EFFECT_REFUSED"}
    case.decide("EFFECT_REFUSED", "retry")
    for _ in range(3):
        case.night()
    case.settled(*invoices)
    assert sorted(claim.principal for claim in case.claims()) == [6000, 6001, 6002, 6003]


@pytest.mark.parametrize("on", ["invoice", "customer"])
def test_case_18_excluded_after_the_transfer_pauses_the_claim_while_its_money_is_mirrored(case, on):
    invoice = case.handed_over()
    subject = invoice if on == "invoice" else invoice.customer
    case.erp.exclude(subject)
    case.erp.pay(invoice, 1000)
    case.collect(invoice, 2000)
    case.night()
    case.settled(invoice)
    assert (case.claim(invoice).hold, invoice.balance) == ("PAUSED", 3000)
    case.erp.exclude(subject, False)
    case.night()
    case.settled(invoice)
    assert (case.claim(invoice).hold, len(case.claims())) == ("NONE", 1)


def test_case_18_excluded_after_the_transfer_recalls_the_claim_where_the_policy_says_so(tell):
    case = tell(excluded_after_transfer="recall")
    invoice = case.handed_over()
    case.erp.exclude(invoice)
    case.night()
    case.erp.pay(invoice, 1000)
    case.settled()
    assert (case.claim(invoice).hold, case.kinds()) == ("RECALLED", [])
    case.erp.exclude(invoice, False)
    case.settled(findings=("NEW_EPISODE",))
    case.decide("NEW_EPISODE", "approve")
    case.night()
    case.settled(invoice)
    assert [claim.principal for claim in case.claims()] == [6000, 5000]


@pytest.mark.parametrize("policy", ["pause", "recall"])
@pytest.mark.parametrize("side", ["agency", "creditor"])
def test_case_19_a_dispute_raised_at_either_side_stops_the_claim_and_its_money_is_still_mirrored(tell, side, policy):
    case = tell(disputed_after_transfer=policy)
    invoice, disputed = case.handed_over(6000, 6000)

    def dispute(is_so):
        if side == "agency":
            case.agency.dispute(case.claim(disputed), is_so)
        elif is_so:
            at = case.world.now
            hold = f"Invoice {disputed.number}"
            case.with_journal(lambda journal: journal.set_hold(hold, "disputed", None, "a person", at))
        else:
            case.with_journal(
                lambda journal: journal.end_hold(f"Invoice {disputed.number}", "a person", case.world.now)
            )

    dispute(True)
    case.erp.pay(disputed, 1000)
    case.night()
    # A recalled claim is the agency's no more, and neither is its dispute: whether it may go again is a question.
    asked = ("NEW_EPISODE",) if (side, policy) == ("agency", "recall") else ()
    case.settled(invoice, findings=asked)
    stopped = case.claim(disputed)
    if policy == "pause":
        assert (stopped.hold, stopped.principal_open) == ("PAUSED", 5000)
    else:
        assert (stopped.hold, stopped.status) == ("RECALLED", "WITHDRAWN")
    dispute(False)
    case.settled(invoice, findings=() if policy == "pause" else ("NEW_EPISODE",))
    assert stopped.hold == ("NONE" if policy == "pause" else "RECALLED")
    assert (case.claim(invoice).hold, len(case.claims())) == ("NONE", 2)
