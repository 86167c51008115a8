"""What is said to the ERP, and what the sandbox ERP says, is what the vendor's description says.

Where the description is silent or contradicts what else is known, `KNOWN` and the options of the fixture `vendor` say
so; §n is a section of the notes beside it (visma-net.md).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from cloudcollect_pipeline.erp.port import (
    CaseFields,
    DocumentKey,
    Erp,
    NewPayment,
    NewVoucher,
    PaymentLine,
    VoucherLine,
)
from cloudcollect_pipeline.erp.visma_net import VismaNet
from cloudcollect_pipeline.sandbox.http import Handler, Request
from cloudcollect_pipeline.sandbox.serve import serve
from cloudcollect_pipeline.sandbox.world import World
from cloudcollect_pipeline.testing.simulation.network import NOWHERE
from tests.conformance.nights import Recorded, driven, one_of_each, the_demo
from tests.conformance.openapi import ONLY_DAY, Description, Exchange, Operation
from tests.story import Story

KNOWN = {
    r"POST /connect/token: path: is not described": "tokens come from another service, Visma Connect (§2)",
    r"GET \S+/print: 200 body: the media type application/pdf .*": "the answer is the file, its type undeclared (§11)",
    r"POST \S+: 201 body: is missing": "a 201 is empty, the id stands in Location (§8)",
    r"GET /v1/background/\{requestId\}/content: 200 body .*": "the content is what was asked for, here a list (§9)",
    r"[^:]+: 412 body: the media type .*": "a 412 is declared without its body, which is that of any error (§5)",
    r"[^:]+: (4\d\d|500): is not declared": "few operations declare an error, none its shape (§5)",
}
"""Violations that are none -> why."""

DAY, MOMENT = date(2026, 1, 5), datetime(2026, 1, 1, tzinfo=UTC)
KEYS = [DocumentKey("Invoice", "100001"), DocumentKey("DebitNote", "200001"), DocumentKey("OverdueCharge", "300001")]
PAYMENT = NewPayment("REF", "10001", "NOK", 100, DAY, "text", (PaymentLine("Invoice", "100001", 100),))
VOUCHER = NewVoucher("REF", DAY, "NOK", "text", (VoucherLine("1515", 100, "in", "3"), VoucherLine("1510", -100, "out")))

CALLS: dict[str, Callable[[Erp], object]] = {
    "pages": lambda erp: [list(erp.pages(feed, since)) for feed in erp.feeds for since in (None, MOMENT)],
    "documents": lambda erp: erp.documents(KEYS),
    "customers": lambda erp: erp.customers(["10001"]),
    "payments": lambda erp: erp.payments([DocumentKey("Payment", "500001"), DocumentKey("WriteOff", "700001")]),
    "payments_of": lambda erp: erp.payments_of(["10001"]),
    "accounts": lambda erp: erp.accounts(),
    "cash_accounts": lambda erp: erp.cash_accounts(),
    "payment_methods": lambda erp: erp.payment_methods(),
    "paid_by": lambda erp: erp.paid_by(DAY),
    "posted_payments": lambda erp: list(erp.posted_payments(DAY)),
    "payment": lambda erp: erp.payment("Payment", "500001"),
    "create_payment": lambda erp: erp.create_payment(PAYMENT),
    "release_payment": lambda erp: erp.release_payment("Payment", "500003"),
    "void_payment": lambda erp: erp.void_payment("500001"),
    "set_case_fields": lambda erp: erp.set_case_fields(KEYS[0], CaseFields("S-1", "OPEN", "https://example.org/1")),
    "posted_vouchers": lambda erp: list(erp.posted_vouchers(DAY)),
    "voucher": lambda erp: erp.voucher("GL000001"),
    "create_voucher": lambda erp: erp.create_voucher(VOUCHER),
    "release_voucher": lambda erp: erp.release_voucher("GL000002"),
    "movements": lambda erp: list(erp.movements("1510", DAY, DAY)),
    "periods": lambda erp: erp.periods(),
    "pdf": lambda erp: [erp.pdf(key) for key in KEYS[:2]],
}
"""Everything that can be asked of the adapter, by method."""


@pytest.fixture
def small(tmp_path: Path) -> Story:
    """A few documents of every kind, without a night."""
    story = Story(tmp_path)
    one_of_each(story.world)
    return story


def unknown(vendor: Description, exchanges: list[Exchange]) -> list[str]:
    """Violations that nothing explains."""
    said = [str(violation) for violation in vendor.violations(exchanges)]
    return [each for each in said if not any(re.fullmatch(pattern, each) for pattern in KNOWN)]


def test_many_nights_say_nothing_to_the_erp_that_is_not_described_and_leave_nothing_unsaid(
    story: Recorded, small: Story, vendor: Description
) -> None:
    said = story.with_erp()
    assert unknown(vendor, said) == []
    assert [words for asked, _ in said for words in broken_words(vendor, asked)] == []
    assert vendor.exercised(said) == vendor.exercised(driven(small, "erp", CALLS))


def test_the_demos_nights_over_a_thousand_invoices_keep_to_both_descriptions(
    vendor: Description, contract: Description, tmp_path: Path
) -> None:
    world = World.demo()
    with serve(world) as servers:
        told = Recorded(tmp_path, world, servers)
        the_demo(told)
    assert unknown(vendor, told.with_erp()) == []
    assert contract.violations(told.with_agency()) == []


def test_everything_that_can_be_asked_of_the_adapter_is_asked_in_this_suite() -> None:
    assert set(CALLS) == {name for name, each in vars(VismaNet).items() if callable(each) and not name.startswith("_")}


def test_whatever_is_asked_of_the_adapter_keeps_to_the_description(small: Story, vendor: Description) -> None:
    said = driven(small, "erp", CALLS)
    assert unknown(vendor, said) == []
    assert [(asked.path, told) for asked, told in said if told is None or told.status >= 300] == []


@pytest.mark.parametrize("pattern", KNOWN)
def test_a_known_exception_that_no_longer_occurs_is_noticed(small: Story, vendor: Description, pattern: str) -> None:
    said = driven(small, "erp", CALLS) + driven(patient(small), "erp", CALLS)
    headers = {**said[-1].request.headers, "if-match": '"AAAA"'}
    for method, number, body in (("PUT", "100001", b"{}"), ("GET", "0", b"")):  # stale, and missing
        refused = Request(method, f"/v1/customerinvoice/{number}", headers=headers, body=body)
        said.append(Exchange(refused, small.world.erp_handler(refused)))
    assert any(re.fullmatch(pattern, str(violation)) for violation in vendor.violations(said))


# What the description says in words

CONDITIONS = {"<", ">", "<=", ">="}
MODIFIED = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d{3})?)?")
A_DAY = re.compile(ONLY_DAY)
ONE_OF = {"periodId", "lastModifiedDateTime"}
FORMS = {"lastModifiedDateTime": MODIFIED, "docDate": A_DAY, "fromDate": A_DAY, "toDate": A_DAY}


def broken_words(vendor: Description, request: Request) -> Iterator[str]:
    operation = vendor.operation(request)
    described = {each.name for each in operation.parameters} if operation else set()
    given = dict(request.query)
    for name, value in given.items():
        condition = f"{name}Condition"
        if condition in described and given.get(condition) not in CONDITIONS:
            yield f"{name} without its condition"
        if name.endswith("Condition") and name.removesuffix("Condition") not in given:
            yield f"{name} without its value"
        if name in FORMS and not FORMS[name].fullmatch(value):
            yield f"{name}={value}"
    if operation and operation.name == "GET /v2/journaltransaction" and given.keys().isdisjoint(ONE_OF):
        yield "neither period nor moment"


def test_filters_keep_to_what_the_description_says_in_words(small: Story, vendor: Description) -> None:
    assert [words for asked, _ in driven(small, "erp", CALLS) for words in broken_words(vendor, asked)] == []


@pytest.mark.parametrize(
    "target",
    [
        "/v1/customerPayment?docDate=2026-01-05",
        "/v1/customerPayment?docDate=2026-01-05&docDateCondition=%3D",
        "/v1/customerPayment?docDateCondition=%3E",
        "/v1/customerPayment?docDate=2026-01-05T00:00:00&docDateCondition=%3E",
        "/v1/customer?lastModifiedDateTime=2026-01-05T00:00:00Z&lastModifiedDateTimeCondition=%3E",
        "/v1/GeneralLedgerTransactions?ledger=1&fromDate=05.01.2026",
        "/v2/journaltransaction?module=GL",
    ],
)
def test_a_filter_that_breaks_the_words_is_noticed(vendor: Description, target: str) -> None:
    assert list(broken_words(vendor, Request.to("GET", target)))


def test_a_token_is_asked_for_as_a_service_does_and_every_other_call_bears_one(small: Story) -> None:
    tokens = [each for each in driven(small, "erp", CALLS) if each.request.path == "/connect/token"]
    forms = [parse_qs(each.request.body.decode(), strict_parsing=True) for each in tokens]
    assert all(each.request.headers["content-type"] == "application/x-www-form-urlencoded" for each in tokens)
    assert {frozenset(form) for form in forms} == {
        frozenset({"grant_type", "client_id", "client_secret", "scope", "tenant_id"})
    }
    assert {(*form["grant_type"], *form["tenant_id"]) for form in forms} == {("client_credentials", small.erp.tenant)}


def test_what_is_created_is_named_in_the_location_and_nowhere_else(small: Story) -> None:
    created = [(asked, told) for asked, told in driven(small, "erp", CALLS) if told and told.status == 201]
    assert len(created) == 2
    for asked, told in created:
        assert told.body == b""
        assert re.fullmatch(rf"{NOWHERE.erp_url}{asked.path}/[^/]+", told.headers["location"])


# What the sandbox answers beside what the adapter asks

BESIDE = [
    "/v1/customerCreditNote",
    "/v1/customerCreditNote/400001",
    "/v1/customerCreditNote/400001/print",
    "/v1/customerDebitNote/200001",
    "/v1/customerOverdueCharge/300001",
    "/v1/customerinvoice?expandApplications=true&dunningLevel=0&status=Open&released=1",
    "/v1/customerPayment/500001",
    "/v1/customerPayment?invoiceRefNbr=100001",
    "/v1/customer/10002",
    "/v1/account",
    "/v1/account/1510",
    "/v1/cashaccount",
    "/v1/cashaccount/1510",
    "/v1/paymentmethod",
    "/v1/paymentmethod/4",
    "/v1/financialPeriod/202601",
    "/v1/GeneralLedgerTransactions?ledger=1&fromPeriod=202601",
]
HOLD = ("PUT", "/v1/customerPayment/500002", b'{"hold": {"value": false}}')


def test_everything_the_sandbox_answers_is_as_described(small: Story, vendor: Description) -> None:
    said = driven(small, "erp", CALLS) + driven(patient(small), "erp", CALLS)
    headers = {**said[-1].request.headers, "content-type": "application/json"}
    for method, target, body in (*(("GET", target, b"") for target in BESIDE), HOLD):
        asked = Request.to(method, target, headers, body)
        said.append(Exchange(asked, small.world.erp_handler(asked)))
        assert said[-1].answer is not None
        assert said[-1].answer.status < 300, said[-1]
    assert unknown(vendor, said) == []
    answered = {each.name for each in vendor.operations if knows(small.world.erp_handler, each, headers)}
    assert vendor.exercised(said) == answered


def patient(story: Story) -> Story:
    """The same, with long reads asked for in the background."""
    company = story.settings.companies[story.slug]
    waiting = company.model_copy(update={"erp": company.erp.model_copy(update={"background": "long"})})
    story.settings = story.settings.model_copy(update={"companies": {story.slug: waiting}})
    return story


def knows(handler: Handler, operation: Operation, headers: Mapping[str, str]) -> bool:
    """Whether the sandbox answers an operation, be it only that it does not know the record (there is no record 0)."""
    target = re.sub(r"\{.*?\}", "0", operation.template)
    answer = handler(Request.to(operation.method, target, headers))
    no_such_record = b"cannot be found in the system" in answer.body and "{" in operation.template
    return answer.status not in (404, 405) or no_such_record
