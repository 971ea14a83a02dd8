"""What comes before a document: what an index lists, what a referrer speaks of. Pure.

Referrers may speak of referrers, in chains as long as an archive has documents. So none is followed by recursion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ociarchive.model import REFERENCE_DIGEST, Index, Missing
from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ociarchive.model import Child, Root

    Entry: TypeAlias = Root | Child


def named(entry: Entry, known: Mapping[Digest, Entry]) -> Iterator[Entry]:
    """Give what the document of an entry names by digest: what is in an index, its subject, what is attested in it.

    `known` are entries by the digests of their documents. What is not among them is not given, but for an index's own.
    """
    if isinstance(entry.node, Missing):
        return
    children = entry.node.children if isinstance(entry.node, Index) else ()
    yield from (child for child in children if not isinstance(child.node, Missing))
    subject = entry.node.subject
    if subject is not None and subject.digest in known:
        yield known[subject.digest]
    for child in children:
        attested = Digest.maybe(child.descriptor.annotations.get(REFERENCE_DIGEST))
        if attested is not None and attested in known:
            yield known[attested]


def behind(entries: Sequence[Entry], first: Callable[[Entry], Iterable[Entry]]) -> Iterator[Entry]:
    """Give entries, and what `first` gives of each in front of it, in order; each node once, in circles too."""
    seen: set[int] = set()
    pending = [(entry, False) for entry in reversed(entries)]
    while pending:
        entry, ready = pending.pop()
        if ready:
            yield entry
        elif id(entry.node) not in seen:
            seen.add(id(entry.node))
            pending.append((entry, True))
            pending.extend((one, False) for one in reversed([*first(entry)]))
