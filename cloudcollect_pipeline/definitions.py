"""What Dagster loads."""

from cloudcollect_pipeline.orchestration.build import build_definitions

defs = build_definitions()
