"""Personal data: where it lies, how long it is kept, and how one debtor's is erased. Asks no counterparty anything.

Names, addresses and numbers of people lie in three places of a company's folder only: `persons.duckdb`, the landed
spools, and the report files. Everything else holds keys and amounts, which bookkeeping must keep.
"""
