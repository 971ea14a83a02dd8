"""Offline container image archives: convert them, look into them, prove what they claim."""
