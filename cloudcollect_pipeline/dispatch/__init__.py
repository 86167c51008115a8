"""Dispatch: the only room that changes anything at a counterparty, and the journal that remembers it."""
