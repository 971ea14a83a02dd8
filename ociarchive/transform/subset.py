"""The selected part of an archive, as a separate archive that the audit's rules can judge."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ociarchive.auditing import judge
from ociarchive.auditing.rules.blobs import Wanting, lacking
from ociarchive.errors import ContentError
from ociarchive.model import Image, parts, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.auditing import Evidence
    from ociarchive.model import Archive, Link, Root
    from ociarchive.values import Digest

#: Rules of flaws that any lookup of a member may find. They count where the selection needs the member.
_OF_STRAYS: Final = frozenset(("member-special", "link-dangling", "link-loop", "link-escapes"))
#: What to do where the image is good and only the archive says too little.
_WAYS_OUT: Final = {
    "v1-platform": "`docker load`, `docker create` and `docker commit` make an image of it that has both",
}


def taken(archive: Archive, roots: tuple[Root, ...]) -> Archive:
    """Return an archive with only some of its roots, or parts of them, without the flaws of other documents."""
    places = _places(archive, roots)
    aside = _places(archive, (*archive.roots, *archive.untagged)) - places
    aside |= {stored.source.where for stored in archive.stored if stored.source and stored.digest in archive.beside}
    held = {part.source.where for edge in walk(roots) for part in parts(edge.node) if part.source}
    linked = {(root.repository, digest) for root in roots if root.repository for digest in _digests(root)}
    return replace(
        archive,
        roots=roots,
        untagged=(),
        flaws=tuple(flaw for flaw in archive.flaws if flaw.where.partition("#")[0] not in aside),
        links=tuple(link for link in archive.links if _needed(link, linked, places)),
        stored=tuple(stored for stored in archive.stored if stored.source and stored.source.where in held),
    )


def refuse_errors(evidence: Evidence) -> None:
    """Raise the first error that a rule finds in the selection. ContentError: there is one."""
    wanting = Wanting(name for one in lacking(evidence) for name in one.names)
    for finding in judge(evidence):
        if finding.severity != "error" or (finding.rule in _OF_STRAYS and not wanting.explained_by(finding.subject)):
            continue
        raise ContentError(
            finding.message, where=finding.location, expected=finding.expected, found=finding.found,
            hint=_WAYS_OUT.get(finding.rule),
        )  # fmt: skip


def _needed(link: Link, linked: set[tuple[str, Digest]], places: set[str]) -> bool:
    """Whether a registry needs a link to serve the selection. A tag's link has the place of its root."""
    return link.where in places if link.digest is None else (link.repository, link.digest) in linked


def _digests(root: Root) -> Iterator[Digest]:
    for edge in walk([root]):
        if edge.descriptor is not None:
            yield edge.descriptor.digest
        yield from (part.descriptor.digest for part in parts(edge.node) if part.descriptor is not None)


def _places(archive: Archive, roots: Sequence[Root]) -> set[str]:
    """Return the places of the documents of some roots. The entry documents of an archive are not among them.

    A config that is absent has the place where it should lie.
    """
    found: set[str] = set()
    for edge in walk(roots):
        if edge.node.source is not None:
            found.add(edge.node.source.where)
        if isinstance(edge.node, Image):
            config = edge.node.config
            found.add(config.source.where if config.source is not None else f"{archive.where}: {config.name}")
    return found
