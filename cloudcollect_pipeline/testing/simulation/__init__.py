"""The simulator: years of nights of the real pipeline against both counterparties, with everything that goes wrong.

Belongs here: what happens, what goes wrong, what must hold, and the evidence. Does not belong here: a copy of anything
that the pipeline does.
"""
