"""Sinks that work with digests. The caller says what a blob is, and the sink knows where it goes.

It is like oras-go's content.Storage (exists, push), with one addition: the digest of a blob may be known only after
its last byte was written. For folders and tars a format's layout turns digests into paths. A registry needs no paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from ociarchive.blobio.files import Files
    from ociarchive.blobio.files import Slot as FileSlot
    from ociarchive.formats.format import Content, Layout
    from ociarchive.values import Descriptor

#: Replaces a digest that is not known yet. All sha256 digests have one length, and so have the names made of them.
_SOME_DIGEST: Final = Digest("sha256", "0" * 64)


class Slot(Protocol):
    """A place for one blob. HostError: it cannot be written. Aborted: another slot was abandoned."""

    def write(self, data: bytes) -> None:
        """Add bytes."""
        ...

    def commit(self, digest: Digest) -> None:
        """Say what the blob is. A second blob of the same digest, which has the same bytes, is dropped."""
        ...

    def discard(self) -> None:
        """Drop the blob: it is left out. The archive is completed without it."""
        ...

    def abandon(self) -> None:
        """Close what is open. The archive will not be completed."""
        ...


class Sink(Protocol):
    """Where the content of a conversion goes: blobs in parallel, then documents. At the end all becomes visible."""

    def exists(self, descriptor: Descriptor) -> bool:
        """Whether a blob is already there and need not be written. It proves nothing about its bytes."""
        ...

    def blob(self, order: int, digest: Digest | None) -> Slot:
        """Return a slot for a blob. `digest` is the one it will have, None where that is not known yet.

        Each slot is committed or discarded, or the sink is aborted. The result depends on `order`, which counts from
        0, and not on which slot is written first.
        """
        ...

    def document(self, descriptor: Descriptor, raw: bytes, *, root: bool) -> None:
        """Store a manifest or index, after all blobs. `root`: the archive itself names it."""
        ...

    def complete(self, content: Content) -> None:
        """Store what else belongs to `content`. Then all of it can be read, but it has no final name yet."""
        ...

    def commit(self) -> None:
        """Make it visible under its name. HostError: that is not possible, and DEST is unchanged."""
        ...

    def abort(self) -> None:
        """Make slots that are still in use raise Aborted. The archive will not be completed."""

    def close(self) -> None:
        """Close what is open, whatever happened to the archive."""


class LayoutSink:
    """A folder or tar that keeps blobs where a format's layout puts them. `publish` gives DEST its name."""

    def __init__(self, files: Files, layout: Layout, publish: Callable[[], None]) -> None:
        self._files, self._layout, self._publish = files, layout, publish

    def exists(self, descriptor: Descriptor) -> bool:
        """DEST is new: nothing is there."""
        del descriptor
        return False

    def blob(self, order: int, digest: Digest | None) -> Slot:
        """Return a slot. If the digest is unknown, space is kept for a name of the same length."""
        path = self._layout.blob_path
        return _BlobSlot(self._files.slot(order, path(digest or _SOME_DIGEST)), path)

    def document(self, descriptor: Descriptor, raw: bytes, *, root: bool) -> None:
        """Store a manifest or index."""
        self._files.put(self._layout.document_path(descriptor.digest, root=root), raw)

    def complete(self, content: Content) -> None:
        """Write the layout's own documents, the entry document last, and complete the folder or tar."""
        for name, raw in self._layout.metadata(content):
            self._files.put(name, raw)
        self._files.finish()

    def commit(self) -> None:
        """Give DEST its name."""
        self._publish()

    def abort(self) -> None:
        """End the work of all slots."""
        self._files.abort()

    def close(self) -> None:
        """Close what is open."""
        self._files.close()


class _BlobSlot:
    """A file's slot whose name follows from a digest."""

    def __init__(self, slot: FileSlot, path: Callable[[Digest], str]) -> None:
        self._slot, self._path = slot, path
        self.write = slot.write
        self.discard = slot.discard
        self.abandon = slot.abandon

    def commit(self, digest: Digest) -> None:
        self._slot.commit(self._path(digest))
