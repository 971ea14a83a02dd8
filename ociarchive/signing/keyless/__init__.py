"""Keyless signatures of sigstore: short-lived certificates, transparency logs, and who stands behind them."""
