"""The tags that list referrers in a registry's folder.

The registries that keep their data so have no Referrers API; their clients find what refers to a manifest by a tag
alone (distribution-spec, Referrers Tag Schema), which whoever stores a referrer has to write. So a folder gets them as
a registry does that is pushed to.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from ociarchive import documents, referrers
from ociarchive.blobio.hashing import sha256
from ociarchive.errors import ContentError, OciArchiveError, UsageError, cannot
from ociarchive.formats._registry_links import (
    CURRENT,
    REPOSITORIES,
    TAGS,
    blob_path,
    link_text,
    revision_link,
    tag_links,
)
from ociarchive.mediatypes import Kind, kind_of
from ociarchive.model import Index, Missing, walk
from ociarchive.values import Digest, tagged_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ociarchive.formats.format import Content
    from ociarchive.model import Root
    from ociarchive.values import JSON

#: A link has one digest, a list of referrers is a manifest: 4 MiB at most, as registries take them.
_DOCUMENT: Final = 4 << 20
#: All lists that grow together, in bytes: those of a hundred thousand images. Many tags may lead to one large list.
_ALL: Final = 256 << 20


def lists(content: Content, homes: Mapping[int, Sequence[str]]) -> Iterator[tuple[str, str, bytes]]:
    """Give the indexes that list referrers, each with its repository and tag. `homes` has the repositories of roots.

    An index that the content has under such a tag keeps its entries; one that lacks none is not given.
    """
    here: dict[str, set[Digest]] = {}
    found: dict[tuple[str, Digest], dict[Digest, JSON]] = {}
    tagged: dict[tuple[str, str], Root] = {}
    for number, root in enumerate(content.roots):
        tagged.update(((name.path, name.tag), root) for name in root.names if name.tag)
        for repository in homes.get(number, ()):
            for edge in walk([root]):
                if edge.descriptor is None or isinstance(edge.node, Missing) or edge.node.document is None:
                    continue
                here.setdefault(repository, set()).add(edge.descriptor.digest)
                if edge.node.subject is not None:
                    entry = referrers.entry(edge.descriptor, edge.node.document)
                    found.setdefault((repository, edge.node.subject.digest), {})[edge.descriptor.digest] = entry
    for (repository, subject), entries in found.items():
        tag = referrers.tag_of(subject)
        there = tagged.get((repository, tag))
        if subject not in here[repository] or (there is not None and not isinstance(there.node, Index)):
            continue
        if there is None:
            yield repository, tag, referrers.index(entries.values())
        elif isinstance(there.node, Index):
            grown = referrers.joined(there.node.document.members, entries.values())
            if grown is not None:
                yield repository, tag, grown


def files(repository: str, tag: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Give the files of an index under a tag: the blob, its links, and last the one that makes it visible."""
    digest = sha256(raw)
    yield blob_path(digest), raw
    yield revision_link(repository, digest), link_text(digest)
    yield from tag_links(repository, tag, digest).items()


def grow(dest: str, staged: str, names: Sequence[str]) -> dict[str, bytes]:
    """Join the lists of referrers that a folder and what is added to it both have, so that nothing is lost of either.

    `names` are the files in `staged`. What a joined list needs is written there, and the link of its tag taken away:
    it is returned by its name, with what it holds in DEST from then on.

    UsageError: a link of the file system is in the way. ContentError: the lists are too large together. HostError: a
    file cannot be read or written.
    """
    grown: dict[str, bytes] = {}
    room = _ALL
    for name in names:
        repository, _, rest = name.removeprefix(REPOSITORIES).partition(TAGS)
        tag = rest.removesuffix(CURRENT)
        subject = tagged_digest(tag) if rest.endswith(CURRENT) else None
        if subject is None or tag != referrers.tag_of(subject) or not os.path.lexists(os.path.join(dest, name)):
            continue
        ours, theirs = _listed(staged, name) or _listed(dest, name, staged), _listed(dest, name)
        if ours is None or theirs is None:
            continue
        room -= ours.size + theirs.size
        if room < 0:
            what = f"the lists of referrers that would grow have more than {_ALL} bytes together"
            raise ContentError(what, where=dest, hint="take fewer images with --image")
        if ours.members == theirs.members:
            continue
        if os.path.realpath(os.path.join(dest, name)) != os.path.join(os.path.realpath(dest), name):
            raise UsageError("a link stands where a list of referrers would grow; nothing is written there", where=dest)
        listed = ours.members.get("manifests")
        raw = referrers.joined(theirs.members, listed if isinstance(listed, list) else [])
        _unlink(os.path.join(staged, name))
        if raw is None:
            continue
        *needed, (link, held) = files(repository, tag, raw)
        for path, content in needed:
            _write(os.path.join(staged, path), content)
        grown[link] = held
    return grown


class _Listed(NamedTuple):
    """The members of an index, and its size in bytes."""

    members: dict[str, JSON]
    size: int


def _listed(folder: str, name: str, link_in: str | None = None) -> _Listed | None:
    """Return the index to which a tag's link leads, None where it leads to no index that can be read.

    The link may lie in another folder than the index: what DEST has is not staged.
    """
    try:
        digest = Digest.maybe(_read(os.path.join(link_in or folder, name)).decode("ascii", "replace").strip())
        raw = _read(os.path.join(folder, blob_path(digest))) if digest is not None else b""
        if digest is None or sha256(raw) != digest:
            return None
        members = dict(documents.parse(raw, folder, limit=_DOCUMENT).members)
    except OciArchiveError:
        return None
    told = members.get("mediaType")
    return _Listed(members, len(raw)) if isinstance(told, str) and kind_of(told) is Kind.INDEX else None


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            raw = file.read(_DOCUMENT + 1)
    except OSError as error:
        raise cannot("read", error, path) from error
    if len(raw) > _DOCUMENT:
        raise ContentError("too large for a list of referrers", where=path)
    return raw


def _write(path: str, content: bytes) -> None:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot("write", error, path) from error


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError as error:
        raise cannot("remove", error, path) from error
