"""Acceptance cases 20 to 29: who owes, which company, which day, and what the law and the tax say."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest

from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.sandbox.agency import Settings as AgencySettings


def test_case_20_a_private_debtor_without_personal_id_is_transferred_without_one_once_the_address_is_whole(case):
    invoice = case.receivable(customer=case.customer(address=""))
    case.night()
    assert case.held_back(invoice) == {"DEBTOR_COMPLETE"}
    case.settled()
    assert case.claims() == []
    case.erp.change_customer(invoice.customer, address="Storgata 1")
    case.night()
    case.settled(invoice)
    debtor = case.claim(invoice).order.debtor
    assert (debtor.number, debtor.business, debtor.organisation_number) == (invoice.customer.number, False, None)


def test_case_20_a_changed_address_reaches_the_agency(case):
    invoice = case.handed_over()
    case.erp.change_customer(invoice.customer.number, address="Nygata 2", postal_code="5003", city="Bergen")
    case.night()
    told = case.claim(invoice).order.debtor
    assert (told.address, told.postal_code, told.city) == ("Nygata 2", "5003", "Bergen")
    assert case.journal("debtor") == [("confirmed", 0)]
    case.settled(invoice)


def test_case_21_a_closed_period_moves_postings_vouchers_and_reversals_into_the_open_one(case):
    invoice, january = case.handed_over(), case.world.today
    entry = case.collect(invoice, 2500)
    case.morning(30)
    case.erp.close_period(f"{january:%Y%m}")
    case.night()
    [posting] = case.postings()
    assert (posting.on, posting.amount) == (date(2026, 2, 1), 2500)
    assert set(case.findings()) == {"POSTING_IN_CLOSED_PERIOD"}
    case.settled(invoice)
    case.world.pay_out(case.slug, case.agency.settle(case.slug, january))
    case.night()
    assert set(case.findings()) == {"POSTING_IN_CLOSED_PERIOD"}
    case.settled(invoice)
    assert case.erp.balance("1510") == 0
    case.morning(30)
    case.erp.close_period("202602")
    case.agency.reverse(entry)
    case.night()
    assert (case.postings(), invoice.balance, case.erp.balance("1510")) == ([], 6000, -2500)
    case.settled(invoice)
    assert {line.batch.on.month for line in case.erp.journal if line.account == "1510"} == {2, 3}


def test_case_22_two_companies_each_with_its_own_account_at_the_agency_and_one_debtor_are_kept_apart(tell):
    """Each company has one agency: two of them per company do not exist yet. All numbers are the same on purpose."""
    case = tell(companies=("nordlys", "sorvind"))
    invoices = {}

    def each():
        for slug in case.world.companies:
            case.slug = slug
            yield slug

    for slug in each():
        invoices[slug] = case.receivable()
    for slug in each():
        case.night(slug=slug, same_night=slug == "sorvind")
    north, south = invoices.values()
    assert (north.number, north.customer.number) == (south.number, south.customer.number)
    case.slug = "nordlys"
    case.collect(north, 2000)
    case.slug = "sorvind"
    case.erp.pay(south, 1000)
    for slug in each():
        case.night(slug=slug, same_night=slug == "sorvind")
        case.assert_mirrored(invoices[slug])
        case.assert_ties()
        assert (len(case.claims()), case.findings()) == (1, {})
        assert not case.night(slug=slug, same_night=True).plan.plan.effects
    assert (north.balance, south.balance) == (4000, 5000)
    assert [case.world.erp(slug).balance("1510") for slug in invoices] == [2000, 0]
    orders = [claim.order.reference for slug in each() for claim in case.claims()]
    assert len(set(orders)) == 2


@pytest.mark.parametrize("currencies", [("NOK",), ("NOK", "EUR")], ids=["by the settings", "by the agency"])
def test_case_23_a_currency_that_is_not_supported_is_held_back_with_the_reason(tell, currencies):
    case = tell(currencies=currencies)
    foreign = case.receivable(currency="EUR")
    invoice = case.handed_over()
    assert case.held_back(foreign) == {"CURRENCY"}
    case.erp.pay(foreign, 1000)
    case.settled(invoice)
    assert [claim.currency for claim in case.claims()] == ["NOK"]


@pytest.mark.parametrize(
    ("due", "transferred"),
    [
        (date(2026, 5, 1), date(2026, 5, 19)),  # a Friday: due on Monday the 4th, fourteen days, one banking day
        (date(2026, 4, 2), date(2026, 4, 22)),  # Maundy Thursday: due on Tuesday the 7th
        (date(2026, 4, 30), date(2026, 5, 15)),  # the fourteenth day is Ascension Day, the banking day follows it
    ],
    ids=["1 May", "Easter", "Ascension Day"],
)
def test_case_24_a_due_date_on_a_free_day_counts_from_the_next_working_day(tell, due, transferred):
    before = transferred - timedelta(days=2)
    case = tell(start=datetime(before.year, before.month, before.day, 6, tzinfo=OSLO), go_live=date(2026, 1, 1))
    case.world.daily(time(1), case.erp.run_dunning)
    invoice = case.receivable(due=due)
    assert not case.night().plan.plan.effects
    assert case.claims() == []
    case.night()
    assert (case.world.today, case.claim(invoice).order.due_date) == (transferred, due)
    case.settled(invoice)


def test_case_25_a_claim_older_than_three_years_is_not_transferred_and_one_that_passes_them_later_goes_on(tell):
    case = tell(go_live=date(2022, 1, 1))
    barred, last_day = (case.receivable(due=date(2023, 1, day)) for day in (6, 7))
    case.night()
    assert case.world.today == date(2026, 1, 6)
    assert case.held_back(barred) == {"NOT_TIME_BARRED"}
    assert case.claim(last_day).principal == 6000
    case.morning(3)
    case.erp.pay(last_day, 1000)
    case.collect(last_day, 2000)
    case.night()
    case.settled(last_day)
    assert (last_day.balance, case.claim(last_day).hold, len(case.claims())) == (3000, "NONE", 1)


def test_case_26_a_small_write_off_in_the_erp_is_reported(case):
    invoice = case.handed_over()
    case.erp.write_off(invoice, 50)
    case.night()
    case.settled(invoice)
    assert (case.kinds(), case.open_at_agency(invoice)) == (["WRITE_OFF"], 5950)


@pytest.mark.parametrize("amount", [2000, 6000], ids=["in part", "in full"])
def test_case_26_a_large_write_off_in_the_erp_is_reported_once_a_person_accepts_it(case, amount):
    invoice = case.handed_over()
    case.erp.write_off(invoice, amount)
    case.settled(findings=("WRITE_OFF_ABOVE_TOLERANCE",), differ=(invoice,))
    case.decide("WRITE_OFF_ABOVE_TOLERANCE", "accept")
    case.night()
    case.settled(invoice)
    assert (case.kinds(), case.open_at_agency(invoice)) == (["WRITE_OFF"], 6000 - amount)


@pytest.mark.parametrize("amount", [2000, 6000], ids=["in part", "in full"])
def test_case_26_a_claim_kept_in_spite_of_a_large_write_off_in_the_erp_is_left_as_it_is(case, amount):
    invoice = case.handed_over()
    case.erp.write_off(invoice, amount)
    case.night()
    case.decide("WRITE_OFF_ABOVE_TOLERANCE", "keep")
    case.night()
    assert (case.kinds(), case.open_at_agency(invoice)) == ([], 6000)
    case.settled(differ=(invoice,))


@pytest.mark.parametrize(("over", "codes"), [(0, ()), (1, ("INTEREST_ABOVE_LAW",))], ids=["as the law", "above it"])
def test_case_27_interest_over_a_half_year_is_held_against_both_rates(tell, over, codes):
    """An entry's interest spans 30 June 2022: 8.50 % a year until then, 9.25 % after (forsinkelsesrenteloven § 3)."""
    case = tell(start=datetime(2022, 6, 6, 6, tzinfo=OSLO), go_live=date(2022, 1, 1))
    invoice = case.handed_over(1_000_000, due=date(2022, 5, 20))
    case.morning(60)
    days_after = (case.world.today - date(2022, 6, 30)).days
    most = round(1_000_000 * (Decimal("8.50") * 41 + Decimal("9.25") * days_after) / 36_500)
    case.collect(invoice, 600_000, interest=most + over)
    case.night()
    case.settled(invoice, findings=codes)


