"""Bytes: where they are, how they are compressed, how they are written."""
