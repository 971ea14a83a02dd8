"""The data root of Docker's classic image store, of a daemon that is not running.

An image is named by its config. There is no manifest: Docker makes one when it pushes or saves. Layers lie unpacked.
Source: moby, image/fs.go, reference/store.go, layer/filestore.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import LimitError
from ociarchive.chains import chain_ids
from ociarchive.errors import ContentError, plural, some
from ociarchive.formats import _stored
from ociarchive.formats._storages import CONTENT, DOCKER, REPOSITORIES, has_images
from ociarchive.graph import GraphReader
from ociarchive.model import Archive, Blob, Root
from ociarchive.stores.folder import DRIVERS, Store, layer_place
from ociarchive.values import Digest, Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.container import Container
    from ociarchive.model import Image
    from ociarchive.stores.folder import Absent
    from ociarchive.stores.rebuilt import Rebuilt

_METADATA: Final = "imagedb/metadata/sha256/"
_LAYERS: Final = "layerdb/sha256/"


def read(container: Container) -> Archive:
    """Return the images by their configs, with the names in repositories.json."""
    store = Store(container)
    graph = GraphReader(lambda _: None, store.where, store.limits)
    roots: list[Root] = []
    for driver in DRIVERS:
        if has_images(container, driver):
            roots.extend(_Driver(store, graph, driver).roots())
    return Archive(format=DOCKER, origin=store, roots=tuple(roots), flaws=graph.flaws, incomplete=graph.incomplete)


@dataclass(slots=True)
class _Driver:
    """The images of one driver."""

    store: Store
    graph: GraphReader
    driver: str

    @property
    def _base(self) -> str:
        return f"image/{self.driver}/"

    def roots(self) -> Iterator[Root]:
        """Give the images in the order of their IDs. One without a name is given unless another is built on it."""
        names = self._names()
        found = {digest: self._config(digest) for digest in self._digests()}
        parents = {self._parent(digest) for digest in found}
        kept = {digest: image for digest, image in found.items() if digest in names or digest not in parents}
        self._require_few(kept.values())
        chains = {digest: chain_ids(image.diff_ids) for digest, image in kept.items()}
        users: dict[str, list[str]] = {}
        for digest, chain in chains.items():
            for one in chain:
                users.setdefault(str(one), []).append(str(next(iter(names.get(digest, ())), digest)))
        shared = _stored.Chains(self.store, self.graph, users)
        for digest, bare in kept.items():
            label = str(next(iter(names.get(digest, ())), digest))
            image = self._image(bare, chains[digest], shared, label)
            told = tuple(names.get(digest, ()))
            pulled = tuple(name.digest for name in told if name.digest is not None)
            yield Root(descriptor=None, node=image, names=told, pulled_as=pulled)
        for digest, spelled in names.items():
            if digest not in found:
                image = self._config(digest)
                self.graph.flaw(
                    "store-name-dangling", f"{some(map(str, spelled))} names an image that is not in the storage",
                    f"{self.store.where}: {image.config.name}", image.config.name,
                )  # fmt: skip
                yield Root(descriptor=None, node=image, names=tuple(spelled))

    def _require_few(self, kept: Iterable[Image]) -> None:
        """Refuse images that have more layers together than a report may list (LimitError)."""
        most = self.store.limits.listed
        if sum(len(image.diff_ids) for image in kept) > most:
            raise LimitError(
                f"the images have more than the {plural(most, 'layer')} allowed", "listed", where=self.store.where
            )

    def _digests(self) -> Iterator[Digest]:
        prefix = self._base + CONTENT
        for name in self.store.files.names(prefix):
            digest = Digest.maybe(f"sha256:{name.removeprefix(prefix)}")
            if digest is not None:
                yield digest

    def _names(self) -> dict[Digest, list[Reference]]:
        """Return the names in repositories.json by image ID."""
        place = self._base + REPOSITORIES
        where = f"{self.store.where}: {place}"
        source = self.store.get(place)
        if source is None:
            return {}
        try:
            members = self.graph.read_document(source, self.store.limits.manifest_size).members
        except ContentError as error:
            self.graph.failed(error, where, place)
            return {}
        named: dict[Digest, list[Reference]] = {}
        repositories = members.get("Repositories")
        for tags in repositories.values() if isinstance(repositories, dict) else ():
            for text, value in tags.items() if isinstance(tags, dict) else ():
                name, digest = Reference.maybe(text), Digest.maybe(value)
                if name is None:
                    what = "a name of an image is none"
                    self.graph.flaw("reference-malformed", what, where, text[:200], "NAME:TAG", repr(text[:80]))
                elif digest is None:
                    what = "a name leads to no digest"
                    self.graph.flaw("schema", what, where, text[:200], "an image ID", repr(str(value)[:80]))
                else:
                    named.setdefault(digest, []).append(name)
        return named

    def _config(self, digest: Digest) -> Image:
        """Return an image without its layers."""
        name = f"{self._base}{CONTENT}{digest.hex}"
        return self.graph.image_of(Blob(descriptor=None, source=self.store.get(name), name=name, named=digest), ())

    def _parent(self, digest: Digest) -> Digest | None:
        return Digest.maybe(self.store.text(f"{self._base}{_METADATA}{digest.hex}/parent"))

    def _image(self, image: Image, chain: list[Digest], chains: _stored.Chains, label: str) -> Image:
        """Return the image with its layers. What is wrong with one of them is a flaw of this image."""
        if image.config.source is None:
            return image
        found: list[Rebuilt | Absent | None] = []
        for number, (one, diff_id) in enumerate(zip(chain, image.diff_ids, strict=True)):
            base = f"{self._base}{_LAYERS}{one.hex}"
            cache_id = self.store.text(f"{base}/cache-id")
            if cache_id is None and self.store.text(f"{base}/diff") is None:
                found.append(None)
                continue
            found.append(chains.layer(str(one), f"{base}/tar-split.json.gz", self.driver, cache_id, diff_id))
            above = str(chain[number - 1]) if number else None
            told = f"layer {number + 1} of {label}"
            self._check(base, above, diff_id, told, layer_place(image.config.source.where, number))
        return chains.image(image, found, label)

    def _check(self, base: str, above: str | None, diff_id: Digest, told: str, where: str) -> None:
        """Note where a layer's own files say that it is another, or lies on another."""
        for name, expected in (("diff", str(diff_id)), ("parent", above)):
            found = self.store.text(f"{base}/{name}")
            if found != expected:
                what = f"{told}: the chain ID after which {base} is named does not come from its {name}"
                self.graph.flaw("store-chain", what, where, str(diff_id), expected or "none", (found or "none")[:80])
