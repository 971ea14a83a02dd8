"""Engines: where archives are audited. Each takes archives in chunks and gives rows back, in any order.

A row is a value: it needs no open archive, and can come from another process or machine.
"""
