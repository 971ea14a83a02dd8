"""Signatures: the keys that a call names, what was signed, and whether it holds. Nothing is fetched, nothing is run."""
