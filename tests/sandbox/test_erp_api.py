import base64
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.sandbox.erp import DocumentType, ErpApi, ErpCompany, ErpSettings, Status
from cloudcollect_pipeline.sandbox.erp.books import Line
from cloudcollect_pipeline.sandbox.erp.documents import VoidRows
from cloudcollect_pipeline.sandbox.erp.ledger import Entry
from cloudcollect_pipeline.sandbox.http import Request, Response

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
TODAY = date(2026, 1, 5)
ALL_SCOPES = "vismanet_erp_service_api:read vismanet_erp_service_api:create vismanet_erp_service_api:update"
PAYMENTS = "/v1/customerPayment"
VOUCHERS = "/v2/journaltransaction"


class Client:
    """One company, its API, and a client with a token."""

    def __init__(self, settings: ErpSettings | None = None) -> None:
        self.clock = VirtualClock(START)
        self.books = ErpCompany("nordlys", "tenant-1", "Nordlys AS", self.clock.now, settings)
        self.books.add_customer(name="Debtor 1")
        self.api = ErpApi({"tenant-1": self.books}, self.clock.now, "client", "secret", contract_tenants=["contract"])
        self.headers = {"authorization": f"Bearer {self.token().get('access_token')}"}

    def token(self, **changes: str) -> dict[str, Any]:
        form = {
            "grant_type": "client_credentials",
            "client_id": "client",
            "client_secret": "secret",
            "tenant_id": "tenant-1",
            "scope": ALL_SCOPES,
            **changes,
        }
        body = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in form.items()).encode()
        granted: dict[str, Any] = json.loads(self.api.handle(Request("POST", "/connect/token", body=body)).body)
        return granted

    def send(self, method: str, target: str, body: Any = None, **headers: str) -> Response:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.api.handle(Request.to(method, target, {**self.headers, **headers}, data))

    def get(self, target: str) -> Any:
        answer = self.send("GET", target)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def post_payment(self, **changes: Any) -> Response:
        return self.send("POST", PAYMENTS, payment_body(**changes))

    def release(self, number: str, kind: str = "Payment") -> Response:
        return self.send("POST", f"{PAYMENTS}/{number}/action/release", {"type": {"value": kind}})

    def void(self, number: str) -> Response:
        return self.send("POST", f"{PAYMENTS}/{number}/action/void", {"type": "Payment", "returnVoidPayment": True})


def wrapped(**fields: Any) -> dict[str, Any]:
    return {name: {"value": value} for name, value in fields.items() if value is not None}


def payment_body(lines: tuple[tuple[str, float], ...] = (), **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "type": "Payment",
        "hold": False,
        "applicationDate": "2026-01-05T00:00:00",
        "paymentRef": "REF",
        "customer": "10001",
        "paymentMethod": "4",
        "cashAccount": "1510",
        "currency": "NOK",
        "paymentAmount": 80,
        **changes,
    }
    rows = [
        {"operation": "Insert", **wrapped(documentType="Invoice", refNbr=number, amountPaid=amount)}
        for number, amount in lines
    ]
    return {**wrapped(**fields), "paymentLines": rows}


def voucher_body(*lines: tuple[str, int], **changes: Any) -> dict[str, Any]:
    rows = [
        {
            "operation": "Insert",
            **wrapped(
                accountNumber=account,
                referenceNumber="VREF",
                debitAmountInCurrency=max(amount, 0),
                creditAmountInCurrency=max(-amount, 0),
            ),
        }
        for account, amount in lines
    ]
    fields = {"transactionDate": "2026-01-05T00:00:00", "description": "Settlement", **changes}
    return {**wrapped(**fields), "journalTransactionLines": rows}


def number_of(answer: Response) -> str:
    assert answer.status == 201, answer.body
    return answer.headers["location"].rpartition("/")[2]


@pytest.fixture
def client() -> Client:
    return Client()


# Access


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"tenant_id": "unknown"}, "invalid_tenant"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_token_is_given_only_to_a_known_client_of_a_known_tenant(client: Client, changes: dict[str, str], error: str):
    assert client.token(**changes) == {"error": error}


