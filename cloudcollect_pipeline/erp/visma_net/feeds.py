"""Which fields are read from Visma.net's records, and the SQL that makes ledger rows of them.

The fields are those of the vendor's CustomerInvoiceDto (debit notes and overdue charges have the same names),
PaymentDto and CustomerDto. Plain amounts are in document currency there, `...InCurrency` ones in the company's.
"""

from collections.abc import Mapping
from importlib.resources import files
from string import Template

from cloudcollect_pipeline.domain.feed import Feed
from cloudcollect_pipeline.erp.visma_net.settings import VismaNetSettings

_TEXT = "VARCHAR"
_ADDRESS = (
    "STRUCT(addressLine1 VARCHAR, addressLine2 VARCHAR, addressLine3 VARCHAR, postalCode VARCHAR, city VARCHAR, "
    "country STRUCT(id VARCHAR))"
)
_CONTACT = "STRUCT(name VARCHAR, email VARCHAR, phone1 VARCHAR)"

DOCUMENT_COLUMNS = {
    "documentType": _TEXT,
    "referenceNumber": _TEXT,
    "customer": "STRUCT(number VARCHAR)",
    "status": _TEXT,
    "documentDate": _TEXT,
    "documentDueDate": _TEXT,
    "currencyId": _TEXT,
    "amount": _TEXT,
    "balance": _TEXT,
    "paymentReference": _TEXT,
    "dunningLetterLevel": _TEXT,
    "dunningLetterDate": _TEXT,
    "excludeDebtCollection": _TEXT,
    "revoked": _TEXT,
    "debtCollection": "STRUCT(caseNumber VARCHAR, caseStatus VARCHAR, caseUrl VARCHAR)",
    "applications": (
        "STRUCT(docType VARCHAR, refNbr VARCHAR, amountPaid VARCHAR, cashDiscountTaken VARCHAR, paymentRef VARCHAR, "
        "applicationDate VARCHAR, released VARCHAR, voided VARCHAR)[]"
    ),
    "lastModifiedDateTime": _TEXT,
}
PAYMENT_COLUMNS = {
    "type": _TEXT,
    "refNbr": _TEXT,
    "customer": "STRUCT(number VARCHAR)",
    "status": _TEXT,
    "cashAccount": _TEXT,
    "paymentRef": _TEXT,
    "currency": _TEXT,
    "paymentAmount": _TEXT,
    "availableBalance": _TEXT,
    "applicationDate": _TEXT,
    "paymentLines": (
        "STRUCT(documentType VARCHAR, refNbr VARCHAR, amountPaid VARCHAR, cashDiscountTaken VARCHAR, "
        "balanceWriteOff VARCHAR)[]"
    ),
    "lastModifiedDateTime": _TEXT,
}
CUSTOMER_COLUMNS = {
    "number": _TEXT,
    "status": _TEXT,
    "name": _TEXT,
    "corporateId": _TEXT,
    "customerClass": "STRUCT(id VARCHAR)",
    "parentRecord": "STRUCT(number VARCHAR)",
    "currencyId": _TEXT,
    "excludeDebtCollection": _TEXT,
    "mainAddress": _ADDRESS,
    "invoiceAddress": _ADDRESS,
    "mainContact": _CONTACT,
    "invoiceContact": _CONTACT,
    "lastModifiedDateTime": _TEXT,
}


def feeds(settings: VismaNetSettings) -> Mapping[str, Feed]:
    """The feeds `documents`, `payments` and `customers` of one company."""
    return {
        "documents": Feed("documents", "receivable", DOCUMENT_COLUMNS, _mapping("documents.sql", settings)),
        "payments": Feed("payments", "payment", PAYMENT_COLUMNS, _mapping("payments.sql", settings)),
        "customers": Feed("customers", "customer", CUSTOMER_COLUMNS, _mapping("customers.sql", settings)),
    }


def _mapping(name: str, settings: VismaNetSettings) -> str:
    sql = files(__package__ or "").joinpath(name).read_text(encoding="utf-8")
    classes = ", ".join("'" + item.replace("'", "''") + "'" for item in settings.business_classes)
    # the zone name was looked up in the time zone database by the settings, so it carries no quote
    return Template(sql).substitute(zone=settings.time_zone, business_classes=f"[{classes}]::VARCHAR[]")
