"""Rules about blobs: what descriptors and file names claim about their bytes."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive.auditing.controls import BLOBS, COMPLETENESS
from ociarchive.auditing.rule import Fault, Rule, noticed
from ociarchive.blobio.hashing import digest_of
from ociarchive.container.names import normal
from ociarchive.errors import plural
from ociarchive.formats import blob_names
from ociarchive.measure import agrees
from ociarchive.model import Blob, Image, Layer, Missing, named_by, refers_to, walk

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ociarchive.auditing.evidence import Evidence
    from ociarchive.model import Edge, Root
    from ociarchive.values import Digest


def _digest_mismatch(evidence: Evidence) -> Iterator[Fault]:
    for claim in evidence.claims:
        fact = evidence.fact(claim.source)
        if fact is not None and agrees(claim.digest, fact.digests) is False:
            found = next(digest for digest in fact.digests if digest.algorithm == claim.digest.algorithm)
            yield Fault(
                location=claim.where, message="content does not match its digest",
                subject=claim.digest, expected=claim.digest, found=found,
            )  # fmt: skip


def _size_mismatch(evidence: Evidence) -> Iterator[Fault]:
    for claim in evidence.claims:
        if claim.descriptor is None or claim.source is None:
            continue
        size = claim.source.size
        if claim.descriptor.size != size:
            yield Fault(
                location=claim.where, message="the descriptor gives another size than the blob has",
                subject=claim.digest, expected=plural(claim.descriptor.size, "byte"),
                found=plural(size, "byte") if size is not None else None,
            )  # fmt: skip


def _data_mismatch(evidence: Evidence) -> Iterator[Fault]:
    for descriptor in evidence.descriptors:
        if not isinstance(descriptor.raw.get("data"), str):
            continue
        where, data = evidence.place(f"data of {descriptor.digest}"), descriptor.data
        if data is None:
            yield Fault(location=where, message="data is no base64 with padding", subject=descriptor.digest)
        elif len(data) != descriptor.size:
            yield Fault(
                location=where, message="data has another size than the descriptor says", subject=descriptor.digest,
                expected=plural(descriptor.size, "byte"), found=plural(len(data), "byte"),
            )  # fmt: skip
        elif (found := digest_of(data, descriptor.digest.algorithm)) not in (None, descriptor.digest):
            yield Fault(
                location=where, message="data does not match the descriptor's digest",
                subject=descriptor.digest, expected=descriptor.digest, found=found,
            )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """Something that is named and absent: what it is, its name in messages, and the `names` that it would have."""

    what: str
    called: str
    names: frozenset[str]


def lacking(evidence: Evidence) -> Iterator[Lacking]:
    """Give what is named and absent, but may not be left out."""
    for edge in evidence.edges:
        node = edge.node
        absent = isinstance(node, Missing) and node.source is None
        if absent and edge.descriptor is not None and (edge.parent is None or not evidence.is_sparse(edge.parent)):
            digest = edge.descriptor.digest
            yield Lacking(what="manifest or index", called=str(digest), names=blob_names(digest))
        for part in named_by(node):
            own = isinstance(node, Image) and part is node.config
            if part.source is None and (own or not _may_be_absent(part)):
                what = "layer" if isinstance(part, Layer) else "config" if own else "blob"
                names = (
                    blob_names(part.descriptor.digest) | {part.name}
                    if part.descriptor
                    else frozenset((part.name, normal(part.name)))
                )
                yield Lacking(what=what, called=part.name, names=names)


class Wanting:
    """Names of what is absent. An archive may have very many, and as many members that lead nowhere."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(names)

    def explained_by(self, member: str | None) -> bool:
        """Whether an unreadable member, or a folder that leads elsewhere, is why one of the names is absent."""
        if member is None:
            return False
        below = f"{member}/"
        return self._first(member) == [member] or any(name.startswith(below) for name in self._first(below))

    def _first(self, text: str) -> Sequence[str]:
        """Return the first name that does not stand before a text in their order, if there is one."""
        at = bisect_left(self._names, text)
        return self._names[at : at + 1]


def _is_below(name: str, places: Collection[str], lengths: Collection[int]) -> bool:
    """Whether a name is one of some places, or lies in one. They have these `lengths`: a name may have any."""
    end = len(name)
    while end > 0:
        if end in lengths and name[:end] in places:
            return True
        end = name.rfind("/", 0, end)
    return False


