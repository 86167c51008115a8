"""The ledger: one DuckDB file per company with both mirrored subledgers, their history and the diff.

Derived and rebuildable; nothing here talks to a counterparty or decides an effect.
"""
