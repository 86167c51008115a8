"""Contract kits for authors of adapters: what the night relies on, as checks that any adapter can be put through."""

from cloudcollect_pipeline.testing.agency import AgencyContract, AgencyRig
from cloudcollect_pipeline.testing.erp import ErpContract, ErpRig
from cloudcollect_pipeline.testing.kit import Outcome, Unsupported, run_contract

__all__ = ["AgencyContract", "AgencyRig", "ErpContract", "ErpRig", "Outcome", "Unsupported", "run_contract"]
