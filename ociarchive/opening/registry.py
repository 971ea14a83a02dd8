"""An image in a registry as an archive: `docker://HOST[:PORT]/NAME[:TAG|@DIGEST]`. Documents are fetched, no layer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.source import Bytes
from ociarchive.errors import UsageError, plural, some
from ociarchive.extent import require_listable
from ociarchive.flaws import Flaws
from ociarchive.formats.registry import REGISTRY
from ociarchive.graph import GraphReader
from ociarchive.mediatypes import kind_of
from ociarchive.model import Archive, Blob, Image, Index, Root, images, parts, walk
from ociarchive.opening.pulling import Documents, Near
from ociarchive.opening.referring import Referring
from ociarchive.origin import Closing
from ociarchive.remote import signatures
from ociarchive.remote.address import parse
from ociarchive.remote.client import Client
from ociarchive.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ociarchive.blobio.limits import Limits
    from ociarchive.remote.address import Access
    from ociarchive.values import Digest

#: Documents that are fetched side by side: enough that a distant registry's answers do not come one after another.
_TOGETHER: Final = 6


class RegistryOrigin(Closing):
    """The registry that an archive is read from. `damaged`: nothing is lost in it unnoticed."""

    kind: Literal["registry"] = "registry"
    damaged = False

    def __init__(self, client: Client, where: str, limits: Limits) -> None:
        self.client, self.where, self.limits = client, where, limits
        self.flaws = Flaws()
        self.notices: list[str] = []
        self.stored_size = 0

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def read(
    source: str,
    *,
    access: Access,
    limits: Limits,
    near: Near,
    say: Callable[[str], None],
) -> Archive:
    """Return the archive of an image in a registry: one root, and what refers to it. No layer is read.

    `near` is what need not be fetched. `say` hears the steps.

    UsageError: no such image, or access is refused. BlobError: the registry sends other bytes than a digest says.
    ContentError: what it sends is too large. HostError: it does not answer.
    """
    address = parse(source)
    client = Client(address, access, limits=limits, jobs=_TOGETHER)
    workers = Workers(_TOGETHER)
    try:
        return _Pull(client, source, limits, workers, near, say).archive()
    except BaseException:
        client.close()
        raise
    finally:
        workers.close()


class _Pull:
    """The steps from an address to an archive."""

    def __init__(
        self,
        client: Client,
        source: str,
        limits: Limits,
        workers: Workers,
        near: Near,
        say: Callable[[str], None],
    ) -> None:
        self._client, self._workers, self._say = client, workers, say
        self._documents = Documents(client, source, limits, workers, near)
        self._origin = RegistryOrigin(client, source, limits)
        self._graph = GraphReader(self._documents.find, source, limits)

    def archive(self) -> Archive:
        """Fetch the documents and make the graph."""
        root = self._root()
        companions: tuple[Root, ...] = ()
        beside: tuple[Blob, ...] = ()
        if not self._origin.notices:
            tags, keeps = self._asked()
            referring = Referring(self._client, self._documents, self._graph, self._workers, tags)
            companions = tuple(referring.of(root))
            if referring.absent:
                listed = some(map(str, referring.absent))
                self._origin.notices.append(f"the registry lists referrers that it does not have: {listed}")
            beside = tuple(self._signatures(root)) if keeps else ()
        self._origin.stored_size = self._documents.size
        require_listable((root, *companions), self._origin.limits, self._origin.where)
        self._tell((root, *companions))
        return Archive(
            format=REGISTRY.name,
            origin=self._origin,
            roots=(root, *companions),
            flaws=self._graph.flaws,
            incomplete=self._graph.incomplete,
            extras=beside,
        )

    def _asked(self) -> tuple[tuple[str, ...] | None, bool]:
        """Return the repository's tags, and whether the registry keeps signatures. Both are asked at once."""
        tags: list[tuple[str, ...] | None] = []
        keeps: list[bool] = []
        calls = (lambda: tags.append(self._client.tags()), lambda: keeps.append(signatures.kept(self._client)))
        self._workers.run(calls, self._client.abort)
        return tags[0], keeps[0]

    def _signatures(self, root: Root) -> Iterator[Blob]:
        """Give the signatures that the registry keeps of an image, and of each one in an index."""
        digests = dict.fromkeys(
            edge.descriptor.digest
            for edge in walk((root,))
            if edge.descriptor is not None and isinstance(edge.node, Image | Index)
        )
        calls = [partial(signatures.of, self._client, digest) for digest in digests]
        kept = self._workers.run(calls, self._client.abort)
        most = self._origin.limits.listed
        if sum(map(len, kept)) > most:
            what = f"the registry keeps more than the {plural(most, 'signature')} allowed"
            raise LimitError(what, "listed", where=self._origin.where)
        for digest, found in zip(digests, kept, strict=True):
            for number, raw in enumerate(found, 1):
                name = f"{digest.hex}.signature-{number}"
                where = f"{self._origin.where}: {name}"
                yield Blob(descriptor=None, source=Bytes(raw, where), name=name, named=digest)

    def _root(self) -> Root:
        address = self._client.address
        fetched = self._client.manifest(address.digest or address.reference)
        if fetched is None:
            raise self._nothing()
        media_type = fetched.media_type or "no media type"
        self._say(f"pull 1/7: manifest {address.reference}: {plural(len(fetched.raw), 'byte')}, {media_type}")
        self._say(f"pull 2/7: its digest is proved: {fetched.digest}")
        descriptor = self._documents.take(fetched)
        if kind_of(fetched.media_type) not in (None, kind_of(descriptor.media_type)):
            self._graph.flaw(
                "media-type-conflict", "document and registry disagree on the media type", self._origin.where,
                fetched.digest, descriptor.media_type, fetched.media_type[:200],
            )  # fmt: skip
        names = (address.name,) if address.name is not None else ()
        there = self._documents.same_image(fetched.digest)
        if there is not None:
            self._origin.notices.append(
                f"the image of {fetched.digest} is at DEST already, with the manifest {there.digest}: it gets the name,"
                " and nothing more is fetched (--preserve-digests fetches this manifest)"
            )
            descriptor = there
        self._documents.fetch([descriptor.digest])
        return Root(descriptor=descriptor, node=self._graph.node(descriptor), names=names)

    def _nothing(self) -> UsageError:
        address = self._client.address
        tags = self._client.tags()
        hint = f"there is {some(tags)}" if tags else None
        return UsageError(f"the registry has no image {address.reference}", where=self._origin.where, hint=hint)

    def _tell(self, roots: tuple[Root, ...]) -> None:
        """Say what DEST has, and what is to be fetched."""
        documents: dict[Digest, int] = {}
        configs: dict[Digest, int] = {}
        blobs: dict[Digest, int] = {}
        for edge in walk(roots):
            if edge.descriptor is not None:
                documents[edge.descriptor.digest] = edge.descriptor.size
            for part in parts(edge.node):
                if part.descriptor is not None:
                    config = isinstance(edge.node, Image) and part is edge.node.config
                    (configs if config else blobs)[part.descriptor.digest] = part.descriptor.size
        there = self._documents.reused
        lacking = {digest: size for digest, size in blobs.items() if digest not in there}
        if not lacking and set(configs) <= set(there):
            self._say("pull 3/7: the image is at DEST already: nothing more is fetched")
        else:
            self._say(f"pull 3/7: {_counted(there)} of it are at DEST already")
        self._say(f"pull 4/7: configs: {_counted(configs)}, manifests and indexes: {_counted(documents)}")
        self._say(f"pull 5/7: layers and other blobs: {_counted(blobs)}, of which DEST lacks {_counted(lacking)}")


def notices_of(archive: Archive) -> Sequence[str]:
    """Return, in words, what is to be known of an archive in a registry. Of others there is nothing."""
    return archive.origin.notices if isinstance(archive.origin, RegistryOrigin) else ()


def tell_fetched(archive: Archive, say: Callable[[str], None]) -> None:
    """Say what was fetched of an archive in a registry, once all of it is proved. Of others there is nothing to say."""
    origin = archive.origin
    if not isinstance(origin, RegistryOrigin):
        return
    say(f"pull 6/7: fetched {_bytes(origin.client.counts['blobs'])} of blobs and documents by digest")
    layers = {layer.name for image in images(archive.roots) for layer in image.layers if layer.unpacks}
    say(f"pull 7/7: unpacked and proved against its diff_id: {_each(len(layers))}")


def _counted(sizes: dict[Digest, int]) -> str:
    return f"{len(sizes)} ({_bytes(sum(sizes.values()))})"


def _bytes(count: int) -> str:
    return plural(count, "byte", grouped=True)


def _each(layers: int) -> str:
    return f"{'each of ' * (layers > 1)}{plural(layers, 'layer')}"
