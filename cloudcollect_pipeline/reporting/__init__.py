"""Reports: a night's books, read as of then, as a workbook, a page and an archive for the auditor.

What belongs here: reading `Books` from a ledger that is laid as of a night, and writing them down. What does not:
figures of another making than the statement's. Names of people are in these files and nowhere else.
"""