@pytest.mark.parametrize("fees", [True, False], ids=["fees passed on", "fees kept"])
@pytest.mark.parametrize("interest", [True, False], ids=["interest passed on", "interest kept"])
def test_case_28_what_the_agency_passes_on_is_income_and_what_it_keeps_is_not_booked(tell, interest, fees):
    """The settings say who keeps what by the contract; a business may be charged what was agreed."""
    keeps = {True: "creditor", False: "agency"}
    case = tell(
        agency=AgencySettings(pass_on_interest=interest, pass_on_fees=fees),
        accounts={"interest_kept_by": keeps[interest], "fees_kept_by": keeps[fees]},
    )
    invoice = case.handed_over(customer=case.customer(business=True, organisation_number="923609016"))
    case.collect(invoice, 3000, interest=400, fees=1000)
    case.night()
    assert ([posting.amount for posting in case.postings()], case.open_at_agency(invoice)) == ([3000], 3000)
    settlement = case.agency.settle(case.slug, case.world.today)
    case.settled(invoice)
    booked = [case.erp.balance(account) for account in ("1510", "8050", "3900", "1515")]
    assert booked == [0, -400 * interest, -1000 * fees, settlement.net]
    assert settlement.net == 3000 + 400 * interest + 1000 * fees - 150 - 38 - (0 if fees else 250)


@pytest.mark.parametrize("registered", [True, False], ids=["registered", "not registered"])
def test_case_29_a_creditor_not_registered_for_vat_bears_the_vat_as_cost(tell, registered):
    """Where the creditor cannot deduct it, VAT is part of the commission and the debtor pays that of the fees."""
    case = tell(agency=AgencySettings(creditor_deducts_vat=registered), accounts={"vat_registered": registered})
    invoice = case.handed_over(600_000)
    case.collect(invoice, 400_000, fees=100_000)
    case.night()
    settlement = case.agency.settle(case.slug, case.world.today)
    case.settled(invoice)
    cost, deducted = (20_000, 30_000) if registered else (25_000, 0)
    booked = [case.erp.balance(account) for account in ("1510", "7790", "2710", "1515")]
    assert booked == [0, cost, deducted, settlement.net]
    assert settlement.net == 400_000 - cost - deducted
