"""Adapter for the reference format (docs/agency-api.json)."""
