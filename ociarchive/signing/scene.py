"""What the kinds of signatures see of an archive, and what they find there.

A kind is a module with two functions, `find` and `check`. It imports nothing of the audit, and no other kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from ociarchive.blobio.source import counted, read_all
from ociarchive.errors import ContentError
from ociarchive.model import Artifact, Root, walk
from ociarchive.signing.keys import Message
from ociarchive.signing.values import UncheckedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ociarchive.blobio.source import ByteSource
    from ociarchive.documents import Document
    from ociarchive.model import Archive, Blob, Edge
    from ociarchive.signing.keyless.root import TrustedRoot
    from ociarchive.signing.keyless.verify import KeylessTrust
    from ociarchive.signing.keys import Key
    from ociarchive.signing.notary.verify import NotaryTrust
    from ociarchive.signing.openpgp import Keyring
    from ociarchive.signing.values import Kind, Signature
    from ociarchive.values import Digest


#: What a check of certificates, logs and time stamps takes, as the bytes that are read in the same time.
CERTIFIED: Final = 6 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Who may have signed, as a call or a policy names them: each kind of signature asks for its own member."""

    keys: tuple[Key, ...] = ()
    keyrings: tuple[Keyring, ...] = ()
    #: The path of the program that checks signatures by the keys of keyrings.
    gpgv: str = ""
    notary: NotaryTrust | None = None
    keyless: KeylessTrust | None = None
    #: The logs of which one has to have a signature by a key; None where that is not asked.
    logs: TrustedRoot | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """Those who may have signed, in words."""
        certified = (one.named for one in (self.notary, self.keyless) if one is not None)
        return (*map(str, self.keys), *map(str, self.keyrings), *certified)

    def demands(self, repositories: Iterable[str | None]) -> bool:
        """Whether a policy asks for a signature of what has names in these repositories."""
        return self.notary is not None and any(map(self.notary.demands, repositories))

    @property
    def demanding(self) -> bool:
        """Whether a policy of certificates asks for signatures."""
        return self.notary is not None and self.notary.policy is not None

    @property
    def terms(self) -> list[str]:
        """What may change a verdict, the same for the same trust."""
        keys = sorted(key.fingerprint.hex() for key in self.keys)
        certified = (term for one in (self.notary, self.keyless) if one is not None for term in one.terms)
        logs = (self.logs.digest,) if self.logs is not None else ()
        return [*keys, *sorted({one.digest for one in self.keyrings}), *certified, *logs]


class Content(Protocol):
    """What a signature says, as its kind reads it."""

    @property
    def says(self) -> tuple[Digest, ...]:
        """The digests that its payload names."""
        ...