def _blob_missing(evidence: Evidence) -> Iterator[Fault]:
    if evidence.archive.damaged and evidence.folded:
        return  # it may be behind the damage, which is reported
    yield from noticed("blob-missing")(evidence)
    told = {flaw.subject for flaw in evidence.flaws if flaw.rule in _INSTEAD and evidence.folded and flaw.subject}
    lengths = set(map(len, told))
    for one in lacking(evidence):
        if not any(_is_below(name, told, lengths) for name in one.names):
            yield Fault(
                location=evidence.place(one.called), subject=one.called,
                message=f"{one.what} is named and not in the archive",
            )  # fmt: skip


#: Why a container or an engine's storage gives nothing for a name that it has. Then this is the fault, not a missing
#: blob.
_INSTEAD: Final = frozenset(
    (
        *("member-special", "link-escapes", "link-dangling", "link-loop", "limit-links"),
        *("tar-split-missing", "layer-not-rebuilt", "store-name-dangling", "layer-discarded"),
    )
)


def _may_be_absent(part: Blob | Layer) -> bool:
    """Whether a blob that is no config may be elsewhere: no engine looks for a config anywhere else."""
    if isinstance(part, Layer):
        return part.foreign or part.elsewhere is not None
    return part.descriptor is not None and bool(part.descriptor.urls)


def _sparse_index(evidence: Evidence) -> Iterator[Fault]:
    if evidence.archive.damaged:
        return
    lacking: dict[int, list[Edge]] = {}
    for edge in evidence.edges:
        absent = isinstance(edge.node, Missing) and edge.node.source is None and edge.descriptor is not None
        if absent and edge.parent is not None and evidence.is_sparse(edge.parent):
            lacking.setdefault(id(edge.parent), []).append(edge)
    for edges in lacking.values():
        index, holder = edges[0].parent, edges[0].above[-1].descriptor
        where = index.source.where if index is not None and index.source is not None else evidence.archive.where
        count = len(edges)
        what = "a manifest that is" if count == 1 else f"{plural(count, 'manifest')} that are"
        yield Fault(
            location=where, subject=holder.digest if holder else None,
            message=f"the index names {what} not in the archive ({_platforms(edges)}); others of it are",
        )  # fmt: skip


def _platforms(edges: Sequence[Edge]) -> str:
    """Return the platforms of an index's entries, each once with its count. Attestations are listed as such."""
    counts: dict[str, int] = {}
    attestations = 0
    for edge in edges:
        if refers_to(edge.descriptor) is not None:
            attestations += 1
            continue
        platform = edge.descriptor.platform if edge.descriptor else None
        version = f" {platform.os_version}" if platform and platform.os_version else ""
        told = f"{platform}{version}" if platform else "no platform"
        counts[told] = counts.get(told, 0) + 1
    told_of = [f"{name} {plural(count, 'time')}" if count > 1 else name for name, count in counts.items()]
    if attestations:
        told_of.append(plural(attestations, "attestation"))
    return ", ".join(told_of)


def _blob_name(evidence: Evidence) -> Iterator[Fault]:
    for stored in evidence.archive.stored:
        if stored.digest is None:
            yield Fault(
                location=evidence.place(stored.name), subject=stored.name,
                message="a file lies among the blobs and its name is no digest",
            )  # fmt: skip


def _size_conflict(evidence: Evidence) -> Iterator[Fault]:
    sizes: dict[Digest, int] = {}
    decided = {claim.digest for claim in evidence.claims if claim.source is not None}
    for descriptor in evidence.descriptors:
        size = sizes.setdefault(descriptor.digest, descriptor.size)
        if size != descriptor.size and descriptor.digest not in decided:  # else the blob shows which is wrong
            yield Fault(
                location=evidence.place(str(descriptor.digest)), subject=descriptor.digest,
                message="two descriptors give one blob two sizes", expected=size, found=descriptor.size,
            )  # fmt: skip


def _blob_unreferenced(evidence: Evidence) -> Iterator[Fault]:
    if evidence.archive.incomplete:
        return  # what could not be read may lead to it
    beside = evidence.archive.beside.union(_named(evidence.archive.untagged))
    for stored in evidence.archive.stored:
        known = stored.digest is None or stored.digest in evidence.referenced or stored.digest in beside
        if stored.source is not None and not known and stored.source.where not in evidence.used:
            fact = evidence.fact(stored.source)
            size = fact.size if fact is not None else stored.source.size
            held = f" ({plural(size, 'byte')})" if size is not None else ""
            yield Fault(
                location=evidence.place(stored.name), subject=stored.digest,
                message=f"no manifest leads to it{held}",
            )  # fmt: skip


