"""Notary Project signatures: envelopes, the trust store, the trust policy, and whether a signature holds."""