def test_a_token_ends_after_an_hour_of_world_time(client: Client):
    client.clock.sleep(3599)
    assert client.send("GET", "/v1/customer").status == 200
    client.clock.sleep(1)
    answer = client.send("GET", "/v1/customer")
    assert (answer.status, json.loads(answer.body)["ExceptionType"]) == (401, "IPPException")


def test_a_contract_tenant_gets_a_token_that_opens_nothing(client: Client):
    token = client.token(tenant_id="contract")["access_token"]
    answer = client.send("GET", "/v1/customer", authorization=f"Bearer {token}")
    assert (answer.status, json.loads(answer.body)["ExceptionFaultCode"]) == (401, "12027")


def test_a_token_to_read_cannot_write(client: Client):
    token = client.token(scope="vismanet_erp_service_api:read")["access_token"]
    assert client.send("POST", PAYMENTS, payment_body(), authorization=f"Bearer {token}").status == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("DELETE", PAYMENTS, 405),
        ("PUT", "/v1/customerDebitNote/1", 405),
        ("GET", "/v1/customerinvoice/999", 404),
        ("GET", "/V1/CustomerInvoice", 200),
        ("GET", "/v1/customerinvoice?pageSise=5", 400),
        ("GET", "/v1/customer?pageNumber=1&pageNumber=1", 400),
        ("GET", "/v1/customerinvoice?pageNumber=0", 400),
        ("GET", "/v1/customerinvoice?lastModifiedDateTime=2026-01-01", 400),
        ("GET", "/v1/customerinvoice?lastModifiedDateTime=2026-01-01T00:00:00Z&lastModifiedDateTimeCondition=>", 400),
        ("GET", "/v1/GeneralLedgerTransactions?account=1510", 400),
        ("GET", "/v2/journaltransaction", 400),
    ],
)
def test_what_the_contract_does_not_have_is_refused(client: Client, method: str, path: str, status: int):
    assert client.send(method, path).status == status


def test_every_answer_tells_what_is_left_of_the_hour():
    client = Client(ErpSettings(rate_limit=2, enforce_rate_limit=True))
    answers = [client.send("GET", "/v1/customer") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].headers["retry-after"] == "3600"
    client.clock.sleep(3599)
    assert client.send("GET", "/v1/customer").status == 429


# Reading


def test_money_is_written_exactly_with_four_decimals(client: Client):
    client.books.invoice("10001", 123_477)
    client.books.invoice("10001", 9_007_199_254_740_993)
    body = client.send("GET", "/v1/customerinvoice").body
    assert b'"amount":1234.7700,' in body
    assert b'"amount":90071992547409.9300,' in body


def test_a_list_is_a_bare_array_cut_to_the_largest_page_with_the_total_in_each_item():
    client = Client(ErpSettings(max_page_size=2))
    for _ in range(3):
        client.books.invoice("10001", 1_00)
    first, second = (client.get(f"/v1/customerinvoice?pageNumber={page}&pageSize=1000") for page in (1, 2))
    assert [each["referenceNumber"] for each in first + second] == ["100001", "100002", "100003"]
    assert second[0]["metadata"] == {"totalCount": 3, "maxPageSize": 2}
    assert client.get("/v1/customerinvoice?pageNumber=3") == []


def test_rows_may_move_between_pages_when_the_order_is_by_modification():
    client = Client(ErpSettings(order_by_modified=True))
    first = client.books.invoice("10001", 1_00)
    client.books.invoice("10001", 1_00)
    client.clock.sleep(1)
    client.books.exclude(first)
    assert [each["referenceNumber"] for each in client.get("/v1/customerinvoice")] == ["100002", "100001"]


