"""A catalogue of audits: what was proved of each archive, in an SQLite file that outlives the call.

The tables are documented in `docs/catalogue.md`, since people query them with tools of their own.
"""
