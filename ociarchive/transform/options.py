"""What a conversion is asked for, and what it can tell while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ociarchive.bytes.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.formats.base import Format
    from ociarchive.transform.plan import Storage
    from ociarchive.transform.select import Selectors
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


class Progress(Protocol):
    """Who hears how a conversion goes. Calls come from several threads."""

    def begin(self, blobs: Sequence[tuple[str, int]]) -> None:
        """Hear of all blobs that will be moved: their names and sizes in bytes."""

    def read(self, number: int, count: int) -> None:
        """Hear that `count` bytes of a blob were read."""

    def end(self, number: int) -> None:
        """Hear that a blob is done."""
