"""The field's words as plain values: no I/O, no clock, no randomness, no Dagster.

Amounts in Python are integer øre (hundredths of the document currency); `Decimal` kroner appear only where
text is read or written. Everything here is immutable and safe to share between threads.
"""