def test_a_list_shows_applications_dunning_and_address_only_when_asked_and_a_single_read_always(client: Client):
    invoice = client.books.invoice("10001", 100_00, TODAY, TODAY)
    client.books.pay(invoice, 40_00, reference="R1")
    client.books.run_dunning(date(2026, 1, 20))
    bare = client.get("/v1/customerinvoice")[0]
    assert [bare[name] for name in ("applications", "dunningLetterLevel", "dunningLetterDate", "invoiceAddress")] == [
        None
    ] * 4
    expanded = client.get(
        "/v1/customerinvoice?expandApplications=true&expandDunningInformation=true&expandInvoiceAddress=true"
    )[0]
    single = client.get(f"/v1/customerinvoice/{invoice.number}")
    del expanded["metadata"]
    assert single == expanded
    assert (single["dunningLetterLevel"], single["dunningLetterDate"]) == (1, "2026-01-20T00:00:00")
    (row,) = single["applications"]
    assert {name: row[name] for name in ("docType", "refNbr", "amountPaid", "released", "voided", "paymentRef")} == {
        "docType": "Payment",
        "refNbr": "500001",
        "amountPaid": 40,
        "released": True,
        "voided": False,
        "paymentRef": "R1",
    }


def test_an_answer_follows_every_change_that_it_shows(client: Client):
    invoice = client.books.invoice("10001", 100_00)
    path = f"/v1/customerinvoice/{invoice.number}"
    payment = client.books.pay(invoice, 40_00)
    assert client.get(path)["applications"][0]["status"] == "Closed"
    client.books.void(payment)
    assert [row["voided"] for row in client.get(path)["applications"]] == [True, True]
    client.books.change_customer("10001", name="Debtor One")
    assert client.get(path)["customer"]["name"] == "Debtor One"
    client.books.set_due_date(invoice, date(2026, 2, 1))
    assert client.get(f"{PAYMENTS}/{payment.number}")["paymentLines"][0]["dueDate"] == "2026-02-01T00:00:00"


@pytest.mark.parametrize(
    ("moment", "printed"),
    [
        (datetime(2026, 1, 5, 8, 0, 0, 967_999, tzinfo=UTC), "2026-01-05T09:00:00.967"),
        (datetime(2026, 7, 5, 8, tzinfo=UTC), "2026-07-05T10:00:00.000"),
    ],
)
def test_last_modified_is_printed_in_local_time_without_zone(client: Client, moment: datetime, printed: str):
    client.clock.set(moment)
    client.headers["authorization"] = f"Bearer {client.token()['access_token']}"
    client.books.invoice("10001", 1_00)
    assert client.get("/v1/customerinvoice")[0]["lastModifiedDateTime"] == printed


@pytest.mark.parametrize(
    ("condition", "value", "found"),
    [
        (">", "2026-01-05 09:00:00", 1),
        ("%3E%3D", "2026-01-05T09:00:00", 2),
        ("<", "2026-01-05T09:00:30.500", 1),
        ("<=", "2026-01-05 09:01:00.000", 2),
        (">=", "2026-01-05", 2),
        (">=", "2026-01-06", 0),
    ],
)
def test_the_modified_filter_compares_local_clock_times(client: Client, condition: str, value: str, found: int):
    client.books.invoice("10001", 1_00)
    client.clock.sleep(60)
    client.books.invoice("10001", 1_00)
    target = f"/v1/customerinvoice?lastModifiedDateTime={value}&lastModifiedDateTimeCondition={condition}"
    assert len(client.get(target)) == found


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ("customer=10001", ["100001", "100003"]),
        ("customer=10002", ["100002"]),
        ("customer=99999", []),
        ("status=Balanced", ["100003"]),
        ("released=1", ["100001", "100002"]),
        ("documentDueDate=2026-02-01&documentDueDateCondition=>%3D", ["100002"]),
        ("greaterThanValue=100001", ["100002", "100003"]),
        ("documentType=CreditNote", []),
    ],
)
def test_invoices_are_filtered(client: Client, parameters: str, found: list[str]):
    client.books.add_customer()
    client.books.invoice("10001", 1_00)
    client.books.invoice("10002", 1_00, due=date(2026, 2, 1))
    client.books.invoice("10001", 1_00, released=False)
    assert [each["referenceNumber"] for each in client.get(f"/v1/customerinvoice?{parameters}")] == found


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/customerinvoice", "Invoice"),
        ("/v1/customerDebitNote", "DebitNote"),
        ("/v1/customerOverdueCharge", "FinCharge"),
        ("/v1/customerCreditNote", "CreditNote"),
    ],
)
def test_each_kind_of_document_has_its_own_list(client: Client, path: str, kind: str):
    for document_type in ("Invoice", "DebitNote", "OverdueCharge"):
        client.books.invoice("10001", 1_00, document_type=document_type)
    client.books.credit_note("10001", 1_00)
    (found,) = client.get(path)
    assert found["documentType"] == kind
    assert client.get(f"{path}/{found['referenceNumber']}")["documentType"] == kind


