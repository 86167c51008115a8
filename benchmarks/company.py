"""One company of the benchmarks, and a ledger of any size for it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from cloudcollect_pipeline.settings import CompanySettings

SLUG, TENANT, AGENCY = "bench", "1", "bench"
NIGHT = date(2026, 3, 10)
NOW = datetime(2026, 3, 10, 3, tzinfo=UTC)


def company(url: str = "http://127.0.0.1:1", **erp: Any) -> CompanySettings:
    """Settings that talk to the server of the benchmarks for both sides."""
    return CompanySettings.model_validate(
        {
            "name": "Benchmark AS",
            "go_live": NIGHT - timedelta(days=400),
            "mode": "automatic",
            "policy": {"attach_pdf": False},
            "erp": {
                "base_url": url,
                "token_url": f"{url}/connect/token",
                "tenant_id": TENANT,
                "client_id": "c",
                "client_secret": "s",
                "suspense_cash_account": "1510",
                "suspense_account": "1510",
                "payment_method": "4",
                **erp,
            },
            "agency": {"id": AGENCY, "base_url": url, "api_key": "k"},
            "accounts": {
                "payout_clearing": "1511",
                "interest_income": "8050",
                "fee_income": "3900",
                "commission_cost": "7790",
                "expense_cost": "7798",
                "input_vat": "2710",
                "rounding": "7770",
            },
        }
    )
