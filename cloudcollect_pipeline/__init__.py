"""Receivables, collection cases and a suspense account, mirrored between an ERP and an agency every night."""

__version__ = "0.1.0"