def test_a_credit_note_names_what_it_is_matched_with_and_is_listed_as_a_payment_only_when_asked(client: Client):
    invoice, note = client.books.invoice("10001", 100_00), client.books.credit_note("10001", 30_00)
    client.books.match(note, invoice, 20_00)
    assert client.get(f"/v1/customerCreditNote/{note.number}")["applications"][0]["refNbr"] == invoice.number
    assert client.get(PAYMENTS) == []
    (shown,) = client.get(f"{PAYMENTS}?paymentType=CreditNote")
    assert [(line["refNbr"], line["amountPaid"]) for line in shown["paymentLines"]] == [(invoice.number, 20)]
    assert shown["availableBalance"] == 10


def test_payments_are_found_by_invoice_customer_number_date_and_status(client: Client):
    invoice = client.books.invoice("10001", 100_00)
    paid = client.books.pay(invoice, 10_00)
    draft = client.books.draft_payment("10001", 5_00, [Line(invoice, 5_00)], date(2026, 1, 4))
    targets = {
        f"invoiceRefNbr={invoice.number}": [paid.number],
        "customer=10001": [paid.number, draft.number],
        f"paymentNbr={draft.number}": [draft.number],
        "status=Balanced": [draft.number],
        "docDate=2026-01-05&docDateCondition=>%3D": [paid.number],
        "paymentType=Prepayment": [],
    }
    for parameters, numbers in targets.items():
        assert [each["refNbr"] for each in client.get(f"{PAYMENTS}?{parameters}")] == numbers


def test_whether_the_invoice_filter_sees_drafts_is_a_setting():
    client = Client(ErpSettings(invoice_filter_sees_unreleased=True))
    invoice = client.books.invoice("10001", 100_00)
    draft = client.books.draft_payment("10001", 5_00, [Line(invoice, 5_00)])
    assert client.get(f"{PAYMENTS}?invoiceRefNbr={invoice.number}")[0]["refNbr"] == draft.number


def test_a_printed_document_is_a_pdf_that_bears_its_number(client: Client):
    invoice = client.books.invoice("10001", 1_00)
    answer = client.send("GET", f"/v1/customerinvoice/{invoice.number}/print")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.body.startswith(b"%PDF-")
    assert invoice.number.encode() in answer.body


def test_a_number_with_reserved_characters_is_given_as_base64(client: Client):
    client.books.add_customer("A/1")
    segment = base64.urlsafe_b64encode(b"A/1").decode().rstrip("=")
    assert client.get(f"/v1/customer/b64({segment})")["number"] == "A/1"


def test_a_customer_shows_its_class_parent_and_address(client: Client):
    client.books.add_customer(business=False, parent="10001", postal_code="0001", email="a@example.com")
    card = client.get("/v1/customer/10002")
    assert (card["customerClass"]["id"], card["parentRecord"]["number"]) == ("PRIVATE", "10001")
    assert (card["invoiceAddress"]["postalCode"], card["invoiceContact"]["email"]) == ("0001", "a@example.com")
    assert [each["number"] for each in client.get("/v1/customer")] == ["10001", "10002"]


# Writing payments


def test_a_payment_is_created_balanced_and_released_by_the_first_read(client: Client):
    invoice = client.books.invoice("10001", 100_00)
    answer = client.post_payment(lines=((invoice.number, 80),))
    number = number_of(answer)
    assert answer.body == b""
    assert client.get(f"{PAYMENTS}/{number}")["status"] == "Balanced"
    assert (invoice.balance, client.books.balance("1510")) == (100_00, 0)
    assert json.loads(client.release(number).body)["actionResult"] == "Queued"
    assert client.get(f"{PAYMENTS}/{number}")["status"] == "Closed"
    assert (invoice.balance, client.books.balance("1510")) == (20_00, 80_00)


