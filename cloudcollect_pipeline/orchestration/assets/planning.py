"""Planning: what tonight's facts ask for."""

from collections import Counter

import dagster as dg

from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.orchestration import checks, metadata
from cloudcollect_pipeline.orchestration.assets.stage import Result, stage
from cloudcollect_pipeline.orchestration.resources import Tonight
from cloudcollect_pipeline.planning.rules import rule


@stage(
    group="planning",
    deps=("subledger_diff",),
    kinds=frozenset({"sql", "python"}),
    checks=(checks.PLAN_MAY_BE_SENT,),
    metadata={"dagster/table_name": "planned_effect", "dagster/column_schema": metadata.EFFECTS},
)
def plan(tonight: Tonight) -> Result:
    """Every write the facts ask for and nobody has made yet, under one hash; nothing is sent by making it."""
    stored = tonight.plan()
    made = stored.plan
    reasons = Counter(code for held in made.held_back for code in held.failed)
    largest = sorted(made.held_back, key=lambda held: (-held.amount, held.document))
    return dg.MaterializeResult(
        metadata={
            "plan_hash": made.hash,
            "verdict": "may be sent" if not stored.reasons else "waits for approval",
            "totals": dg.MetadataValue.md(metadata.counted(made.totals)),
            "held_back": dg.MetadataValue.md(
                metadata.markdown(
                    ("rule not met", ">count"), [(rule(code).text, count) for code, count in reasons.most_common()]
                )
            ),
            "largest_held_back": dg.MetadataValue.md(
                metadata.markdown(
                    ("receivable", ">NOK", "because"),
                    [(held.document, display(held.amount), ", ".join(held.failed)) for held in largest[:10]],
                )
            ),
            "mirror_version": made.version,
            "effects": len(made.effects),
            "held_back_count": len(made.held_back),
        },
        check_results=[checks.plan_may_be_sent(stored)],
    )


STAGES = (plan,)
