"""Two companies, two agencies each, one debtor: no receivable is ever at two agencies, and all four books are right."""

from datetime import date

import pytest

from cloudcollect_pipeline.sandbox.erp.ledger import Account, PaymentMethod
from cloudcollect_pipeline.settings import Settings, SettingsError
from tests.story import Story, transferred

OTHER = "-fjord"
"""The second agency's books of a company are named after it."""


class Agencies(Story):
    """Every company has a second agency, whose money stands in account 1513."""

    def __init__(self, data, routes, companies=("nordlys", "sorlys"), **policy):
        super().__init__(data, companies=companies, **policy)
        made = {}
        for slug, company in self.settings.companies.items():
            books = self.world.erp(slug)
            books.ledger.accounts["1513"] = Account("1513", "Fordring på inkassobyrå nummer to", "Asset")
            books.ledger.cash_accounts = {**books.cash_accounts, "1513": "1513"}
            books.payment_methods["4"] = PaymentMethod("4", "Inkasso", ("1510", "1513", "1920"))
            self.world.agency_api.keys[f"key{OTHER}-{slug}"] = slug + OTHER
            first, second = routes
            made[slug] = company.model_copy(update={"route": company.route.model_validate(first)})
            erp = company.erp.model_copy(update={"suspense_cash_account": "1513", "suspense_account": "1513"})
            agency = company.agency.model_validate(
                {"id": "fjord", "base_url": company.agency.base_url, "api_key": f"key{OTHER}-{slug}"}
            )
            changed = {"erp": erp, "agency": agency, "route": company.route.model_validate(second)}
            made[slug + OTHER] = company.model_copy(update=changed)
        self.settings = Settings(data_dir=data, companies=made)
        for slug in made:
            if slug.endswith(OTHER):
                with self.opened(slug) as night:
                    night.journal.declare_new(self.world.now, "test")

    def route(self, slug, **route):
        """From now on these receivables are this agency's."""
        company = self.settings.companies[slug]
        changed = company.model_copy(update={"route": company.route.model_validate(route)})
        self.settings = Settings(data_dir=self.data, companies={**self.settings.companies, slug: changed})

    def all_nights(self, nights=1):
        """Both agencies of every company, one after the other, in the same night."""
        told = {}
        for _ in range(nights):
            self.morning()
            told = {slug: self.night(slug=slug, same_night=True) for slug in self.settings.companies}
        return told

    def claims_at(self, slug, document):
        return [
            c
            for c in self.agency.account(slug).by_document[document.number]
            if c.status not in ("WITHDRAWN", "REJECTED")
        ]


def test_two_companies_with_two_agencies_each_and_one_debtor_keep_four_sets_of_books(tmp_path):
    story = Agencies(tmp_path, ({"debtors": "private"}, {"debtors": "business"}))
    documents = {}
    for slug in ("nordlys", "sorlys"):
        books = story.world.erp(slug)
        person = {"name": "Debtor Ærlig", "address": "Storgata 1", "postal_code": "0155", "city": "Oslo"}
        for business in (False, True):
            number = books.add_customer(
                **person, business=business, organisation_number="974760673" if business else None
            ).number
            documents[slug, business] = books.invoice(number, 6000, date(2025, 11, 17), date(2025, 12, 1))
        books.run_dunning(story.world.today)
    story.all_nights()
    for (slug, business), document in documents.items():
        here, there = (slug + OTHER, slug) if business else (slug, slug + OTHER)
        assert (len(story.claims_at(here, document)), len(story.claims_at(there, document))) == (1, 0)
        story.agency.receive(story.claims_at(here, document)[0], 2500, on=story.world.today)
    story.all_nights()
    for slug in ("nordlys", "sorlys"):
        assert (story.world.erp(slug).balance("1510"), story.world.erp(slug).balance("1513")) == (2500, 2500)
    for slug in list(story.settings.companies):
        story.agency.settle(slug, story.world.today)
    told = story.all_nights(3)
    for slug, result in told.items():
        assert result.statement.ties, (slug, result.statement.as_json())
        assert not result.plan.plan.effects
        assert not [finding for finding in result.findings if finding.code != "NEW_EPISODE"], slug
    for slug in ("nordlys", "sorlys"):
        assert (story.world.erp(slug).balance("1510"), story.world.erp(slug).balance("1513")) == (0, 0)


