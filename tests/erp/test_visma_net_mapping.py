"""The mapping SQL: Visma.net's records as ledger rows."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from cloudcollect_pipeline.domain.feed import Feed
from cloudcollect_pipeline.erp.visma_net import VismaNetSettings, codec
from cloudcollect_pipeline.erp.visma_net.feeds import feeds
from cloudcollect_pipeline.ledger import tables

FEEDS = feeds(VismaNetSettings("1510", "1510", "INK", business_classes=("FIRMA", "O'BRIEN")))
Mapped = Callable[[Feed, Iterable[bytes]], list[dict[str, Any]]]

INVOICE = b"""{
 "documentType": "Invoice", "referenceNumber": "100123", "status": "Open", "customer": {"number": "10002", "name": "K"},
 "documentDate": "2026-01-10T00:00:00", "documentDueDate": "2026-01-24T00:00:00", "currencyId": "NOK",
 "amount": 1234.7700, "balance": 234.7000, "paymentReference": "123456782", "dunningLetterLevel": 2,
 "dunningLetterDate": "2026-02-20T00:00:00", "excludeDebtCollection": true, "revoked": false,
 "debtCollection": {"caseNumber": "A-1", "caseStatus": "", "caseUrl": null},
 "applications": [
  {"docType": "Payment", "refNbr": "500001", "amountPaid": 1000.07, "cashDiscountTaken": 0.0, "paymentRef": "",
   "applicationDate": "2026-02-01T00:00:00", "released": true, "voided": false},
  {"docType": "Credit Memo", "refNbr": "400001", "amountPaid": -1, "released": "maybe"}],
 "lastModifiedDateTime": "2026-02-21T13:02:18.967"
}"""
PAYMENT = b"""{"type": "SmallBalanceWo", "refNbr": "7", "status": "PendingPrint", "customer": {"number": "1"},
 "cashAccount": "1510", "paymentRef": "REF", "currency": "NOK", "paymentAmount": -12.5, "availableBalance": 0,
 "applicationDate": "2026-02-01T00:00:00", "lastModifiedDateTime": "2026-07-01T12:00:00Z",
 "paymentLines": [{"documentType": "FinCharge", "refNbr": "3", "amountPaid": 12.5, "balanceWriteOff": 1.25}]}"""
CUSTOMER: dict[str, Any] = {
    "number": "10002",
    "status": "Active",
    "name": "Kari",
    "corporateId": "NO 974 760 673 MVA",
    "currencyId": "NOK",
    "mainAddress": {"addressLine1": "Gata 1", "city": "Oslo", "postalCode": "0150", "country": {"id": "NO"}},
    "mainContact": {"name": "Kari N", "email": "k@x.no", "phone1": "1"},
}


def test_an_invoice_becomes_a_receivable(mapped: Mapped) -> None:
    (row,) = mapped(FEEDS["documents"], [INVOICE])
    assert row == {
        "n": 1,
        "document_type": "Invoice",
        "number": "100123",
        "customer": "10002",
        "status": "Open",
        "document_date": date(2026, 1, 10),
        "due_date": date(2026, 1, 24),
        "currency": "NOK",
        "amount": Decimal("1234.77"),
        "balance": Decimal("234.70"),
        "kid": "123456782",
        "dunning_level": 2,
        "dunning_date": date(2026, 2, 20),
        "excluded": True,
        "revoked": False,
        "case_number": "A-1",
        "case_status": None,
        "case_url": None,
        "applications": [
            {
                "document_type": "Payment",
                "number": "500001",
                "amount": Decimal("1000.07"),
                "discount": Decimal("0.00"),
                "reference": None,
                "application_date": date(2026, 2, 1),
                "released": True,
                "voided": False,
            },
            {
                "document_type": "CreditNote",
                "number": "400001",
                "amount": Decimal("-1.00"),
                "discount": Decimal("0.00"),
                "reference": None,
                "application_date": None,
                "released": None,
                "voided": None,
            },
        ],
        "modified_at": datetime(2026, 2, 21, 12, 2, 18, 967000, tzinfo=UTC),
    }


def test_a_payment_keeps_its_rows_as_a_history(mapped: Mapped) -> None:
    (row,) = mapped(FEEDS["payments"], [PAYMENT])
    assert (row["document_type"], row["status"]) == ("WriteOff", "Hold")
    assert (row["amount"], row["balance"], row["reference"]) == (Decimal("-12.50"), Decimal("0.00"), "REF")
    assert row["modified_at"] == datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert row["lines"] == [
        {
            "document_type": "OverdueCharge",
            "number": "3",
            "amount": Decimal("12.50"),
            "discount": Decimal("0.00"),
            "write_off": Decimal("1.25"),
        }
    ]


@pytest.mark.parametrize(
    ("feed", "table"), [("documents", tables.RECEIVABLE), ("payments", tables.PAYMENT), ("customers", tables.CUSTOMER)]
)
def test_a_mapping_returns_the_columns_of_its_table_and_survives_an_empty_record(
    mapped: Mapped, feed: str, table: tables.Table
) -> None:
    (row,) = mapped(FEEDS[feed], [b"{}"])
    assert list(row) == ["n", *(column.name for column in table.columns)]
    assert FEEDS[feed].table == table.name


@pytest.mark.parametrize(
    ("field", "value", "column", "expected"),
    [
        ("amount", "1e3", "amount", Decimal("1000.00")),
        ("amount", "12.345", "amount", None),
        ("amount", '"1234.50"', "amount", Decimal("1234.50")),
        ("amount", '"NaN"', "amount", None),
        ("amount", "9999999999999.99", "amount", Decimal("9999999999999.99")),
        ("documentDate", '"10.01.2026"', "document_date", None),
        ("documentDate", '"2026-02-30T00:00:00"', "document_date", None),
        ("lastModifiedDateTime", '"yesterday"', "modified_at", None),
        ("dunningLetterLevel", '"x"', "dunning_level", None),
        ("documentType", '"Undefined"', "document_type", "Undefined"),
        ("documentType", '"FinCharge"', "document_type", "OverdueCharge"),
        ("status", '"NoSuch"', "status", "NoSuch"),
        ("excludeDebtCollection", '"ja"', "excluded", None),
        ("excludeDebtCollection", "null", "excluded", False),
        ("revoked", "true", "revoked", True),
        ("applications", "null", "applications", []),
        # a receivable that is put on hold is not handed over, released or not
        *(("status", json.dumps(theirs), "status", "Hold") for theirs in codec.STATUSES),
    ],
)  # fmt: skip
def test_what_is_unknown_is_passed_on_and_what_cannot_be_cast_is_null(
    mapped: Mapped, field: str, value: str, column: str, expected: object
) -> None:
    (row,) = mapped(FEEDS["documents"], [f'{{"referenceNumber": "1", "{field}": {value}}}'.encode()])
    assert row[column] == expected


@pytest.mark.parametrize(("theirs", "ours"), [*codec.STATUSES.items(), ("Balanced", "Balanced"), ("NoSuch", "NoSuch")])
def test_a_payments_status_is_the_same_in_the_mirror_and_where_it_is_looked_up(
    mapped: Mapped, theirs: str, ours: str
) -> None:
    raw = json.dumps({"type": "Payment", "refNbr": "5", "status": theirs, "currency": "NOK", "paymentAmount": 1})
    (row,) = mapped(FEEDS["payments"], [raw.encode()])
    assert row["status"] == ours


@pytest.mark.parametrize(
    ("changes", "business", "number"),
    [
        ({}, True, "974760673"),
        ({"corporateId": None}, False, None),
        ({"corporateId": "01019012345"}, False, None),
        ({"corporateId": None, "customerClass": {"id": "FIRMA"}}, True, None),
        ({"corporateId": None, "customerClass": {"id": "O'BRIEN"}}, True, None),
        ({"corporateId": "01019012345", "customerClass": {"id": "PRIVAT"}}, False, None),
    ],
)
def test_a_business_has_an_organisation_number_or_a_class_that_says_so(
    mapped: Mapped, changes: dict[str, Any], business: bool, number: str | None
) -> None:
    (row,) = mapped(FEEDS["customers"], [json.dumps(CUSTOMER | changes).encode()])
    assert (row["business"], row["organisation_number"]) == (business, number)


def test_an_invoice_address_goes_before_the_main_one(mapped: Mapped) -> None:
    own = {"invoiceAddress": {"addressLine1": "PB 1", "addressLine2": "c/o B", "city": "Bergen"},
           "invoiceContact": {"name": "Faktura", "email": ""}}  # fmt: skip
    main, invoice = mapped(FEEDS["customers"], [json.dumps(each).encode() for each in (CUSTOMER, CUSTOMER | own)])
    shown = ("name", "address", "postal_code", "city", "email", "phone", "country")
    assert tuple(main[name] for name in shown) == ("Kari N", "Gata 1", "0150", "Oslo", "k@x.no", "1", "NO")
    assert tuple(invoice[name] for name in shown) == ("Faktura", "PB 1, c/o B", None, "Bergen", "k@x.no", "1", None)


def test_both_type_tables_agree(mapped: Mapped) -> None:
    documents = [
        json.dumps({"type": theirs, "paymentLines": [{"documentType": theirs}]}).encode() for theirs in codec.TYPES
    ]
    rows = mapped(FEEDS["payments"], documents)
    assert [row["lines"][0]["document_type"] for row in rows] == list(codec.TYPES.values())


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "'; drop table x; --"])
def test_only_a_real_zone_reaches_the_sql(zone: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        VismaNetSettings("1510", "1510", "INK", time_zone=zone)


def test_the_zone_of_the_tenant_is_used(mapped: Mapped) -> None:
    feed = feeds(VismaNetSettings("1510", "1510", "INK", time_zone="UTC"))["documents"]
    (row,) = mapped(feed, [INVOICE])
    assert row["modified_at"] == datetime(2026, 2, 21, 13, 2, 18, 967000, tzinfo=UTC)
