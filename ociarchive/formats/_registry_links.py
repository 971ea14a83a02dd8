"""The folders of a registry server's storage, and the links in them (distribution, registry/storage/paths.go)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.source import read_all
from ociarchive.errors import ContentError, plural
from ociarchive.model import Artifact, Image, Index, Link, Missing, named_by, walk
from ociarchive.values import Digest

if TYPE_CHECKING:
    from ociarchive.container import Container
    from ociarchive.model import Root

ROOT: Final = "docker/registry/v2/"
BLOBS: Final = f"{ROOT}blobs/"
REPOSITORIES: Final = f"{ROOT}repositories/"
MANIFESTS: Final = "/_manifests/"
TAGS: Final = f"{MANIFESTS}tags/"
#: The link of a tag that gives a manifest its name; the others of a tag are its history.
CURRENT: Final = "/current/link"
#: Links for each line that a report may have: a tag has one, its manifest another, and so has each blob of it.
FOR_A_LINE: Final = 3
#: A link is a digest and nothing else. The longest registered one is of sha512.
_MAX_LINK: Final = 256


def blob_path(digest: Digest) -> str:
    """Return where a registry keeps a blob."""
    return f"{BLOBS}{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/data"


def revision_link(repository: str, digest: Digest) -> str:
    """Return where a repository links to a manifest or index."""
    return f"{REPOSITORIES}{repository}{MANIFESTS}revisions/{digest.algorithm}/{digest.hex}/link"


def layer_link(repository: str, digest: Digest) -> str:
    """Return where a repository links to a config, a layer or any other blob."""
    return f"{REPOSITORIES}{repository}/_layers/{digest.algorithm}/{digest.hex}/link"


def tag_links(repository: str, tag: str, digest: Digest) -> dict[str, bytes]:
    """Return the links of a tag to a manifest, by name: the history, then the one that makes it visible."""
    base = f"{REPOSITORIES}{repository}{TAGS}{tag}"
    return dict.fromkeys((f"{base}/index/{digest.algorithm}/{digest.hex}/link", f"{base}{CURRENT}"), link_text(digest))


def link_text(digest: Digest) -> bytes:
    """Return what a link to a digest holds."""
    return str(digest).encode()


class Links:
    """The links of repositories. A registry serves a blob only where the repository has a link to it.

    distribution, registry/storage/linkedblobstore.go: without a link the answer is 404. If the link holds no digest, it
    is 500. `bad` has the links that a registry could not use, each once.
    """

    def __init__(self, container: Container) -> None:
        self._container = container
        self._seen: set[str] = set()
        self._noticed: set[str | None] = set()
        self._flaws = 0
        self._required: set[tuple[str, int]] = set()
        self.bad: dict[str, Link] = {}

    def follow(self, name: str, repository: str, what: str = "manifest") -> Digest | None:
        """Return the digest that a link holds; None, and a bad link, where it holds none.

        LimitError: there are more bad links than a report may list.
        """
        self._seen.add(name)
        source = self._container.get(name)
        if source is None:
            return None  # a link of the file system, which the container reports
        held = ""
        try:
            held = read_all(source, _MAX_LINK).decode("utf-8", "backslashreplace")
            found = Digest.parse(held)
        except ContentError:
            held = plural(source.size, "byte")
        except ValueError:
            held = repr(held[:80]) if held else "an empty file"
        else:
            told = _in_path(name)
            if told is None or told.algorithm != found.algorithm or told == found:
                return found  # an alias of another algorithm holds the usual digest
            held = str(found)
        self._bad(name, repository, what, held=held)
        return None

    def require(self, root: Root) -> None:
        """Look for every link that a registry needs to serve a root, and all that it leads to, from its repository."""
        if root.repository is None or (root.repository, id(root.node)) in self._required:
            return
        self._required.add((root.repository, id(root.node)))
        for edge in walk([root]):
            absent = isinstance(edge.node, Missing) and edge.node.source is None
            opaque = isinstance(edge.node, Artifact) and edge.node.document is None  # may be linked as a blob as well
            if edge.descriptor is not None and not absent and not opaque:
                what = "index" if isinstance(edge.node, Index) else "manifest"
                self._require(revision_link(root.repository, edge.descriptor.digest), root.repository, what)
            config = edge.node.config if isinstance(edge.node, Image) else None
            for part in named_by(edge.node):
                if part.descriptor is not None and part.descriptor.data is None and part.source is not None:
                    what = "blob" if config is None else "config" if part is config else "layer"
                    self._require(layer_link(root.repository, part.descriptor.digest), root.repository, what)

    def _require(self, name: str, repository: str, what: str) -> None:
        if name in self._seen or self.follow(name, repository, what) is not None or name in self.bad:
            return
        if not self._is_noticed(name):
            self._bad(name, repository, what)

    def _is_noticed(self, name: str) -> bool:
        """Whether the container reports a link of the file system in the place of one."""
        flaws = self._container.flaws
        if len(flaws) != self._flaws:  # each look-up may add one
            self._flaws, self._noticed = len(flaws), {flaw.subject for flaw in flaws}
        return name in self._noticed

    def leads_nowhere(self, name: str, repository: str) -> None:
        """Note a link to an absent manifest."""
        self._bad(name, repository, "manifest", leads_nowhere=True)

    def _bad(
        self, name: str, repository: str, what: str, *, held: str | None = None, leads_nowhere: bool = False
    ) -> None:
        most = self._container.limits.listed
        if len(self.bad) >= most:
            what = f"more than {plural(most, 'link is missing or holds', 'links are missing or hold')} no digest"
            raise LimitError(what, "listed", where=self._container.where)
        self.bad[name] = Link(
            what=what,
            where=f"{self._container.where}: {name}",
            repository=repository,
            digest=_in_path(name),
            held=held,
            leads_nowhere=leads_nowhere,
        )


def _in_path(name: str) -> Digest | None:
    """Return the digest in the path of a link. The path of a tag has none."""
    *_, place, algorithm, encoded, _ = name.split("/")
    return Digest.maybe(f"{algorithm}:{encoded}") if place in ("revisions", "_layers") else None
