"""Landing: records exactly as received, immutable, one spool file and one manifest per feed and read.

Nothing here understands a record; mapping belongs to the adapters, validation to the ledger.
"""

from cloudcollect_pipeline.landing.spool import Landing, Spool, raw_records

__all__ = ["Landing", "Spool", "raw_records"]
