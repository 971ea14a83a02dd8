"""Offline container image archives: convert them, look into them, prove what they claim.

The names below are imported when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ociarchive import version

if TYPE_CHECKING:
    from ociarchive.api import (
        Archive,
        ArchiveFacts,
        ArtifactFacts,
        Change,
        Conversion,
        Difference,
        Finding,
        ImageFacts,
        ImagePair,
        InventoryFacts,
        LayerFacts,
        Limits,
        MissingFacts,
        Policy,
        Progress,
        Report,
        audit,
        audit_each,
        convert,
        create_index,
        diff,
        inspect,
        inventory,
        open_archive,
        policy,
        render_audit,
        render_diff,
        render_receipt,
        write_audit,
    )
    from ociarchive.catalogue.answers import Catalogue
    from ociarchive.errors import ContentError, HostError, OciArchiveError, UsageError

__version__ = version.VERSION

__all__ = [
    "Archive",
    "ArchiveFacts",
    "ArtifactFacts",
    "Catalogue",
    "Change",
    "ContentError",
    "Conversion",
    "Difference",
    "Finding",
    "HostError",
    "ImageFacts",
    "ImagePair",
    "InventoryFacts",
    "LayerFacts",
    "Limits",
    "MissingFacts",
    "OciArchiveError",
    "Policy",
    "Progress",
    "Report",
    "UsageError",
    "__version__",
    "audit",
    "audit_each",
    "convert",
    "create_index",
    "diff",
    "inspect",
    "inventory",
    "open_archive",
    "policy",
    "render_audit",
    "render_diff",
    "render_receipt",
    "write_audit",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"TYPE_CHECKING", "annotations", "import_module"})


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'ociarchive' has no attribute {name!r}")
    # A catalogue needs SQLite, which nothing else does.
    module = "errors" if name.endswith("Error") else "catalogue.answers" if name == "Catalogue" else "api"
    value: object = getattr(import_module(f"ociarchive.{module}"), name)
    globals()[name] = value
    return value
