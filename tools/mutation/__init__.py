"""Mutation testing of the rooms that decide and send."""
