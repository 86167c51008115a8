"""Planning: facts → effects not yet in the journal.

Eligibility is set-based SQL with one registry of rules; what must be reasoned per customer (reductions, postings) is
a pure function over a small state. Nothing here talks to a counterparty.
"""
