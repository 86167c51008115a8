"""Reconciliation: the suspense account explained item by item, after dispatch, from what both systems then say."""
