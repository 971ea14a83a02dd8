"""What a statement about an archive is about: its own digest, and each name and manifest in it.

A folder has no file whose digest could be compared, so its names and manifests stand for it too: who holds it against
the statement finds an image that was renamed or added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.signing.statement import Subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.auditing.holding import Holding
    from ociarchive.auditing.identity import Identity
    from ociarchive.blobio.partlist import Part


def subjects(
    label: str, identity: Identity | None, holds: Holding | None, parts: Sequence[Part] = (), *, within: str = ""
) -> Iterator[Subject]:
    """Give the archive itself, called `label`, its parts, and names and manifests, these with `within` in front."""
    if identity is not None:
        yield Subject(label, identity.algorithm, identity.value)
    for part in parts:
        yield Subject(part.name, "sha256", part.sha256)
    if holds is None:
        return
    named = set()
    for name, digests in holds.names.items():
        for digest in digests:
            named.add(digest)
            yield _of(f"{within}{name}", digest)
    others = (*(entry.digest for entry in holds.entries), *holds.indexes, *holds.manifests)
    for digest in dict.fromkeys(others):
        if digest not in named:
            yield _of(f"{within}{digest}", digest)


def _of(name: str, digest: str) -> Subject:
    algorithm, _, value = digest.partition(":")
    return Subject(name, algorithm, value)
