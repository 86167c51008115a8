"""The closed sets of words that both mirrors use: types, statuses, stages. An adapter maps its vendor's onto these."""

RECEIVABLE_TYPES = ("Invoice", "DebitNote", "OverdueCharge")
PAYING_TYPES = ("Payment", "Prepayment", "CreditNote", "VoidPayment", "Refund", "WriteOff")
DOCUMENT_STATUSES = ("Hold", "Balanced", "Open", "Closed", "Voided")
CLAIM_STATUSES = ("SUBMITTED", "NEEDS_INFO", "ACTIVE", "CLOSED", "REJECTED", "WITHDRAWN", "MERGED")
STAGES = ("REMINDER", "NOTICE", "DEMAND", "LEGAL", "ENFORCEMENT", "MONITORING")
HOLDS = ("NONE", "PAUSED", "RECALLED")
ENTRY_KINDS = ("AGENCY_PAYMENT", "DIRECT_PAYMENT", "CREDIT", "WRITE_OFF", "RAISE", "REVERSAL", "REALLOCATION", "CHARGE")
RECEIVERS = ("AGENCY", "CREDITOR")
SETTLEMENT_STATUSES = ("PUBLISHED", "CANCELLED")