@pytest.mark.parametrize(("reads", "statuses"), [(0, ["Open"] * 3), (2, ["Balanced", "Open", "Open"])])
def test_how_many_reads_a_release_takes_is_a_setting(reads: int, statuses: list[str]):
    client = Client(ErpSettings(release_reads=reads))
    number = number_of(client.post_payment())
    client.release(number)
    assert [client.get(f"{PAYMENTS}?paymentNbr={number}")[0]["status"] for _ in range(3)] == statuses


def test_releasing_twice_posts_once(client: Client):
    number = number_of(client.post_payment())
    assert [client.release(number).status for _ in range(2)] == [200, 200]
    client.get(f"{PAYMENTS}/{number}")
    assert client.release(number).status == 400
    assert client.books.balance("1510") == 80_00


def test_a_failed_release_leaves_the_payment_balanced_with_the_reason(client: Client):
    number = number_of(client.post_payment())
    client.books.fail_next_release("Locked.")
    client.release(number)
    shown = client.get(f"{PAYMENTS}/{number}")
    assert (shown["status"], shown["errorInfo"]) == ("Balanced", "Locked.")
    client.release(number)
    shown = client.get(f"{PAYMENTS}/{number}")
    assert (shown["status"], shown["errorInfo"]) == ("Open", None)


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"lines": (("100001", 100.01),), "paymentAmount": 200}, "exceeds the document balance"),
    ({"lines": (("100001", 90),)}, "exceeds the payment amount"),
    ({"lines": (("999999", 1),)}, "AdjdRefNbr '999999' cannot be found in the system."),
    ({"customer": "99999"}, "CustomerCD '99999' cannot be found"),
    ({"cashAccount": "1500"}, "CashAccountCD '1500' cannot be found"),
    ({"paymentMethod": "NONE"}, "PaymentMethodID 'NONE' cannot be found"),
    ({"applicationDate": "2025-12-31T00:00:00"}, "Financial Period '12-2025' is closed"),
    ({"paymentAmount": 0}, "greater than zero"),
    ({"currency": "XXX"}, "CuryID 'XXX' cannot be found"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
@pytest.mark.parametrize("status", [400, 500])
def test_a_business_error_says_what_is_wrong_and_books_nothing(changes: dict[str, Any], message: str, status: int):
    client = Client(ErpSettings(business_error_status=status))
    client.books.close_period("202512")
    client.books.invoice("10001", 100_00)
    answer = client.post_payment(**changes)
    text = json.loads(answer.body)["message"]
    assert answer.status == status
    assert text.startswith("VismaId: ")
    assert "Error creating payment. Error: " in text
    assert message in text
    assert list(client.books.documents(DocumentType.PAYMENT)) == []


def test_an_inactive_account_takes_no_payment(client: Client):
    client.books.deactivate("1510")
    assert b"inactive" in client.post_payment().body


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        json.dumps({**payment_body(), "customer": "10001"}).encode(),
        json.dumps({**payment_body(), "custmer": {"value": "10001"}}).encode(),
        json.dumps(payment_body(paymentAmount="80")).encode(),
        json.dumps(payment_body(paymentAmount=80.001)).encode(),
        json.dumps(payment_body(paymentRef=None)).encode(),
        json.dumps(payment_body(type="CreditMemo")).encode(),
    ],
    ids=["broken", "array", "unwrapped", "unknown field", "text for a number", "no amount", "no reference", "type"],
)
def test_a_malformed_payment_is_a_bad_request(client: Client, body: bytes):
    assert client.send("POST", PAYMENTS, body).status == 400
    assert client.books.payments_with_reference("REF") == []


def test_the_caller_may_choose_the_number_once(client: Client):
    chosen = {"referenceNumber": "ABC", "overrideNumberSeries": True}
    assert number_of(client.post_payment(**chosen)) == "ABC"
    assert b"already exists" in client.post_payment(**chosen).body


