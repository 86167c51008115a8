"""Which parameters and fields the vendor's description knows, for the calls that the sandbox answers."""


def names(listed: str) -> frozenset[str]:
    """A set from names with spaces between."""
    return frozenset(listed.split())


PAGING = names("pageNumber pageSize")
MODIFIED = names("lastModifiedDateTime lastModifiedDateTimeCondition")

DOCUMENT_PARAMETERS = (
    PAGING
    | MODIFIED
    | names(
        "documentType released dunningLevel closedFinancialPeriod dunningLetterDateTime dunningLetterDateTimeCondition "
        "project expandApplications expandDunningInformation expandAttachments expandTaxDetails expandInvoiceAddress "
        "financialPeriod documentDueDate documentDueDateCondition status numberToRead skipRecords externalReference "
        "paymentReference customerRefNumber customer branch documentDate documentDateCondition greaterThanValue "
        "createdDateTime createdDateTimeCondition"
    )
)
PAYMENT_PARAMETERS = (
    PAGING
    | MODIFIED
    | names(
        "paymentNbr paymentType customer greaterThanValue invoiceRefNbr status numberToRead skipRecords orderBy branch "
        "docDate docDateCondition financialPeriod"
    )
)
CUSTOMER_PARAMETERS = (
    PAGING
    | MODIFIED
    | names(
        "greaterThanValue numberToRead skipRecords name status corporateId vatRegistrationId email phone "
        "createdDateTime createdDateTimeCondition expandAccountInformation expandPaymentMethods "
        "expandDirectDebit attributes"
    )
)
TRANSACTION_PARAMETERS = (
    PAGING
    | MODIFIED
    | names(
        "branch ledger fromPeriod toPeriod account subaccountId fromDate toDate includeUnposted includeUnreleased "
        "skipRecords numberToRead expandAccountInfo expandBranchInfo includeTransactionBalance"
    )
)
JOURNAL_PARAMETERS = PAGING | names(
    "periodId lastModifiedDateTime module status releasedBatch expandAttachments branch"
)
REGISTER_PARAMETERS = MODIFIED | names(
    "greaterThanValue numberToRead skipRecords active includeAccountClassDescription publicCode externalCode1 "
    "externalCode2 analysisCode"
)

WHOLE_NUMBERS = names("pageNumber pageSize numberToRead skipRecords released dunningLevel")
"""Parameters that are numbers, whether or not the sandbox does anything with them."""
FLAGS = names(
    "expandApplications expandDunningInformation expandAttachments expandTaxDetails expandInvoiceAddress "
    "expandAccountInformation expandPaymentMethods expandDirectDebit expandAccountInfo expandBranchInfo "
    "includeTransactionBalance includeUnposted includeUnreleased includeAccountClassDescription releasedBatch active"
)
"""Parameters that are true or false."""

DOCUMENT_TYPES = names(
    "Invoice DebitNote CreditNote Payment VoidPayment Prepayment Refund FinCharge SmallBalanceWo SmallCreditWo "
    "CashSale CashReturn Undefined NoUpdate"
)
DOCUMENT_STATUSES = names(
    "Hold Balanced Voided Scheduled Open Closed PendingPrint PendingEmail CreditHold CcHold Reserved"
)
BATCH_STATUSES = names("Hold Balanced Unposted Posted Voided Scheduled")
CUSTOMER_STATUSES = names("Active OnHold CreditHold Inactive OneTime")

PAYMENT_FIELDS = names(
    "referenceNumber type hold applicationDate applicationPeriod paymentRef customer location paymentMethod "
    "cashAccount currency paymentAmount invoiceText branch overrideNumberSeries ordersToApply paymentLines "
    "financeCharges"
)
PAYMENT_LINE_FIELDS = names(
    "cashDiscountTaken balanceWriteOff writeOffReasonCode crossRate operation documentType refNbr amountPaid"
)
INVOICE_FIELDS = names(
    "documentDueDate paymentReference invoiceText note revoked excludeDebtCollection debtCollectionCaseNbr "
    "debtCollectionCaseStatus debtCollectionCaseType debtCollectionCaseUrl"
)
VOUCHER_FIELDS = names(
    "batchNumber hold transactionDate postPeriod financialPeriod ledger currencyId exchangeRate autoReversing "
    "description controlTotalInCurrency createVatTransaction skipVatAmountValidation transactionCode branch "
    "overrideNumberSeries journalTransactionLines"
)
VOUCHER_LINE_FIELDS = names(
    "operation lineNumber accountNumber subaccount project projectTask referenceNumber transactionDescription "
    "debitAmountInCurrency creditAmountInCurrency vatCodeId vatId branch uom quantity note"
)
