"""The inventory of some archives, one open at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ociarchive.auditing import Finding, judge
from ociarchive.auditing.audit import examine
from ociarchive.auditing.evidence import sniffed
from ociarchive.auditing.factstore import Remembered
from ociarchive.gap.inventory import inventory
from ociarchive.opening import open_archive
from ociarchive.selection.select import Selectors, nothing_in, select
from ociarchive.selection.untagged import reachable
from ociarchive.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.auditing.evidence import Evidence
    from ociarchive.auditing.factstore import FactStore
    from ociarchive.blobio.limits import Limits
    from ociarchive.gap.inventory import InventoryFacts
    from ociarchive.measure import Progress
    from ociarchive.remote.address import Access
    from ociarchive.selection.argument import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What some archives have, in the form of the JSON file. `findings` are errors, whose content is not listed."""

    facts: InventoryFacts
    findings: tuple[Finding, ...] = ()


def inventory_of(
    sources: Sequence[Source],
    limits: Limits,
    *,
    verify: bool,
    jobs: int = 1,
    progress: Progress | None = None,
    host: str | None = None,
    access: Access | None = None,
) -> Inventory:
    """Return the inventory of some sources. With `verify` every blob is read, and only what was proved is listed.

    `jobs` is a number of threads. `host` is the one that names in a registry's folder had. `access` says how registries
    are spoken to. UsageError: no such file, or a selector takes nothing. ContentError: no archive, or one of which no
    image can be read. HostError: the machine cannot read it.
    """
    found: list[Finding] = []
    workers = Workers(jobs)
    known: FactStore = Remembered()

    def each() -> Iterator[Evidence]:
        for source in sources:
            with open_archive(source.path, limits=limits, host=host, access=access) as opened:
                chosen = archive = reachable(opened, source.images)
                if archive.incomplete and not archive.roots:
                    raise nothing_in(archive)
                if source.images:
                    selection = select(archive.roots, Selectors(images=source.images), archive.where)
                    chosen = replace(archive, roots=selection.roots)
                if not verify:
                    yield sniffed(chosen)
                    continue
                (evidence,) = examine([chosen], limits=limits, workers=workers, progress=progress, known=known)
                found.extend(one for one in judge(evidence) if one.severity == "error")
                yield evidence

    try:
        facts = inventory(each(), proved=verify)
    finally:
        workers.close()
    return Inventory(facts=facts, findings=tuple(found))