def test_the_same_reference_twice_is_two_payments(client: Client):
    for _ in range(2):
        number_of(client.post_payment())
    assert len(client.books.payments_with_reference("REF")) == 2


@pytest.mark.parametrize(
    ("void_rows", "counting"),
    [(VoidRows.MARKED, []), (VoidRows.NEGATIVE, [("Payment", 80), ("VoidPayment", -80)])],
)
def test_a_void_is_a_document_of_its_own_that_must_be_released(void_rows: VoidRows, counting: list[tuple[str, int]]):
    client = Client(ErpSettings(void_rows=void_rows))
    invoice = client.books.invoice("10001", 100_00)
    number = number_of(client.post_payment(lines=((invoice.number, 80),)))
    client.release(number)
    client.get(f"{PAYMENTS}/{number}")
    voided = json.loads(client.void(number).body)
    assert (voided["refNbr"], voided["voidPayment"]["type"], voided["voidPayment"]["status"]) == (
        number,
        "VoidPayment",
        "Balanced",
    )
    assert client.get(f"{PAYMENTS}/{number}")["status"] == "Closed"
    client.release(number, "VoidPayment")
    assert client.get(f"{PAYMENTS}/{number}")["status"] == "Voided"
    both = client.get(f"{PAYMENTS}?paymentNbr={number}")
    assert [(each["type"], each["status"]) for each in both] == [("Payment", "Voided"), ("VoidPayment", "Closed")]
    rows = client.get(f"/v1/customerinvoice/{invoice.number}")["applications"]
    assert [(row["docType"], row["amountPaid"]) for row in rows if row["released"] and not row["voided"]] == counting
    assert (invoice.balance, client.books.balance("1510")) == (100_00, 0)


def test_a_void_takes_no_wrapped_type_and_no_unreleased_payment(client: Client):
    number = number_of(client.post_payment())
    path = f"{PAYMENTS}/{number}/action/void"
    assert client.send("POST", path, {"type": {"value": "Payment"}}).status == 400
    assert client.void(number).status == 400


def test_a_void_may_list_each_document_three_times():
    client = Client(ErpSettings(triple_void_lines=True))
    payment = client.books.pay(client.books.invoice("10001", 100_00), 60_00)
    client.books.void(payment)
    (shown,) = client.get(f"{PAYMENTS}?paymentType=VoidPayment")
    assert [line["amountPaid"] for line in shown["paymentLines"]] == [60, -60, 60]


def test_an_unreleased_payment_can_be_put_on_hold(client: Client):
    number = number_of(client.post_payment())
    assert client.send("PUT", f"{PAYMENTS}/{number}", wrapped(hold=True)).status == 204
    assert client.get(f"{PAYMENTS}/{number}")["status"] == "Hold"
    assert client.release(number).status == 400


# Writing invoices


CASE = wrapped(
    debtCollectionCaseNbr="A-1",
    debtCollectionCaseStatus="DEMAND",
    debtCollectionCaseType="Inkasso",
    debtCollectionCaseUrl="https://agency.example/A-1",
)


def test_case_fields_are_written_to_an_open_invoice_and_move_its_clock(client: Client):
    invoice = client.books.invoice("10001", 1_00)
    client.clock.sleep(60)
    assert client.send("PUT", f"/v1/customerinvoice/{invoice.number}", CASE).status == 204
    shown = client.get(f"/v1/customerinvoice/{invoice.number}")
    assert shown["debtCollection"] == {
        "caseNumber": "A-1",
        "caseType": "Inkasso",
        "caseStatus": "DEMAND",
        "caseUrl": "https://agency.example/A-1",
    }
    assert shown["lastModifiedDateTime"] == "2026-01-05T09:01:00.000"


def test_writes_on_released_invoices_can_be_refused():
    client = Client(ErpSettings(frozen_statuses=frozenset({Status.OPEN, Status.CLOSED})))
    invoice = client.books.invoice("10001", 1_00)
    assert client.send("PUT", f"/v1/customerinvoice/{invoice.number}", CASE).status == 400
    assert invoice.case_number == ""


