"""What refers to an image in a registry: by the Referrers API, the referrers tag schema, and cosign's tags.

Sources: distribution-spec, Listing Referrers and Referrers Tag Schema; cosign, specs/SIGNATURE_SPEC.md.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from ociarchive.model import Artifact, Index, Missing, Root, refers_to, walk
from ociarchive.values import COSIGN_SUFFIXES, tagged_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ociarchive.graph import GraphReader
    from ociarchive.opening.pulling import Documents
    from ociarchive.remote.client import Client, Fetched
    from ociarchive.values import Descriptor, Digest
    from ociarchive.workers import Workers

T = TypeVar("T")

#: distribution-spec: a tag has 128 characters at most.
_LONGEST: Final = 128
#: What refers to what refers to an image, and so on: a signature of an SBOM is the second, nothing known goes further.
_DEPTH: Final = 4


class Referring:
    """Looks for companions of an image, and for companions of those."""

    def __init__(
        self,
        client: Client,
        documents: Documents,
        graph: GraphReader,
        workers: Workers,
        tags: Iterable[str] | None,
    ) -> None:
        """`tags` are those of the repository, None where nobody knows them all."""
        self._client, self._documents, self._graph, self._workers = client, documents, graph, workers
        self._asked: set[Digest] = set()
        self._known: set[Digest] = set()
        self._tags = frozenset(tags) if tags is not None else None
        #: What the registry lists and does not have.
        self.absent: dict[Digest, None] = {}

    def of(self, root: Root) -> Iterator[Root]:
        """Give the roots that refer to an image or to anything below it. Their order is not the server's."""
        waiting = [root]
        for _ in range(_DEPTH):
            subjects = list(dict.fromkeys(self._subjects(waiting)))
            if not subjects:
                return
            waiting = self._companions(subjects)
            yield from waiting

    def _subjects(self, roots: Iterable[Root]) -> Iterator[Digest]:
        """Give the manifests that something may refer to. Nothing refers to BuildKit's attestations."""
        for edge in walk(roots):
            if edge.descriptor is None or isinstance(edge.node, Missing):
                continue
            self._known.add(edge.descriptor.digest)
            opaque = isinstance(edge.node, Artifact) and edge.node.document is None
            if not opaque and refers_to(edge.descriptor) is None and edge.descriptor.digest not in self._asked:
                self._asked.add(edge.descriptor.digest)
                yield edge.descriptor.digest

    def _companions(self, subjects: list[Digest]) -> list[Root]:
        by_tag = [(tag, digest) for digest in subjects for tag in self._tags_of(digest)]
        listed = self._listed(subjects)
        tagged = self._together(partial(self._client.manifest, tag) for tag, _ in by_tag)
        named: dict[str, Fetched] = {}
        for (tag, digest), fetched in zip(by_tag, tagged, strict=True):
            if fetched is not None and fetched.digest != digest and fetched.digest not in self._asked:
                named[tag] = fetched
        for fetched in named.values():
            self._documents.take(fetched)
        self._documents.fetch([*listed, *(fetched.digest for fetched in named.values())])
        found = [self._root(fetched.digest, tag) for tag, fetched in sorted(named.items())]
        known = {edge.descriptor.digest for edge in walk(filter(None, found)) if edge.descriptor is not None}
        known |= self._known
        for digest in sorted(listed):
            if self._documents.lacks(digest):
                self.absent[digest] = None
            elif digest not in known and self._documents.has(digest):  # where not, there are too many
                found.append(self._root(digest, None))
        return [root for root in found if root is not None]

    def _listed(self, subjects: list[Digest]) -> dict[Digest, None]:
        """Return what the Referrers API lists. The first question shows whether there is one."""
        first, *rest = subjects
        answer = self._client.listed_referrers(first)
        if answer is None:
            return {}
        more = self._together(partial(self._client.listed_referrers, digest) for digest in rest)
        return {one.digest: None for listed in (answer, *more) for one in listed or ()}

    def _tags_of(self, digest: Digest) -> Iterator[str]:
        """Give the tags under which something may refer to a manifest, those alone that the registry lists."""
        base = f"{digest.algorithm}-{digest.hex}"
        for tag in (base, *(f"{base}{suffix}" for suffix in COSIGN_SUFFIXES)):
            if len(tag) <= _LONGEST and (self._tags is None or tag in self._tags):
                yield tag

    def _root(self, digest: Digest, tag: str | None) -> Root | None:
        descriptor: Descriptor = self._documents.described(digest)
        node = self._graph.node(descriptor)
        if isinstance(node, Missing) and node.source is None:
            return None
        if tag is None:
            return Root(descriptor=descriptor, node=node)
        if tagged_digest(tag) is not None and "." not in tag and not isinstance(node, Index):
            return None  # some servers answer such a tag with anything; only an index lists referrers
        return Root(descriptor=descriptor, node=node, names=(self._client.address.tagged(tag),))

    def _together(self, calls: Iterable[Callable[[], T]]) -> list[T]:
        ready = list(calls)
        return self._workers.run(ready, self._client.abort) if ready else []
