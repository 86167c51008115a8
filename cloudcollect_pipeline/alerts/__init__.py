"""Alerts: what people are told, and how it reaches them. Names of jobs, counts and sums; nothing personal.

Belongs here: the messages, the receivers, the dead man's switch, and who is still to be told. Does not belong here:
when a message is due (`orchestration.sensors`), or what a night did (`reporting.morning`).
"""