def test_an_absent_field_is_left_unchanged(client: Client):
    invoice = client.books.invoice("10001", 1_00)
    path = f"/v1/customerinvoice/{invoice.number}"
    client.send("PUT", path, CASE)
    body = wrapped(excludeDebtCollection=True, documentDueDate="2026-02-01T00:00:00")
    assert client.send("PUT", path, body).status == 204
    assert (invoice.case_number, invoice.excluded, invoice.due) == ("A-1", True, date(2026, 2, 1))


def test_if_match_guards_against_a_lost_update(client: Client):
    path = f"/v1/customerinvoice/{client.books.invoice('10001', 1_00).number}"
    read = client.send("GET", path)
    etag = read.headers["etag"]
    assert etag.strip('"') == json.loads(read.body)["timeStamp"]
    assert [client.send("PUT", path, CASE, **{"if-match": etag}).status for _ in range(2)] == [204, 412]


# The general ledger


def test_a_voucher_is_created_balanced_and_counts_after_its_release(client: Client):
    number = number_of(client.send("POST", VOUCHERS, voucher_body(("1515", 90), ("1510", -90))))
    assert client.get(f"{VOUCHERS}/{number}")["status"] == "Balanced"
    assert client.books.balance("1510") == 0
    client.send("POST", f"{VOUCHERS}/{number}/action/release")
    shown = client.get(f"{VOUCHERS}/{number}")
    assert (shown["status"], shown["debitTotal"], client.books.balance("1510")) == ("Posted", 90, -90_00)
    assert [batch.number for batch in client.books.vouchers_with_reference("VREF")] == [number]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (voucher_body(("1515", 90), ("1510", -80)), "not balanced"),
        (voucher_body(("1515", 90), ("9999", -90)), "cannot be found"),
        (voucher_body(("1515", 90), ("1500", -90)), "control account"),
        (voucher_body(("1515", 90), ("1510", -90), transactionDate="2025-12-31"), "closed"),
        (voucher_body(("1515", 90), ("1510", -90), controlTotalInCurrency=80), "control total"),
        (voucher_body(), "empty"),
    ],
)
def test_a_voucher_is_refused_with_the_reason(client: Client, body: dict[str, Any], message: str):
    client.books.close_period("202512")
    answer = client.send("POST", VOUCHERS, body)
    assert answer.status == 400
    assert message in json.loads(answer.body)["message"]


def test_vouchers_are_listed_by_lines_and_a_page_may_cut_one(client: Client):
    for _ in range(2):
        client.books.voucher(TODAY, "", [Entry("1515", 3), Entry("3900", -1), Entry("3000", -2)])
    client.books.invoice("10001", 1_00)
    target = f"{VOUCHERS}?lastModifiedDateTime=2026-01-01&module=GL&pageSize=4"
    first, second = (client.get(f"{target}&pageNumber={page}") for page in (1, 2))
    counts = [(each["batchNumber"], len(each["journalTransactionLines"])) for each in first + second]
    assert counts == [("GL000001", 3), ("GL000002", 1), ("GL000002", 2)]
    assert first[0]["metadata"]["totalCount"] == 6
    assert client.get(f"{VOUCHERS}?lastModifiedDateTime=2026-01-06") == []


def test_transactions_of_an_account_name_their_module_and_document(client: Client):
    payment = client.books.receive("10001", 50_00, cash_account="1510")
    client.books.void(payment)
    client.books.voucher(TODAY, "", [Entry("1515", 7_00, "Payout", "VREF"), Entry("1510", -7_00, "Payout", "VREF")])
    client.books.draft_voucher(TODAY, "", [Entry("1515", 1), Entry("1510", -1)])
    target = "/v1/GeneralLedgerTransactions?ledger=1&account=1510&fromDate=2026-01-01&toDate=2026-01-31"
    shown = client.get(target)
    assert [(line["module"], line["refNumber"], line["debitAmount"], line["creditAmount"]) for line in shown] == [
        ("AR", payment.number, 50, 0),
        ("AR", payment.number, 0, 50),
        ("GL", "VREF", 0, 7),
    ]
    assert client.get(target.replace("fromDate=2026-01-01", "fromDate=2026-01-06")) == []


