"""The reference of an effect: a short name derived from the business fact alone."""

import base64
import hashlib
import json
import re
from functools import lru_cache

LENGTH = 15
_FORM = re.compile(f"[A-Z2-7]{{{LENGTH}}}")


@lru_cache(65_536)
def reference(tenant: str, agency: str, kind: str, source: str, ordinal: int) -> str:
    """15 base32 characters of SHA-256 over (ERP tenant id, agency id, kind, source id, ordinal).

    No secret, slug, date, run or payload goes in, so that a restored, lost or renamed installation derives the same
    name for the same fact and finds at the counterparty what it sent before.
    """
    fact = json.dumps((tenant, agency, kind, source, ordinal))
    return base64.b32encode(hashlib.sha256(fact.encode()).digest()).decode()[:LENGTH]


def is_reference(text: str) -> bool:
    """Whether a text has the form of a reference, whoever made it."""
    return _FORM.fullmatch(text) is not None
