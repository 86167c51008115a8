"""One company of the benchmarks, and a ledger of any size for it."""

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.server import FIRST, PER_CUSTOMER
from cloudcollect_pipeline.agency.port import AgencyCapabilities
from cloudcollect_pipeline.ledger.ledger import Ledger
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.settings import CompanySettings, Settings

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


def fill(ledger: Ledger, items: int, every: int = 2, different: int = 71, only: str = "") -> None:
    """Put so many open receivables into the mirror, every so manieth a claim of ours, as the server would have it.

    One claim in `different` is open with another amount than its receivable. `only` names a table to fill alone.
    """
    known = {"items": items, "every": every, "different": different, "first": FIRST, "per_customer": PER_CUSTOMER}
    for statement in Path(__file__).with_name("ledger.sql").read_text().split(";\n"):
        if statement.strip() and only in statement:
            ledger.db.execute(statement, {name: value for name, value in known.items() if f"${name}" in statement})


def settings(folder: Path, url: str, slugs: Sequence[str] = (SLUG,), **erp: Any) -> Settings:
    """Settings of companies in a folder; each is a tenant of its own."""
    companies = {slug: company(url, tenant_id=slug if slug != SLUG else TENANT, **erp) for slug in slugs}
    return Settings(data_dir=folder, companies=companies)


class WallClock:
    """The benchmarks' moment plus what has passed since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def now(self) -> datetime:
        """The moment, UTC."""
        return NOW + timedelta(seconds=time.monotonic() - self._began)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)


def facts(url: str = "http://127.0.0.1:1") -> Facts:
    """What planning needs beside the ledger."""
    return Facts(NIGHT, TENANT, AGENCY, company(url), AgencyCapabilities())
