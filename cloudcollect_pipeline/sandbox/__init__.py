"""A seeded world with two counterparties, so that the pipeline can be tried and proven without either.

Imports domain only: nothing of the pipeline's own logic, so that an error there cannot hide here.
"""