@pytest.mark.parametrize("slow", [False, True], ids=["same night", "after the night"])
def test_a_changed_route_moves_nothing_until_the_claim_is_recalled(tmp_path, slow):
    story = Agencies(tmp_path, ({}, {"debtors": "business"}), companies=("nordlys",))
    invoice = transferred(story)
    if slow:
        story.all_nights()
    story.route("nordlys", debtors="business")
    story.route("nordlys" + OTHER)
    story.all_nights(2)
    assert (len(story.claims_at("nordlys", invoice)), len(story.claims_at("nordlys" + OTHER, invoice))) == (1, 0)


def test_a_case_is_moved_by_recall_and_then_transfer(tmp_path):
    story = Agencies(
        tmp_path, ({}, {"debtors": "business"}), companies=("nordlys",), routed_away_after_transfer="recall"
    )
    invoice = transferred(story)
    story.agency.tick()
    story.collect(invoice, 1000)
    story.all_nights(2)
    assert invoice.case_number
    story.route("nordlys", debtors="business")
    story.route("nordlys" + OTHER)
    for _ in range(4):
        story.all_nights()
        assert len(story.claims_at("nordlys", invoice)) + len(story.claims_at("nordlys" + OTHER, invoice)) <= 1
    (claim,) = story.claims_at("nordlys" + OTHER, invoice)
    assert claim.principal_open == invoice.balance == 5000
    story.agency.tick()
    told = story.all_nights(2)
    assert invoice.case_number == claim.case.number
    assert all(result.statement.ties and not result.plan.plan.effects for result in told.values())


def test_what_an_agency_gives_back_goes_to_another_one_only_when_a_person_says_so(tmp_path):
    story = Agencies(tmp_path, ({}, {}), companies=("nordlys",))
    invoice = transferred(story)
    claim = story.claims_at("nordlys", invoice)[0]
    story.agency.dispute(claim)
    story.all_nights()
    story.agency.reject(claim)
    story.all_nights(2)
    assert story.claims_at("nordlys" + OTHER, invoice) == []
    with story.opened("nordlys" + OTHER) as night:
        subject = f"Invoice {invoice.number} episode 2"
        assert ("NEW_EPISODE", subject) in {(f["code"], f["subject"]) for f in night.journal.findings()}
        night.journal.decide("NEW_EPISODE", subject, "approve", "test", "test", story.world.now)
    story.night(slug="nordlys" + OTHER)
    assert len(story.claims_at("nordlys" + OTHER, invoice)) == 1


def held_at(story, slug, subject):
    with story.opened(slug) as night:
        night.journal.set_hold(subject, "disputed", None, "test", story.world.now)


def test_what_both_agencies_lists_hold_is_held_once(tmp_path):
    story = Agencies(tmp_path, ({}, {}), companies=("nordlys",))
    invoice, waiting = transferred(story), story.receivable(7000)
    for document in (invoice, waiting):
        for slug in story.settings.companies:
            held_at(story, slug, f"Invoice {document.number}")
    told = story.all_nights()
    assert told["nordlys"].dispatched.counts["hold"] == {"confirmed": 1}
    assert [each.document for each in told["nordlys"].plan.plan.held_back] == [f"Invoice {waiting.number}"]
    assert story.claims_at("nordlys", invoice)[0].hold == "PAUSED"


def test_who_is_held_back_is_so_at_every_agency_of_the_creditor(tmp_path):
    story = Agencies(tmp_path, ({"below_amount": 50}, {"from_amount": 50}), companies=("nordlys",))
    customer = story.customer()
    held_at(story, "nordlys", f"customer {customer}")
    small, large = story.receivable(3000, customer=customer), story.receivable(9000, customer=customer)
    other = story.receivable(9000)
    story.all_nights(2)
    assert story.claims_at("nordlys", small) == story.claims_at("nordlys" + OTHER, large) == []
    assert len(story.claims_at("nordlys" + OTHER, other)) == 1


