"""Offline container image archives: convert them, look into them, prove what they claim.

The names below are imported when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ociarchive import version

if TYPE_CHECKING:
    from ociarchive.api import (
        Conversion,
        Difference,
        Limits,
        Policy,
        Report,
        audit,
        convert,
        diff,
        inspect,
        open_archive,
    )
    from ociarchive.errors import ContentError, HostError, OciArchiveError, UsageError

__version__ = version.VERSION

__all__ = [
    "ContentError",
    "Conversion",
    "Difference",
    "HostError",
    "Limits",
    "OciArchiveError",
    "Policy",
    "Report",
    "UsageError",
    "__version__",
    "audit",
    "convert",
    "diff",
    "inspect",
    "open_archive",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'ociarchive' has no attribute {name!r}")
    value: object = getattr(import_module(f"ociarchive.{'errors' if name.endswith('Error') else 'api'}"), name)
    globals()[name] = value
    return value
