"""Sinks that speak digests: whoever moves blobs says what a blob is, and the sink knows where that goes.

As oras-go's content.Storage has it (exists, push), with one addition: a blob's digest may be known only when its last
byte was written. Folders and tars turn digests into paths by a format's layout; a registry needs no paths.
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

#: Stands in for a digest that is not known yet: all of sha256 are of one length, and so is the room for their names.
_SOME_DIGEST: Final = Digest("sha256", "0" * 64)


class Slot(Protocol):
    """A place for one blob. HostError: it cannot be written. Aborted: another slot was abandoned."""

    def write(self, data: bytes) -> None:
        """Add bytes."""
        ...

    def commit(self, digest: Digest) -> None:
        """Say what the blob is; a second blob of a digest, which holds the same bytes, is dropped."""
        ...

    def abandon(self) -> None:
        """Let go of what is open; the archive will not be completed."""
        ...


class Sink(Protocol):
    """Where the content of a conversion goes: blobs side by side, then documents, then all of it becomes visible."""

    def exists(self, descriptor: Descriptor) -> bool:
        """Whether a blob is there already and need not be written; no proof of its bytes."""
        ...

    def blob(self, order: int, digest: Digest | None) -> Slot:
        """Return a slot for a blob; `digest` is what it will be, None where that is not known yet.

        Slots are committed or the sink is aborted. The result depends on `order`, from 0 on, and not on which slot is
        written first.
        """
        ...

    def document(self, descriptor: Descriptor, raw: bytes, *, root: bool) -> None:
        """Store a manifest or index, after all blobs; `root` for one that the archive itself names."""
        ...

    def complete(self, content: Content) -> None:
        """Store what else belongs to `content`; all of it can be read afterwards, under no final name yet."""
        ...

    def commit(self) -> None:
        """Make it visible under its name. HostError: that cannot be done; DEST is as it was."""
        ...

    def abort(self) -> None:
        """Let slots that are still written to raise Aborted: the archive will not be completed."""

    def close(self) -> None:
        """Let go of what is open, whatever became of the archive."""


class LayoutSink:
    """A folder or tar that keeps blobs where a format's layout has them. `publish` gives DEST its name."""

    def __init__(self, files: Files, layout: Layout, publish: Callable[[], None]) -> None:
        self._files, self._layout, self._publish = files, layout, publish

    def exists(self, descriptor: Descriptor) -> bool:
        """DEST is new: nothing is there."""
        del descriptor
        return False

    def blob(self, order: int, digest: Digest | None) -> Slot:
        """Return a slot; what is not known yet gets room for a name of the same length."""
        path = self._layout.blob_path
        return _BlobSlot(self._files.slot(order, path(digest or _SOME_DIGEST)), path)

    def document(self, descriptor: Descriptor, raw: bytes, *, root: bool) -> None:
        """Store a manifest or index."""
        self._files.put(self._layout.document_path(descriptor.digest, root=root), raw)

    def complete(self, content: Content) -> None:
        """Write the layout's own documents, the entry document last, and end the folder or tar."""
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
        """Let go of what is open."""
        self._files.close()


class _BlobSlot:
    """A file's slot whose name follows from a digest."""

    def __init__(self, slot: FileSlot, path: Callable[[Digest], str]) -> None:
        self._slot, self._path = slot, path
        self.write = slot.write
        self.abandon = slot.abandon

    def commit(self, digest: Digest) -> None:
        self._slot.commit(self._path(digest))
