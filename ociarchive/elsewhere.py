"""Absent on purpose: what a delta leaves out because the other side has it. What was lost is `model.Missing`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ociarchive.values import Descriptor, Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A blob that the archive leaves out. `descriptor` claims what it is, `diff_id` what it unpacks to.

    `why` is the reason, in words that follow "it". `by_chain`: the other side has its content in place, and perhaps
    another blob of it.
    """

    descriptor: Descriptor
    diff_id: Digest | None
    why: str
    by_chain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """The list of what an archive leaves out, by digest. `where` is the list's place in messages."""

    where: str
    left_out: Mapping[Digest, Elsewhere] = field(default_factory=dict)
