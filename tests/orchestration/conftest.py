"""Dagster over a world without sockets."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.orchestration.build import build_definitions
from cloudcollect_pipeline.orchestration.resources import Nights
from cloudcollect_pipeline.settings import Settings
from tests.story import Story

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Stage:
    """A story, its Dagster instance, and every night that a run has opened."""

    story: Story
    instance: dg.DagsterInstance
    folder: Path
    opened: list[str] = field(default_factory=list)

    @property
    def definitions(self) -> dg.Definitions:
        stage = self

        class StoryNights(Nights):
            def open_night(self, slug: str, who: str) -> Any:
                stage.opened.append(who)
                return stage.story.opened(slug, who=who)

            def settings(self) -> Settings:
                return stage.story.settings

            def clock(self, slug: str) -> Clock:
                return stage.story.world.clock

        return build_definitions(companies=list(self.story.world.companies), resources={"nights": StoryNights()})

    def run(self, job: str, *assets: str, last: date | None = None, nights: int = 1, **nights_config: Any) -> Any:
        """A job, or some of its assets, for tonight or a range of nights that ends with it."""
        tonight = last or self.story.world.today
        tags = (
            {"dagster/partition": tonight.isoformat()}
            if nights == 1
            else {
                "dagster/asset_partition_range_start": (tonight - timedelta(days=nights - 1)).isoformat(),
                "dagster/asset_partition_range_end": tonight.isoformat(),
            }
        )
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            tags=tags,
            run_config={**QUIET, "resources": {"nights": {"config": nights_config}}},
            asset_selection=[key(name) for name in assets] or None,
            raise_on_error=False,
        )


def key(name: str) -> dg.AssetKey:
    return dg.AssetKey(["nordlys", name])


def checks(result: Any) -> dict[str, tuple[bool, str]]:
    """`asset: check` -> passed, what it said."""
    return {
        f"{check.asset_key.path[-1]}: {check.check_name}": (check.passed, check.description or "")
        for check in result.get_asset_check_evaluations()
    }


def shown(result: Any, asset: str) -> dict[str, Any]:
    """Metadata of an asset's materialization in a run."""
    (event, *_) = result.asset_materializations_for_node(f"nordlys__{asset}")
    return {name: value.value for name, value in event.metadata.items()}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stage]]:
    """Makes stages whose instances are closed in the end, the last one first as Dagster wants it."""
    with ExitStack() as instances:

        def make(**options: Any) -> Stage:
            home = tmp_path_factory.mktemp("dagster")
            instance = instances.enter_context(dg.instance_for_test(temp_dir=str(home)))
            return Stage(Story(tmp_path_factory.mktemp("stage"), **options), instance, home)

        yield make
