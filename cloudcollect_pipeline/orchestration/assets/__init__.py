"""The assets of a company, one module per group; each asset is a few lines around a stage of `Tonight`.

Belongs here: what is made in which order, and what is shown of it. Does not belong here: how it is made (`nightly`),
whether it is right (`checks`), when (`schedules`).
"""

from datetime import date

import dagster as dg

from cloudcollect_pipeline.orchestration.assets import dispatch, landing, ledger, morning, planning, reconciliation
from cloudcollect_pipeline.orchestration.assets.stage import Stage

STAGES: tuple[Stage, ...] = (
    *landing.STAGES,
    *ledger.STAGES,
    *planning.STAGES,
    *dispatch.STAGES,
    *reconciliation.STAGES,
)
"""What a company's night makes, in its order. What is read of it in the morning is `morning`'s."""

AGENCY_PHASES = ("transfers", "reductions", "holds")
ERP_PHASES = ("case_references", "agency_payment_postings", "settlement_bookings")


def systems(slug: str) -> list[dg.AssetSpec]:
    """The two counterparties, for lineage: as they are read, and as they are written to. Nothing materializes them."""
    return [
        dg.AssetSpec(
            dg.AssetKey([slug, name]),
            deps=[dg.AssetKey([slug, phase]) for phase in phases],
            description=text,
            group_name=group,
            kinds={"api"},
            owners=["team:receivables"],
            tags={"company": slug},
        )
        for group, name, phases, text in (
            ("systems", "visma_net", (), "Visma.net ERP: the customer ledger, its dunning, and the suspense account."),
            ("systems", "agency", (), "The debt-collection agency: claims, cases, money facts and settlements."),
            ("told", "visma_net_told", ERP_PHASES, "What Visma.net ERP is told: postings, settlements, case numbers."),
            ("told", "agency_told", AGENCY_PHASES, "What the agency is told: claims, reductions, holds."),
        )
    ]


def build_company_assets(slug: str, first_night: date) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Everything of one company, keyed `<slug>/<name>`."""
    return [*systems(slug), *(stage.asset(slug, first_night) for stage in STAGES), *morning.company_assets(slug)]