@pytest.mark.parametrize("changed", [{"id": "fjord"}, {"base_url": "http://localhost:9002"}])
def test_another_agency_in_the_place_of_one_that_has_claims_waits_for_a_person(tmp_path, changed):
    story = Story(tmp_path)
    transferred(story)
    company = story.settings.companies[story.slug]
    agency = company.agency.model_validate({**company.agency.model_dump(), **changed})
    story.settings = story.settings.model_copy(
        update={"companies": {story.slug: company.model_copy(update={"agency": agency})}}
    )
    story.receivable(7000)
    story.morning()
    with story.opened() as night:
        reasons = night.prepare_plan().reasons
    assert "; ".join(reasons).startswith("claims are at agency inkasso at 127.0.0.1,")


def test_a_transfer_of_unknown_outcome_keeps_the_other_agency_away(tmp_path):
    story = Agencies(tmp_path, ({}, {"debtors": "business"}), companies=("nordlys",))
    invoice = story.receivable()
    story.world.agency_faults.add("lost_before", "POST", r"/claims$")
    story.night()
    story.route("nordlys", debtors="business")
    story.route("nordlys" + OTHER)
    story.night(slug="nordlys" + OTHER, same_night=True)
    assert story.agency.account("nordlys" + OTHER).by_document.get(invoice.number, []) == []


@pytest.mark.parametrize("lost", ["journal", "ledger"])
def test_a_lost_file_of_one_agency_keeps_the_other_away_all_the_same(tmp_path, lost):
    story = Agencies(tmp_path, ({}, {"debtors": "business"}), companies=("nordlys",))
    invoice = transferred(story)
    story.all_nights()
    for path in (story.data / "nordlys").glob(f"{lost}.*"):
        path.unlink()
    invoice.case_number = ""
    story.route("nordlys", debtors="business")
    story.route("nordlys" + OTHER)
    story.night(slug="nordlys" + OTHER)
    assert story.agency.account("nordlys" + OTHER).by_document.get(invoice.number, []) == []


@pytest.mark.parametrize(
    ("route", "goes"),
    [
        ({"countries": ["NO"]}, True),
        ({"countries": ["SE", "DK"]}, False),
        ({"debtors": "private"}, True),
        ({"debtors": "business"}, False),
        ({"from_amount": "60"}, True),
        ({"from_amount": "60.01"}, False),
        ({"below_amount": "60"}, False),
        ({"below_amount": "60.01"}, True),
    ],
)
def test_a_route_takes_what_it_says(tmp_path, route, goes):
    story = Story(tmp_path)
    company = story.settings.companies[story.slug]
    routed = company.model_copy(update={"route": company.route.model_validate(route)})
    story.settings = Settings(data_dir=story.data, companies={story.slug: routed})
    story.receivable(6000)
    held = story.night().plan.plan
    assert bool(held.effects) == goes
    assert [each.failed for each in held.held_back] == ([] if goes else [("ROUTED_HERE",)])


@pytest.mark.parametrize("spelt", [str.upper, lambda url: url + "/"])
def test_one_tenant_is_one_however_its_settings_spell_it(tmp_path, spelt):
    story = Agencies(tmp_path, ({}, {}), companies=("nordlys",))
    company = story.settings.companies["nordlys"]
    told = {"tenant_id": company.erp.tenant_id.upper(), "base_url": spelt(str(company.erp.base_url))}
    erp = company.erp.model_validate({**company.erp.model_dump(), **told})
    companies = {**story.settings.companies, "nordlys": company.model_copy(update={"erp": erp})}
    assert Settings(data_dir=tmp_path, companies=companies).siblings("nordlys") == ["nordlys" + OTHER]


@pytest.mark.parametrize("shared", ["suspense_cash_account", "suspense_account", "agency"])
def test_two_agencies_of_one_tenant_need_accounts_and_names_of_their_own(tmp_path, shared):
    story = Agencies(tmp_path, ({}, {}), companies=("nordlys",))
    first, second = story.settings.companies["nordlys"], story.settings.companies["nordlys" + OTHER]
    changed = (
        {"agency": second.agency.model_copy(update={"id": first.agency.id})}
        if shared == "agency"
        else {"erp": second.erp.model_copy(update={shared: "1510"})}
    )
    with pytest.raises((SettingsError, ValueError), match="share a tenant"):
        Settings(data_dir=tmp_path, companies={"nordlys": first, "nordlys" + OTHER: second.model_copy(update=changed)})
