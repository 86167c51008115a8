"""The doctor: is a company set up so that its first night can succeed, and if not, how is it mended?

Belongs here: checks as small functions that read a port or the settings and return a value. Does not belong here: how
they are shown (`cli`), and what is unknown about a vendor (its adapter).
"""
