"""What all assets have in common."""

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from cloudcollect_pipeline.orchestration.checks import spec
from cloudcollect_pipeline.orchestration.partitions import nights_from
from cloudcollect_pipeline.orchestration.resources import Nights, Tonight

if TYPE_CHECKING:
    Result = dg.MaterializeResult[Any]
else:
    Result = dg.MaterializeResult  # Dagster looks at the annotation and does not know the one above

BY_SIX = dg.FreshnessPolicy.cron("0 6 * * *", lower_bound_delta=timedelta(hours=6), timezone="Europe/Oslo")
"""Made anew between midnight and six, every night: did last night run?"""


@dataclass(frozen=True)
class Stage:
    """One asset of every company. `run`'s name is the asset's name, its docstring the description.

    `deps` are names within the company. `order` decides between assets that could run next: the higher first.
    """

    run: Callable[[Tonight], Result]
    group: str
    deps: tuple[str, ...]
    kinds: frozenset[str]
    checks: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    order: int = 0
    fresh: bool = False
    name: str = ""
    description: str = ""

    def asset(self, slug: str, first_night: date) -> dg.AssetsDefinition:
        """The asset of one company, from its first night on. Dagster never repeats a write: no retry policy."""
        name = self.name or self.run.__name__
        key = dg.AssetKey([slug, name])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)  # backfill_policy
            return self._asset(slug, name, key, first_night)

    def _asset(self, slug: str, name: str, key: dg.AssetKey, first_night: date) -> dg.AssetsDefinition:
        @dg.asset(
            key=key,
            deps=[dg.AssetKey([slug, dep]) for dep in self.deps],
            description=self.description or inspect.getdoc(self.run),
            group_name=self.group,
            kinds=set(self.kinds),
            owners=["team:receivables"],
            tags={"company": slug},
            code_version="1",
            partitions_def=nights_from(first_night),
            backfill_policy=dg.BackfillPolicy.single_run(),
            pool=f"company_{slug.replace('-', '_')}",
            op_tags={"dagster/priority": str(self.order)},
            metadata=self.metadata,
            check_specs=[spec(check, key) for check in self.checks],
            freshness_policy=BY_SIX if self.fresh else None,
        )
        def asset(context: dg.AssetExecutionContext, nights: Nights) -> Result:
            tonight = nights.tonight(slug, context.log)
            _say_which_night(context, tonight)
            result = self.run(tonight)
            log_checks(context.log, result)
            return dg.MaterializeResult(
                metadata={"night": tonight.night.night.isoformat(), **(result.metadata or {})},
                check_results=result.check_results,
            )

        return asset


def log_checks(log: dg.DagsterLogManager, result: Result) -> None:
    """What a failed check stopped is said in the run's log too: there the check's page is far away."""
    for check in result.check_results or ():
        if not check.passed:
            say = log.error if check.severity == dg.AssetCheckSeverity.ERROR else log.warning
            say("%s: %s", check.check_name, check.description)


def _say_which_night(context: dg.AssetExecutionContext, tonight: Tonight) -> None:
    """Both systems show only today, whichever partition was asked for."""
    labels = context.partition_keys if context.has_partition_key or context.has_partition_key_range else []
    night = tonight.night.night.isoformat()
    if labels and set(labels) != {night}:
        asked = labels[0] if len(labels) == 1 else f"{labels[0]} to {labels[-1]}"
        context.log.info("Asked for %s. Both systems show only today: this is the night of %s.", asked, night)


def stage(**told: Any) -> Callable[[Callable[[Tonight], Result]], Stage]:
    """Make a function of `Tonight` an asset of every company."""
    return lambda run: Stage(run, **told)
