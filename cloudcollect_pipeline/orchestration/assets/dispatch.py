"""Dispatch: the stored plan carried out, one phase per asset.

Nothing is sent because this asset runs. The journal decides whether a plan may be sent (stored, fresh, within its caps
or approved, company not paused); otherwise the asset succeeds having sent nothing, and says so in its log and check.
"""

from collections.abc import Mapping

import dagster as dg

from cloudcollect_pipeline.dispatch.dispatcher import PHASES
from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.orchestration import checks, metadata
from cloudcollect_pipeline.orchestration.assets.stage import Result, Stage
from cloudcollect_pipeline.orchestration.resources import Tonight

DESCRIPTIONS: Mapping[str, str] = {
    "transfers": "Overdue receivables handed over to the agency, each checked again on a fresh read before it is sent.",
    "reductions": "Payments, matched credit notes and write-offs the agency must know of, reported on their claims.",
    "holds": "Claims paused, recalled or resumed at the agency as exclusions and disputes ask for; debtors told anew "
    "and the agency's questions answered.",
    "case_references": "The agency's case number, status and link, shown on the invoice in the ERP.",
    "agency_payment_postings": "Money the agency received, posted in the ERP against the suspense account.",
    "settlement_bookings": "The agency's payout statements, booked in the ERP out of the suspense account.",
}


def _sent(phase: str, order: int) -> Stage:
    def run(tonight: Tonight) -> Result:
        done, stopped = tonight.send(phase)
        rows = [
            (kind.replace("_", " "), outcome, count, display(done.sums[kind][outcome]))
            for kind, outcomes in sorted(done.counts.items())
            for outcome, count in sorted(outcomes.items())
        ]
        return dg.MaterializeResult(
            metadata={
                "outcome": f"not sent: {stopped}" if stopped else "carried out",
                "effects": dg.MetadataValue.md(metadata.markdown(("what", "outcome", ">count", ">NOK"), rows)),
                "dagster/row_count": sum(row[2] for row in rows),
            },
            check_results=[checks.every_effect_is_confirmed(phase, done, stopped)],
        )

    return Stage(
        run,
        name=phase,
        description=DESCRIPTIONS[phase],
        group="dispatch",
        deps=("plan",),
        kinds=frozenset({"api"}),
        checks=(checks.EVERY_EFFECT_IS_CONFIRMED,),
        order=order,
        metadata={"dagster/table_name": "effect", "dagster/column_schema": metadata.OUTCOMES},
    )


STAGES = tuple(_sent(phase, len(PHASES) - place) for place, (phase, _) in enumerate(PHASES))
"""In the order in which they must be tried: a claim before its reductions, an item before its settlement."""
