"""The mirrored tables: one definition from which the DDL, the contract and the column docs are made."""

from collections.abc import Mapping
from dataclasses import dataclass

from cloudcollect_pipeline.domain.words import (
    CLAIM_STATUSES,
    DOCUMENT_STATUSES,
    ENTRY_KINDS,
    HOLDS,
    PAYING_TYPES,
    RECEIVABLE_TYPES,
    RECEIVERS,
    SETTLEMENT_STATUSES,
    STAGES,
)

MONEY = "DECIMAL(18,2)"
MOMENT = "TIMESTAMPTZ"


@dataclass(frozen=True)
class Column:
    """One column. `one_of` and `pattern` restrict its values; `personal` ones live in the erasable table `person`."""

    name: str
    type: str
    description: str
    required: bool = False
    one_of: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: int | None = None
    personal: bool = False


@dataclass(frozen=True)
class Table:
    """A mirrored table. `subject` names the columns that a set-aside row is recognised by (its key first).

    `silent` columns do not make a new version of a row: a re-delivery that changes only them is no news.
    """

    name: str
    side: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    silent: tuple[str, ...] = ()

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns of the mirrored table itself, persons left out."""
        return tuple(column for column in self.columns if not column.personal)

    @property
    def compared(self) -> tuple[str, ...]:
        """Names of the columns whose change makes a new version."""
        return tuple(c.name for c in self.stored if c.name not in self.silent and c.name not in self.key)


CURRENCY = r"[A-Z]{3}"
KEY = r"[^\s{\[][^\x00-\x1f]*"
"""Neither empty nor a piece of JSON."""
ID = r"[^\s{\[./\\][^\x00-\x20/\\]*"
"""A key that can also stand in an address."""

_modified = Column("modified_at", MOMENT, "When the ERP last changed the document, UTC")
_updated = Column("updated_at", MOMENT, "When the agency last changed the record, UTC", required=True)

RECEIVABLE = Table(
    "receivable",
    "erp",
    "Documents a customer owes on, as the ERP reports them",
    ("document_type", "number"),
    (
        Column("document_type", "VARCHAR", "Invoice, DebitNote or OverdueCharge", True, RECEIVABLE_TYPES),
        Column("number", "VARCHAR", "The ERP's document number", True, pattern=KEY),
        Column("customer", "VARCHAR", "Customer number", True, pattern=KEY),
        Column(
            "status",
            "VARCHAR",
            "Hold and Balanced are not released; Open has a balance; Closed has none",
            True,
            DOCUMENT_STATUSES,
        ),
        Column("document_date", "DATE", "Invoice date", True),
        Column("due_date", "DATE", "Due date as printed, not moved off free days", True),
        Column("currency", "VARCHAR", "ISO code of the document", True, pattern=CURRENCY),
        Column("amount", MONEY, "Original amount in document currency", True, minimum=0),
        Column("balance", MONEY, "Open amount in document currency", True, minimum=0),
        Column("kid", "VARCHAR", "Payment reference the debtor pays with"),
        Column("dunning_level", "INTEGER", "Level of the last released dunning letter that lists it"),
        Column("dunning_date", "DATE", "Date of that letter"),
        Column("excluded", "BOOLEAN", "Kept out of debt collection on the invoice", True),
        Column("revoked", "BOOLEAN", "Kept out of dunning", True),
        Column("case_number", "VARCHAR", "The agency's case number as shown on the invoice"),
        Column("case_status", "VARCHAR", "The agency's case status as shown on the invoice"),
        Column("case_url", "VARCHAR", "Link to the case as shown on the invoice"),
        Column(
            "applications",
            "STRUCT(document_type VARCHAR, number VARCHAR, amount DECIMAL(18,2), discount DECIMAL(18,2), "
            "reference VARCHAR, application_date DATE, released BOOLEAN, voided BOOLEAN)[]",
            "Documents that settle it, as the invoice shows them",
        ),
        _modified,
    ),
    silent=("modified_at",),
)
PAYMENT = Table(
    "payment",
    "erp",
    "Payments, prepayments, credit notes and their voids, with the documents they settle",
    ("document_type", "number"),
    (
        Column("document_type", "VARCHAR", "What kind of paying document", True, PAYING_TYPES),
        Column("number", "VARCHAR", "The ERP's document number; a VoidPayment shares its Payment's", True, pattern=KEY),
        Column("customer", "VARCHAR", "Customer number", True, pattern=KEY),
        Column("status", "VARCHAR", "Hold and Balanced are not released", True, DOCUMENT_STATUSES),
        Column("cash_account", "VARCHAR", "Cash account it was received on; empty for credit notes"),
        Column("reference", "VARCHAR", "Payment reference; ours when we posted it"),
        Column("currency", "VARCHAR", "ISO code of the document", True, pattern=CURRENCY),
        Column("amount", MONEY, "Amount in document currency", True),
        Column("balance", MONEY, "Not yet applied", True),
        Column("payment_date", "DATE", "Application date", True),
        Column(
            "lines",
            "STRUCT(document_type VARCHAR, number VARCHAR, amount DECIMAL(18,2), discount DECIMAL(18,2), "
            "write_off DECIMAL(18,2))[]",
            "History of what it settled; rows of one document add up",
        ),
        _modified,
    ),
    silent=("modified_at",),
)
CUSTOMER = Table(
    "customer",
    "erp",
    "Customers without their persons",
    ("number",),
    (
        Column("number", "VARCHAR", "Customer number", True, pattern=KEY),
        Column("status", "VARCHAR", "The ERP's customer status", True),
        Column("excluded", "BOOLEAN", "Kept out of debt collection on the customer card", True),
        Column("business", "BOOLEAN", "Business (true) or private person (false)", True),
        Column("organisation_number", "VARCHAR", "Norwegian organisation number of a business"),
        Column("country", "VARCHAR", "ISO country code"),
        Column("currency", "VARCHAR", "Default currency"),
        Column("parent", "VARCHAR", "Parent customer, if any"),
        Column("name", "VARCHAR", "Name", personal=True),
        Column("address", "VARCHAR", "Street address", personal=True),
        Column("postal_code", "VARCHAR", "Postal code", personal=True),
        Column("city", "VARCHAR", "City", personal=True),
        Column("email", "VARCHAR", "E-mail", personal=True),
        Column("phone", "VARCHAR", "Telephone", personal=True),
        _modified,
    ),
    silent=("modified_at",),
)
CLAIM = Table(
    "claim",
    "agency",
    "The agency's record of each receivable handed over",
    ("claim_id",),
    (
        Column("claim_id", "VARCHAR", "The agency's id of the claim, never changed", True, pattern=ID),
        Column("reference", "VARCHAR", "Our transfer reference"),
        Column("document_type", "VARCHAR", "Type of the receivable", True, RECEIVABLE_TYPES),
        Column("document_number", "VARCHAR", "Number of the receivable", True, pattern=KEY),
        Column("case_id", "VARCHAR", "The case it is grouped in"),
        Column(
            "status",
            "VARCHAR",
            "Where the claim stands",
            True,
            CLAIM_STATUSES,
        ),
        Column(
            "stage",
            "VARCHAR",
            "REMINDER: the debtor pays the creditor; later stages: the agency",
            False,
            STAGES,
        ),
        Column("hold", "VARCHAR", "Whether we or the agency hold it", True, HOLDS),
        Column("disputed", "BOOLEAN", "The debtor objects, as the agency knows", True),
        Column("currency", "VARCHAR", "ISO code", True, pattern=CURRENCY),
        Column("principal", MONEY, "Principal handed over, raises included", True, minimum=0),
        Column("principal_open", MONEY, "Principal not yet paid or reduced", True),
        Column("received_at", MOMENT, "When the agency received it, UTC", True),
        _updated,
    ),
    silent=("updated_at",),
)
AGENCY_CASE = Table(
    "agency_case",
    "agency",
    "The agency's cases; the number may change, the id does not",
    ("case_id",),
    (
        Column("case_id", "VARCHAR", "The agency's id of the case", True, pattern=ID),
        Column("number", "VARCHAR", "Case number shown to people", True),
        Column("status", "VARCHAR", "Case status as the agency words it", True),
        Column("url", "VARCHAR", "Where a person can look at the case"),
        _updated,
    ),
    silent=("updated_at",),
)
ENTRY = Table(
    "entry",
    "agency",
    "Signed money facts at the agency; positive lowers what the debtor owes",
    ("entry_id",),
    (
        Column("entry_id", "VARCHAR", "The agency's id of the entry", True, pattern=ID),
        Column(
            "kind",
            "VARCHAR",
            "What happened",
            True,
            ENTRY_KINDS,
        ),
        Column("received_by", "VARCHAR", "Who got the money; empty for charges", False, RECEIVERS),
        Column("amount", MONEY, "Signed total; the sum of the lines", True),
        Column("currency", "VARCHAR", "ISO code", True, pattern=CURRENCY),
        Column("value_date", "DATE", "Day the money fact counts from", True),
        Column("recorded_at", MOMENT, "When the agency recorded it, UTC", True),
        Column("reverses", "VARCHAR", "The entry that this one reverses or reallocates"),
        Column("reference", "VARCHAR", "Our reduction reference, if we wrote it"),
        Column("source_document_type", "VARCHAR", "The ERP document that a reduction of ours names"),
        Column("source_document_number", "VARCHAR", "Its number"),
        Column("cancelled", "BOOLEAN", "Cancelled by the agency: counts no longer", True),
        Column(
            "lines",
            "STRUCT(claim_id VARCHAR, bucket VARCHAR, amount DECIMAL(18,2))[]",
            "Allocation per claim and bucket, as the agency decided it",
            True,
        ),
        _updated,
    ),
    silent=("updated_at",),
)
SETTLEMENT = Table(
    "settlement",
    "agency",
    "The agency's payout statements",
    ("settlement_id",),
    (
        Column("settlement_id", "VARCHAR", "The agency's id of the settlement", True, pattern=ID),
        Column("number", "VARCHAR", "Number shown to people", True),
        Column("status", "VARCHAR", "PUBLISHED or CANCELLED", True, SETTLEMENT_STATUSES),
        Column("replaces", "VARCHAR", "The cancelled settlement that this one replaces"),
        Column("currency", "VARCHAR", "ISO code", True, pattern=CURRENCY),
        Column("booking_date", "DATE", "Date of the statement", True),
        Column("payout_date", "DATE", "Expected payout"),
        Column("principal", MONEY, "Principal collected for the creditor", True),
        Column("interest", MONEY, "Interest passed on", True),
        Column("fees", MONEY, "Fees passed on", True),
        Column("commission", MONEY, "Commission kept by the agency", True),
        Column("expenses", MONEY, "Expenses kept by the agency", True),
        Column("vat", MONEY, "VAT on commission and expenses", True),
        Column("offset_amount", MONEY, "Earlier items netted in", True),
        Column("net", MONEY, "Paid out; negative when the creditor owes", True),
        Column(
            "lines",
            "STRUCT(entry_id VARCHAR, claim_id VARCHAR, bucket VARCHAR, amount DECIMAL(18,2), vat DECIMAL(18,2))[]",
            "What it settles",
            True,
        ),
        _updated,
    ),
    silent=("updated_at",),
)

TABLES: Mapping[str, Table] = {
    table.name: table for table in (RECEIVABLE, PAYMENT, CUSTOMER, CLAIM, AGENCY_CASE, ENTRY, SETTLEMENT)
}