Read = TypeVar("Read", bound=Content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[Read]):
    """A signature that is to be checked.

    `artifact` is the digest of the manifest that holds it, None where no manifest does. `attached` are the digests to
    which it is attached, `first` is the least of them. `content` is what its kind reads, or why that cannot be read:
    an UncheckedError where nothing here can check it.
    """

    kind: Kind
    where: str
    artifact: Digest | None
    attached: frozenset[Digest]
    first: Digest | None
    content: Read | ContentError

    @property
    def named(self) -> tuple[Digest, ...]:
        """The digests that it names, none where that is unknown."""
        return () if isinstance(self.content, ContentError) else self.content.says

    @property
    def about(self) -> Digest | None:
        """The first digest that it names, else the least of those to which it is attached."""
        return next(iter(self.named), self.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """An artifact that may hold signatures, as one entry leads to it."""

    node: Artifact
    digest: Digest | None
    attached: frozenset[Digest]
    first: Digest | None

    def found(self, kind: Kind, blob: Blob, content: Read | ContentError) -> Found[Read]:
        """Return a signature that one of its blobs is."""
        return Found(
            kind=kind,
            where=blob.source.where if blob.source is not None else blob.name,
            artifact=self.digest,
            attached=self.attached,
            first=self.first,
            content=content,
        )


def beside(kind: Kind, blob: Blob, content: Read | ContentError) -> Found[Read]:
    """Return a signature that lies beside the images, in no manifest."""
    attached = frozenset((blob.named,)) if blob.named is not None else frozenset()
    where = blob.source.where if blob.source is not None else blob.name
    return Found(kind=kind, where=where, artifact=None, attached=attached, first=blob.named, content=content)


def begins(blob: Blob, mark: bytes) -> bool:
    """Whether the bytes of a blob begin with a mark."""
    return blob.source is not None and blob.source.head(len(mark)) == mark


class Scene:
    """An archive whose signatures are checked. All that is read of them together stays within its limits.

    `here` has the manifests and indexes whose bytes have their digest. `attached` gives the digests to which an
    artifact is attached, and the least of them.
    """

    def __init__(
        self,
        archive: Archive,
        edges: Sequence[Edge],
        here: Mapping[Digest, Document],
        attached: Callable[[Edge], tuple[frozenset[Digest], Digest | None]],
    ) -> None:
        self.archive, self.edges, self.here = archive, edges, here
        self._attached, self._limits, self._read = attached, archive.limits, 0
        self._most = self._limits.said(archive.origin.stored_size)
        self._first: dict[frozenset[Digest], Digest | None] = {}
        self._messages: dict[Digest, Message] = {}

    def holders(self) -> Iterator[Holder]:
        """Give the artifacts, in the archive's order, each once for all entries that attach it to the same."""
        done: set[tuple[Digest | None, frozenset[Digest]]] = set()
        for edge in self.edges:
            if not isinstance(edge.node, Artifact):
                continue
            attached, first = self._attached(edge)
            digest = edge.descriptor.digest if edge.descriptor is not None else None
            if (digest, attached) not in done:
                done.add((digest, attached))
                yield Holder(node=edge.node, digest=digest, attached=attached, first=first)

    def media_types(self, digest: Digest) -> frozenset[str]:
        """Return the media type of a manifest that is here: its own, else what entries say of it."""
        document = self.here.get(digest)
        own = document.members.get("mediaType") if document is not None else None
        return frozenset((own,)) if isinstance(own, str) else self._described.get(digest, frozenset())

    @cached_property
    def _described(self) -> dict[Digest, frozenset[str]]:
        found: dict[Digest, set[str]] = {}
        for edge in self.edges:
            if edge.descriptor is not None:
                found.setdefault(edge.descriptor.digest, set()).add(edge.descriptor.media_type)
        return {digest: frozenset(kinds) for digest, kinds in found.items()}

    def repositories(self, digest: Digest) -> tuple[str | None, ...]:
        """Return the repositories of the names that a manifest has, or the indexes in which it stands.

        None stands for a manifest without any full name.
        """
        return self._repositories.get(digest, (None,))

    def repositories_of(self, edge: Edge) -> tuple[str | None, ...]:
        """Return the repositories of an image's names, as above; of one without a manifest too."""
        if edge.descriptor is not None:
            return self.repositories(edge.descriptor.digest)
        names = edge.entry.names if isinstance(edge.entry, Root) else ()
        return tuple(sorted({f"{one.host}/{one.path}" for one in names})) or (None,)

    @cached_property
    def _repositories(self) -> dict[Digest, tuple[str | None, ...]]:
        """The repositories of the names that lead to each digest, found once from each name down."""
        found: dict[Digest, set[str]] = {}
        for root in self.archive.roots:
            repositories = {f"{one.host}/{one.path}" for one in root.names}
            for edge in walk([root]) if repositories and root.descriptor is not None else ():
                if edge.descriptor is not None:
                    found.setdefault(edge.descriptor.digest, set()).update(repositories)
        return {digest: tuple(sorted(names)) for digest, names in found.items()}

    def first_here(self, digests: frozenset[Digest]) -> Digest | None:
        """Return the least of some digests that a manifest or index of the archive has. Many signatures share them."""
        if digests not in self._first:
            self._first[digests] = min(filter(self.here.__contains__, digests), default=None)
        return self._first[digests]

    def message(self, digest: Digest) -> Message:
        """Return a manifest that is here, as what a signature is over.

        It counts as what is read of the signature: it is hashed for each. UncheckedError: that is more than may be.
        """
        raw = self.here[digest].raw
        self.spend(len(raw))
        return self._messages.setdefault(digest, Message(raw))

    def spend(self, size: int) -> None:
        """Count work on a signature, as the bytes that are read in the same time.

        UncheckedError: all signatures together take more than what may be read of them.
        """
        self._read += size
        if self._read > self._most:
            what = "checking the signatures takes longer than reading all that may be (--limit statements=N)"
            raise UncheckedError(what)

    def payload(self, source: ByteSource | None) -> bytes:
        """Return the bytes of a signature. UncheckedError: they are absent, or more than may be read."""
        if source is None:
            raise UncheckedError("its payload is not in the archive")
        most = min(self._limits.signed_size, max(self._most - self._read, 0))
        size = counted(source, most)
        self._read += min(size, most)
        if size > most:
            what = "it is larger than what is read of signatures (--limit signed-size=N, statements=N)"
            raise UncheckedError(what, where=source.where)
        return read_all(source, most)


class SignatureKind(Protocol):
    """A module that knows one kind of signature, or some of one family."""

    def find(self, scene: Scene) -> Iterator[Found[Any]]:
        """Give the signatures of this kind, read but not checked. Nothing that an archive holds makes it raise."""
        ...

    def check(self, found: Found[Any], content: Any, trust: Trust, scene: Scene) -> Iterator[Signature]:  # noqa: ANN401  what its own `find` read
        """Give the verdicts of a signature that could be read: more than one where it is over several images."""
        ...
