"""Jobs: what is run together.

Belongs here: selections of one company's assets, their run tags and what the Launchpad asks. Does not belong here:
asset bodies, or when a job runs (`schedules`).

With one company the jobs have plain names; with several each name starts with the company's.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from cloudcollect_pipeline.orchestration.assets import planning, reconciliation

NO_RETRY = {"dagster/max_retries": "0", "dagster/retry_on_asset_or_op_failure": "false"}
"""Tags of a job that writes to a counterparty: Dagster never repeats it, whatever the instance says."""

OUT = ("transfers", "reductions", "holds", "case_references")
IN = ("agency_payment_postings", "settlement_bookings")
AFTERWARDS = (*(stage.run.__name__ for stage in reconciliation.STAGES), "reports", "morning")

STORED_PLAN = {"resources": {"nights": {"config": {"plan_hash": ""}}}}
"""What the Launchpad shows for a job that carries out a stored plan; its help is the field's description."""


def job_name(slug: str, name: str, companies: Sequence[str]) -> str:
    """`nightly`, or `<company>_nightly` when there are several companies."""
    return name if len(companies) == 1 else f"{slug.replace('-', '_')}_{name}"


def company_jobs(slug: str, companies: Sequence[str]) -> dict[str, Any]:
    """A company's jobs by their plain names."""

    def select(*names: str) -> dg.AssetSelection:
        return dg.AssetSelection.assets(*(dg.AssetKey([slug, name]) for name in names))

    def job(name: str, selection: dg.AssetSelection, description: str, **options: Any) -> Any:
        return dg.define_asset_job(
            job_name(slug, name, companies),
            selection,
            description=description,
            tags={**options.pop("tags", {}), "company": slug},
            **options,
        )

    everything = dg.AssetSelection.key_prefixes([slug]).materializable()
    plan = planning.plan.run.__name__
    made = (
        job(
            "nightly",
            everything,
            "The whole night: land, mirror, plan, send what needs no approval, reconcile.",
            tags=NO_RETRY,
        ),
        job(
            "transfer",
            select(*OUT, *AFTERWARDS),
            "Send a stored plan's transfers, reductions, holds and case references, then reconcile. Makes no plan.",
            tags=NO_RETRY,
            config=STORED_PLAN,
        ),
        job(
            "payment_posting",
            select(*IN, *AFTERWARDS),
            "Post a stored plan's agency payments and settlements in the ERP, then reconcile. Makes no plan.",
            tags=NO_RETRY,
            config=STORED_PLAN,
        ),
        job(
            "plan_only",
            everything & select(plan).upstream(),
            "Land, mirror and plan; sends nothing.",
        ),
        job(
            "morning",
            select("morning"),
            "How the company stands now, from what was published: also when no night ran. Asks and writes to nobody.",
        ),
    )
    return dict(zip(("nightly", "transfer", "payment_posting", "plan_only", "morning"), made, strict=True))
