"""Adapter for Visma.net ERP."""
