"""What a conversion is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ociarchive.blobio.limits import Limits

if TYPE_CHECKING:
    from ociarchive.formats.format import Format
    from ociarchive.selection.select import Selectors
    from ociarchive.transform.plan import Storage
    from ociarchive.values import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of one conversion. `jobs` is a number of threads; `outer` names the codec of the whole tar."""

    format: Format
    storage: Storage
    selectors: Selectors
    tag: Reference | None = None
    outer: str = "none"
    jobs: int = 1
    audit: bool = True
    sync: bool = True
    merge: bool = False
    force: bool = False
    limits: Limits = field(default_factory=Limits)
