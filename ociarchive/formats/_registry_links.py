"""The folders of a registry server's storage, and the links in them (distribution, registry/storage/paths.go)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import LimitError
from ociarchive.blobio.source import read_all
from ociarchive.errors import ContentError
from ociarchive.model import Artifact, Image, Index, Link, Missing, named_by, walk
from ociarchive.values import Digest

if TYPE_CHECKING:
    from ociarchive.container import Container
    from ociarchive.model import Root

ROOT: Final = "docker/registry/v2/"
BLOBS: Final = f"{ROOT}blobs/"
REPOSITORIES: Final = f"{ROOT}repositories/"
MANIFESTS: Final = "/_manifests/"
#: Links for each line that a report may have: a tag has one, its manifest another, and so has each blob of it.
FOR_A_LINE: Final = 3
#: A link is a digest and nothing else. The longest registered one is of sha512.
_MAX_LINK: Final = 256


def blob_path(digest: Digest) -> str:
    """Return where a registry keeps a blob."""
    return f"{BLOBS}{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/data"


def path_of(digest: Digest) -> str:
    """Return the part of a link's path that names a digest."""
    return f"{digest.algorithm}/{digest.hex}"


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
            held = f"{source.size} bytes"
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
        base = f"{REPOSITORIES}{root.repository}"
        for edge in walk([root]):
            absent = isinstance(edge.node, Missing) and edge.node.source is None
            opaque = isinstance(edge.node, Artifact) and edge.node.document is None  # may be linked as a blob as well
            if edge.descriptor is not None and not absent and not opaque:
                name = f"{base}{MANIFESTS}revisions/{path_of(edge.descriptor.digest)}/link"
                self._require(name, root.repository, "index" if isinstance(edge.node, Index) else "manifest")
            config = edge.node.config if isinstance(edge.node, Image) else None
            for part in named_by(edge.node):
                if part.descriptor is not None and part.descriptor.data is None and part.source is not None:
                    name = f"{base}/_layers/{path_of(part.descriptor.digest)}/link"
                    what = "blob" if config is None else "config" if part is config else "layer"
                    self._require(name, root.repository, what)

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
            what = f"more than {most} links are missing or hold no digest"
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
