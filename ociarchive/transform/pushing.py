"""A registry as DEST: blobs first, each only where it is not there; then manifests, what refers to them, and tags.

Until its tag is there an image is not visible, so a push that was interrupted leaves no tag.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ociarchive import documents, referrers
from ociarchive.blobio.locks import nobody
from ociarchive.blobio.randomfile import OpenFile
from ociarchive.blobio.source import CHUNK, close_read
from ociarchive.blobio.spool import nameless, place_of, write_all
from ociarchive.errors import ContentError, HostError, UsageError, plural, some
from ociarchive.mediatypes import Kind, kind_of
from ociarchive.model import Image, Index, Missing, walk
from ociarchive.remote import push
from ociarchive.remote.address import is_remote, parse
from ociarchive.remote.client import Client
from ociarchive.remote.upload import Session, Upload, mount
from ociarchive.transform.precedence import behind, named
from ociarchive.values import Descriptor, Digest, tagged_digest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ociarchive.blobio.locks import Hear
    from ociarchive.formats.format import Content
    from ociarchive.model import Child, Root
    from ociarchive.remote.address import Address
    from ociarchive.selection.argument import Source
    from ociarchive.transform.options import Options
    from ociarchive.transform.sink import Slot
    from ociarchive.values import JSON

_SPARSE = "the index names manifests that are not in the archive; --platform takes those that are"
_OTHER_TYPES = "older registries take Docker's media types alone: --media-types docker"


def client_for(dest: str, options: Options) -> Client:
    """Return a client that may push to DEST. Nothing is sent yet."""
    return Client(parse(dest), options.access, limits=options.limits, jobs=options.jobs, push=True)


def require_free(client: Client, roots: Sequence[Root], unknown: Collection[Digest], *, force: bool) -> bool:
    """Refuse to replace a tag of DEST, unless it leads to the same already. `roots` are those of DEST, as foreseen.

    `unknown` has digests that only layers reveal. Then what the tag leads to must have the image ID at least. Returns
    whether one has it: then layers that are made anew may be there, too.

    UsageError: which tag exists, and what it leads to.
    """
    address, remade = client.address, False
    for root in roots:
        digest = root.descriptor.digest if root.descriptor else None
        known = digest is not None and digest not in unknown
        if address.digest is not None and known and not root.speaks_of_another:
            require_named(address, root)
        for tag in _tags(root):
            if force or _lists_referrers(root, tag):
                continue
            there = client.head(tag)
            if there is None or (known and there.digest == digest):
                continue
            if known or not _may_become(client, tag, root):
                raise _exists(client, tag, there)
            remade = True
    return remade


def require_named(address: Address, root: Root) -> None:
    """Refuse an image whose digest is another one than that in the address of DEST (UsageError)."""
    if root.descriptor is not None and address.digest not in (None, root.descriptor.digest):
        raise UsageError(
            "DEST is named by a digest, and the image has another one", where=str(address),
            expected=str(address.digest), found=str(root.descriptor.digest),
        )  # fmt: skip


class RegistrySink:
    """A repository of a registry. What is sent stays there if the push fails, and no tag leads to it.

    `notices` has, in words, what a person should know of the push.
    """

    def __init__(self, client: Client, mounts: Sequence[str], *, force: bool, step: Hear = nobody) -> None:
        """`mounts` are the repositories of the same registry that sources are in. `step` hears what was done."""
        self._client, self._mounts, self._force, self._step = client, mounts, force, step
        self._lock = threading.Lock()
        self._given_up = threading.Event()
        self._sessions: dict[Digest, Session] = {}
        self._uploads: list[Upload] = []
        self._there: dict[str, dict[Digest, int]] = {"there already": {}, "mounted": {}}
        self._roots: tuple[Root, ...] = ()
        self.notices: list[str] = []
        #: Whether the repository may have layers whose digests are known only when they are compressed.
        self.remade = False

    def exists(self, descriptor: Descriptor) -> bool:
        """Whether the repository has a blob, or gets it from another one. Errors are those of the client."""
        if self._client.has_blob(descriptor.digest):
            return self._found("there already", descriptor)
        for repository in self._mounts:
            found = mount(self._client, descriptor.digest, repository)
            if found is True:
                return self._found("mounted", descriptor)
            if isinstance(found, Session):
                with self._lock:
                    before = self._sessions.pop(descriptor.digest, None)
                    self._sessions[descriptor.digest] = found
                if before is not None:
                    Upload(self._client, descriptor.digest, before).abandon()
        return False

    def _found(self, how: str, descriptor: Descriptor) -> bool:
        with self._lock:
            self._there[how][descriptor.digest] = descriptor.size
        return True

    def blob(self, order: int, digest: Digest | None) -> Slot:
        """Return a slot. A registry has no order."""
        del order
        return _Waiting(self) if digest is None and self.remade else self.upload(digest)

    def upload(self, digest: Digest | None) -> Upload:
        """Return a slot that is sent while it is written."""
        with self._lock:
            session = self._sessions.pop(digest, None) if digest is not None else None
            upload = Upload(self._client, digest, session, self._given_up.is_set)
            self._uploads.append(upload)
        return upload

    def document(self, descriptor: Descriptor, raw: bytes, *, root: bool) -> None:
        """Do nothing yet: a registry takes manifests in an order of its own, which `complete` knows."""

    def complete(self, content: Content) -> None:
        """Store manifests before the indexes that name them, and at last what refers to them. There is no tag yet."""
        address = self._client.address
        self._roots = content.roots
        require_free(self._client, content.roots, (), force=self._force)
        for how, found in self._there.items():
            self._step(f"blobs {how}: {len(found)} ({plural(sum(found.values()), 'byte')})")
        done = [upload.sent for upload in self._uploads if upload.sent is not None]
        self._step(f"blobs sent: {len(done)} ({plural(sum(done), 'byte')})")
        for root in content.roots:
            if not root.speaks_of_another:
                require_named(address, root)
        stored: set[Digest] = set()
        unlisted: dict[Digest, dict[Digest, JSON]] = {}
        for entry in _in_order(content.roots):
            descriptor, node = entry.descriptor, entry.node
            if descriptor is None or isinstance(node, Missing) or node.document is None or descriptor.digest in stored:
                continue
            stored.add(descriptor.digest)
            hint = _SPARSE if _is_sparse(entry) else _OTHER_TYPES if "vnd.oci" in descriptor.media_type else None
            listed = push.put_manifest(
                self._client, str(descriptor.digest), descriptor.media_type, node.document.raw, hint
            )
            if node.subject is not None and not listed:
                made = referrers.entry(descriptor, node.document)
                unlisted.setdefault(node.subject.digest, {})[descriptor.digest] = made
        self._step(f"manifests and indexes sent: {len(stored)}")
        for subject, entries in unlisted.items():
            self._step(f"the registry lists no referrers, so {referrers.tag_of(subject)} does: {len(entries)}")
            self._notice(push.add_referrers(self._client, subject, [*entries.values()]))

    def commit(self) -> None:
        """Store the tags: those that speak of an image before that of the image; then ask whether they are there.

        Each is looked at right before it is stored, and once more when another push that had looked before that has had
        the time to store its own: so of two pushes of one new tag the one whose tag was moved hears of it.

        UsageError: another push was faster. HostError: the registry does not have what it took.
        """
        require_free(self._client, self._roots, (), force=self._force)
        done: dict[str, None] = {}
        longest = 0.0
        for root in sorted(self._roots, key=lambda root: not root.speaks_of_another):
            for name in root.names:
                if name.tag and name.tag not in done:
                    begun = time.monotonic()
                    if done:
                        require_free(self._client, [replace(root, names=(name,))], (), force=self._force)
                    done[name.tag] = None
                    self._tag(root, name.tag)
                    longest = max(longest, time.monotonic() - begun)
        if done and not self._force:
            push.settle(longest)
        self._step(f"tags: {some(done) if done else 'none'}")
        for root in self._roots:
            if root.descriptor is not None and not isinstance(root.node, Missing) and root.node.document is not None:
                kept = [tag for tag in _tags(root) if not _lists_referrers(root, tag)]
                for reference in kept or ([] if _tags(root) else [str(root.descriptor.digest)]):
                    self._notice(push.require_there(self._client, reference, root.descriptor.digest))

    def abort(self) -> None:
        """End the work of all slots."""
        self._given_up.set()

    def close(self) -> None:
        """Cancel uploads that did not come to their end, and close the connections."""
        for upload in self._uploads:
            upload.abandon()
        for digest, session in self._sessions.items():
            Upload(self._client, digest, session).abandon()
        self._client.close()

    def _tag(self, root: Root, tag: str) -> None:
        descriptor, node = root.descriptor, root.node
        if descriptor is None or isinstance(node, Missing) or node.document is None:
            return
        subject = tagged_digest(tag)
        if subject is not None and _lists_referrers(root, tag):
            listed = node.document.members.get("manifests")
            entries = listed if isinstance(listed, list) else []
            self._notice(push.add_referrers(self._client, subject, entries, node.document.raw))
            return
        push.put_manifest(self._client, tag, descriptor.media_type, node.document.raw)

    def _notice(self, text: str | None) -> None:
        if text is not None:
            self.notices.append(text)


class _Waiting:
    """A blob that the repository may have: it waits in a nameless file until its digest shows that.

    Where there is no space for it, it is sent at once.
    """

    def __init__(self, sink: RegistrySink) -> None:
        self._sink = sink
        self._file: int | None = nameless(None)
        self._size = 0
        self._upload: Upload | None = None

    def write(self, data: bytes) -> None:
        if self._upload is None and self._file is not None:
            try:
                write_all(self._file, data, place_of(None))
            except HostError:
                self._begin(None)
            else:
                self._size += len(data)
                return
        if self._upload is not None:
            self._upload.write(data)

    def commit(self, digest: Digest) -> None:
        if self._upload is None:
            if self._sink.exists(Descriptor.make("", digest, self._size)):
                self._close()
                return
            self._begin(digest)
        if self._upload is not None:
            self._upload.commit(digest)

    def discard(self) -> None:
        self.abandon()

    def abandon(self) -> None:
        self._close()
        if self._upload is not None:
            self._upload.abandon()

    def _begin(self, digest: Digest | None) -> None:
        """Send what has waited."""
        self._upload = self._sink.upload(digest)
        if self._file is not None:
            file = OpenFile(self._file, place_of(None))
            for position in range(0, self._size, CHUNK):
                self._upload.write(file.read(min(CHUNK, self._size - position), position))
        self._close()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            close_read(file)


def mounts_of(address: Address, sources: Iterable[Source]) -> list[str]:
    """Return the other repositories of a registry that some sources are in."""
    found = [parse(source.path) for source in sources if is_remote(source.path)]
    same = (one.repository for one in found if one.server == address.server)
    return [name for name in dict.fromkeys(same) if name != address.repository]


def _tags(root: Root) -> list[str]:
    return [name.tag for name in root.names if name.tag]


def _lists_referrers(root: Root, tag: str) -> bool:
    """Whether a tag is that of the referrers tag schema, whose index grows and is never replaced."""
    subject = tagged_digest(tag)
    return subject is not None and tag == referrers.tag_of(subject) and isinstance(root.node, Index)


def _exists(client: Client, tag: str, there: Descriptor) -> UsageError:
    return UsageError(
        "DEST exists", where=f"{client.where}:{tag}", found=str(there.digest), hint="use --force to move the tag"
    )


def _may_become(client: Client, tag: str, root: Root) -> bool:
    """Whether a tag leads to an image of the same image ID, or to an index where an index is to be stored."""
    there = client.manifest(tag)
    if there is None or not isinstance(root.node, Image):
        return there is None or kind_of(there.media_type) is Kind.INDEX
    try:
        config = documents.parse(there.raw, client.where, limit=len(there.raw)).members.get("config")
    except ContentError:
        return False
    return isinstance(config, dict) and config.get("digest") == str(root.node.image_id)


def _is_sparse(entry: Root | Child) -> bool:
    node = entry.node
    return isinstance(node, Index) and any(isinstance(child.node, Missing) for child in node.children)


def _in_order(roots: Sequence[Root]) -> Iterator[Root | Child]:
    """Give what is stored, each behind what it names: an index behind its manifests, a referrer behind its subject.

    An index under a tag that lists referrers is left out: it is joined with the one that is there.
    """
    lists = {id(root.node) for root in roots if any(_lists_referrers(root, tag) for tag in _tags(root))}
    entries = [edge.entry for edge in walk(roots) if not isinstance(edge.node, Missing) and id(edge.node) not in lists]
    own = {entry.descriptor.digest: entry for entry in entries if entry.descriptor is not None}
    return behind(entries, lambda entry: named(entry, own))
