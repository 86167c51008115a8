"""The assets of a company, one module per group; each asset is a few lines around a stage of `Tonight`.

Belongs here: what is made in which order, and what is shown of it. Does not belong here: how it is made (`nightly`),
whether it is right (`checks`), when (`schedules`).
"""

import dagster as dg

from cloudcollect_pipeline.orchestration.assets import dispatch, landing, ledger, planning, reconciliation
from cloudcollect_pipeline.orchestration.assets.stage import Stage

STAGES: tuple[Stage, ...] = (
    *landing.STAGES,
    *ledger.STAGES,
    *planning.STAGES,
    *dispatch.STAGES,
    *reconciliation.STAGES,
)
"""Every asset a company has, in the order of the night."""


def systems(slug: str) -> list[dg.AssetSpec]:
    """The two counterparties, for lineage: nothing materializes them."""
    return [
        dg.AssetSpec(
            dg.AssetKey([slug, name]),
            description=text,
            group_name="systems",
            kinds={"api"},
            owners=["team:receivables"],
            tags={"company": slug},
        )
        for name, text in (
            ("visma_net", "Visma.net ERP: the customer ledger, its dunning, and the suspense account."),
            ("agency", "The debt-collection agency: claims, cases, money facts and settlements."),
        )
    ]


def build_company_assets(slug: str) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Everything of one company, keyed `<slug>/<name>`."""
    return [*systems(slug), *(stage.asset(slug) for stage in STAGES)]
