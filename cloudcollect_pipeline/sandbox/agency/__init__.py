"""A debt-collection agency with its own books and an HTTP contract over them.

`books` holds the facts and rules, `records` and `feeds` what is seen from outside, `api` the calls that
docs/agency-api.json describes.
"""

from cloudcollect_pipeline.sandbox.agency.api import AgencyApi
from cloudcollect_pipeline.sandbox.agency.books import Agency, Case, Claim, Entry, Line, Settings, Settlement
from cloudcollect_pipeline.sandbox.agency.records import Capabilities, Refusal

__all__ = [
    "Agency",
    "AgencyApi",
    "Capabilities",
    "Case",
    "Claim",
    "Entry",
    "Line",
    "Refusal",
    "Settings",
    "Settlement",
]
