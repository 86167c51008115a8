"""The sandbox's ERP: honest double-entry books per company, and the Visma.net contract over them."""

from cloudcollect_pipeline.sandbox.erp.api import ErpApi
from cloudcollect_pipeline.sandbox.erp.books import ErpCompany
from cloudcollect_pipeline.sandbox.erp.documents import (
    Application,
    BooksError,
    Customer,
    Document,
    DocumentType,
    ErpSettings,
    Status,
)
from cloudcollect_pipeline.sandbox.erp.ledger import Batch, GlLine, PaymentMethod

__all__ = [
    "Application",
    "Batch",
    "BooksError",
    "Customer",
    "Document",
    "DocumentType",
    "ErpApi",
    "ErpCompany",
    "ErpSettings",
    "GlLine",
    "PaymentMethod",
    "Status",
]
