"""Offline container image archives: convert them, look into them, prove what they claim.

The names below are imported when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ociarchive import version

if TYPE_CHECKING:
    from ociarchive.api import Conversion, Limits, Policy, Report, audit, convert, inspect, open_archive
    from ociarchive.errors import ContentError, HostError, OciArchiveError, UsageError

__version__ = version.VERSION

__all__ = [
    "ContentError",
    "Conversion",
    "HostError",
    "Limits",
    "OciArchiveError",
    "Policy",
    "Report",
    "UsageError",
    "__version__",
    "audit",
    "convert",
    "inspect",
    "open_archive",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'ociarchive' has no attribute {name!r}")
    api, errors = import_module("ociarchive.api"), import_module("ociarchive.errors")
    globals().update({one: getattr(errors if one.endswith("Error") else api, one) for one in __all__ if one[0] != "_"})
    return globals()[name]