def _named(roots: Iterable[Root]) -> Iterator[Digest]:
    """Give every digest that some roots lead to."""
    for edge in walk(roots):
        held = (part.descriptor for part in named_by(edge.node))
        yield from (one.digest for one in (edge.descriptor, *held) if one is not None)


def _digest_unknown(evidence: Evidence) -> Iterator[Fault]:
    for claim in evidence.claims:
        fact = evidence.fact(claim.source)
        if fact is not None and agrees(claim.digest, fact.digests) is None:
            yield Fault(
                location=claim.where, subject=claim.digest,
                message=f"nothing here computes {claim.digest.algorithm}: the content cannot be checked",
            )  # fmt: skip
    for image in evidence.images:
        for number, layer in enumerate(image.layers, 1):
            diff_id, fact = layer.diff_id, evidence.fact(layer.source)
            if layer.source is None or diff_id is None or fact is None or fact.diff_ids is None or not layer.unpacks:
                continue
            if agrees(diff_id, fact.diff_ids) is None:
                yield Fault(
                    location=layer.source.where, subject=diff_id,
                    message=f"nothing here computes {diff_id.algorithm}: layer {number}, unpacked, cannot be checked",
                )  # fmt: skip


RULES: Final = (
    Rule(
        id="digest-mismatch", severity="error", control=BLOBS, spec="image-spec, descriptor.md, Digests, Verification",
        summary="The bytes of a blob do not hash to the digest that names it.",
        advice="The blob was altered or damaged: get the archive again from where it was made.",
        check=_digest_mismatch,
    ),
    Rule(
        id="size-mismatch", severity="error", control=BLOBS, spec="image-spec, descriptor.md, size",
        summary="A blob has another size than its descriptor gives.",
        advice="The archive was made or altered by a faulty program: make it again.",
        check=_size_mismatch,
    ),
    Rule(
        id="data-mismatch", severity="error", control=BLOBS, spec="image-spec, descriptor.md, data",
        summary="The data inside a descriptor is not the blob that the descriptor names.",
        advice="The archive was made or altered by a faulty program: make it again.",
        check=_data_mismatch,
    ),
    Rule(
        id="blob-missing", severity="error", control=COMPLETENESS, spec="image-spec, image-layout.md, Content",
        summary="Something that a manifest or index names is not in the archive.",
        advice="Save the image again; with Docker's containerd store name one platform, or pull all before.",
        check=_blob_missing,
    ),
    Rule(
        id="sparse-index", severity="warning", control=COMPLETENESS, spec="image-spec, image-index.md, manifests",
        summary="An index names manifests that are not here, while at least one image of it is here whole.",
        advice="Expected where one platform was exported. `convert --platform` writes an archive that is whole.",
        check=_sparse_index,
    ),
    Rule(
        id="blob-unreferenced", severity="warning", control=COMPLETENESS, spec="image-spec, image-layout.md, Content",
        summary="A blob lies in the archive and nothing leads to it.",
        advice="Harmless where an edit left it; `convert` leaves it behind.",
        check=_blob_unreferenced,
    ),
    Rule(
        id="blob-name", severity="warning", control=BLOBS, spec="image-spec, image-layout.md, Blobs",
        summary="A file lies where only blobs may, and its name is no digest.",
        advice="Harmless where somebody left a file; `convert` leaves it behind.",
        check=_blob_name,
    ),
    Rule(
        id="size-conflict", severity="error", control=BLOBS, spec="image-spec, descriptor.md, size",
        summary="Two descriptors give one blob two sizes: one of them is wrong.",
        advice="The archive was made or altered by a faulty program: make it again.",
        check=_size_conflict,
    ),
    Rule(
        id="digest-unknown", severity="warning", control=BLOBS, spec="image-spec, descriptor.md, Registered Algorithms",
        summary="A digest is of an algorithm that cannot be computed here, so that the blob is not verified.",
        advice="For blake3 install the extra `blake3`; other algorithms are not registered.",
        check=_digest_unknown,
    ),
)  # fmt: skip