def test_the_registers_show_the_set_up(client: Client):
    client.books.close_period("202512")
    closed = {each["period"]: each["closedInCustomerLedger"] for each in client.get("/v1/financialPeriod")}
    assert (closed["202512"], closed["202601"]) == (True, False)
    assert [each["number"] for each in client.get("/v1/cashaccount")] == ["1920", "1510"]
    assert [each["paymentMethodID"] for each in client.get("/v1/paymentmethod")] == ["1", "4"]
    assert client.get("/v1/account/1510")["cashAccount"] is True
    assert client.get("/v1/account/1500")["allowManualEntry"] is False
    assert len(client.get("/v1/account")) == len(client.books.accounts)


# The whole


def conversation(client: Client) -> list[Response]:
    invoice = client.books.invoice("10001", 100_00)
    calls: list[Callable[[], Response]] = [
        lambda: client.post_payment(lines=((invoice.number, 80),)),
        lambda: client.release("500001"),
        lambda: client.send("GET", PAYMENTS),
        lambda: client.void("500001"),
        lambda: client.post_payment(customer="99999"),
        lambda: client.send("GET", f"/v1/customerinvoice/{invoice.number}"),
    ]
    return [call() for call in calls]


def test_the_same_calls_in_the_same_order_give_the_same_bytes():
    assert conversation(Client()) == conversation(Client())


# Background


def asked_in_the_background(client: Client, target: str = "/v1/customer", wanted: str = "subscription") -> str:
    answer = client.send("GET", target, **{"erp-api-background": wanted})
    assert answer.status == 202, answer.body
    told = json.loads(answer.body)
    assert told["stateLocation"].endswith(f"/v1/background/{told['id']}")
    return f"/v1/background/{told['id']}"


def test_a_read_in_the_background_is_started_then_finished_and_its_content_is_the_answer(client: Client):
    state = asked_in_the_background(client, "/v1/customer?pageNumber=1&pageSize=5", "subscription:ref=1,night=2")
    assert client.get(state)["status"] == "Started"
    assert client.send("GET", f"{state}/content").status == 404
    client.clock.sleep(20)
    told = client.get(state)
    assert (told["status"], told["statusCode"], told["hasResponseContent"]) == ("Finished", 200, True)
    assert client.get(f"{state}/content") == client.get("/v1/customer")


def test_a_read_that_fails_in_the_background_says_so_and_how(client: Client):
    state = asked_in_the_background(client, "/v1/customer/99999")
    client.clock.sleep(20)
    told = client.get(state)
    assert (told["status"], told["statusCode"], told["hasResponseContent"]) == ("Failed", 404, False)


def test_after_24_hours_the_state_is_unknown_and_the_content_gone(client: Client):
    state = asked_in_the_background(client)
    client.clock.sleep(24 * 3600 + 1)
    client.headers = {"authorization": f"Bearer {client.token()['access_token']}"}
    assert client.send("GET", state).status == 404
    assert client.send("GET", f"{state}/content").status == 410


def test_a_job_belongs_to_its_company(client: Client):
    state = asked_in_the_background(client)
    client.api.companies = {"tenant-1": ErpCompany("other", "tenant-2", "Other AS", client.clock.now)}
    assert client.send("GET", state).status == 403


@pytest.mark.parametrize(
    ("method", "target", "wanted"),
    [("GET", "/v1/customer", "https://example.com/notify"), ("POST", PAYMENTS, "subscription")],
    ids=["an address", "a write"],
)
def test_the_sandbox_takes_nothing_else_in_the_background(client: Client, method: str, target: str, wanted: str):
    assert client.send(method, target, **{"erp-api-background": wanted}).status == 400


def unknown(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        for item in value:
            yield from unknown(item, schema["items"], schemas)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in schema["properties"]:
                yield from unknown(inner, schema["properties"][name], schemas)
            else:
                yield name
    elif isinstance(value, str) and "enum" in schema and value not in schema["enum"]:
        yield value
