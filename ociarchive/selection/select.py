"""Select the roots, platforms and companions of an archive that a call asks for. Pure: nodes in, nodes out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ociarchive.auditing import Evidence, judge
from ociarchive.auditing.rule import SEVERITIES
from ociarchive.errors import ContentError, UsageError, some
from ociarchive.formats.format import LeftOut
from ociarchive.late import Late
from ociarchive.mediatypes import IN_TOTO
from ociarchive.model import (
    COSIGN_KIND,
    COSIGN_NAME,
    IMAGE_NAME,
    REF_NAME,
    Artifact,
    Child,
    Edge,
    Image,
    Index,
    Missing,
    Root,
    platform_of,
    walk,
)
from ociarchive.selection.lesser import Lesser
from ociarchive.selection.speaking import companions, following
from ociarchive.statements import DSSE, SIMPLE_SIGNING
from ociarchive.values import COSIGN_SUFFIXES, MAX_REFERENCE, REGISTERED, Digest, Platform, Reference, tagged_digest

if TYPE_CHECKING:
    import difflib
    from collections.abc import Iterable, Iterator

    from ociarchive.model import Archive
else:
    difflib = Late("difflib")

ATTESTATIONS: Final = "attestations"
SIGNATURES: Final = "signatures"
REFERRERS: Final = "referrers"
#: Prefixes of the artifact types of signatures. In sigstore's types the version follows.
_SIGNATURE_TYPES: Final = (
    "application/vnd.dev.cosign.artifact.sig.",
    "application/vnd.dev.sigstore.bundle",
    "application/vnd.cncf.notary.signature",
)
#: How many names are compared with an unknown one to find similar names: by their letters, a tenth of a millisecond
#: each, and those that have most in common by the order of these too, which takes up to a hundred times as long.
_COMPARED: Final = 10_000
_CLOSE: Final = 100


class AmbiguousError(UsageError):
    """A selector that matches several things."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectors:
    """What a call asks for. `images` are names or digests as written. If all are empty, everything is selected."""

    images: tuple[str, ...] = ()
    platforms: tuple[Platform, ...] = ()
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The selected roots, in the archive's order, and what was left out on request."""

    roots: tuple[Root, ...]
    left_out: tuple[LeftOut, ...] = ()


def select(roots: tuple[Root, ...], selectors: Selectors, where: str) -> Selection:
    """Return what the selectors select in an archive. UsageError: one matches nothing, or several things."""
    left: list[LeftOut] = []
    lesser = Lesser()
    chosen = _by_image(roots, selectors.images, where) if selectors.images else roots
    chosen = tuple(_without(chosen, selectors.without, left, lesser))
    if selectors.platforms:
        chosen = tuple(_by_platform(chosen, selectors.platforms, where, left, lesser))
    return Selection(roots=chosen, left_out=tuple(left))


def nothing_in(archive: Archive) -> ContentError:
    """Return the error for an archive without any image or artifact: the first error found in it, else a warning."""
    found = judge(Evidence(archive, {}))
    for severity in SEVERITIES:
        for one in found:
            if one.severity == severity:
                what = f"no image in the archive: {one.message}"
                return ContentError(what, where=one.location, expected=one.expected, found=one.found)
    return ContentError("no image in the archive", where=archive.where)


def matching(roots: tuple[Root, ...], selector: str, where: str) -> tuple[Root, ...]:
    """Return the roots that one selector selects, without their referrers."""
    digest = Digest.maybe(selector)
    # By its grammar `app:latest` could be a digest of an algorithm `app`. It is one only if something here has it.
    if digest is not None and (digest.algorithm in REGISTERED or holders(roots, digest)):
        return _by_digest(roots, digest, where)
    return _by_name(roots, selector, where)


# By name or digest


def _by_image(roots: tuple[Root, ...], selectors: Iterable[str], where: str) -> tuple[Root, ...]:
    """Return what the selectors select, in the archive's order, each thing once with all requested names."""
    taken: dict[int, tuple[Root, dict[Reference, None]]] = {}
    for selector in selectors:
        for root in matching(roots, selector, where):
            _, names = taken.setdefault(id(root.node), (root, {}))
            names.update(dict.fromkeys(root.names))
    order: dict[int, int] = {}
    for number, edge in enumerate(walk(roots)):
        order.setdefault(id(edge.node), number)
    named = (replace(root, names=tuple(names)) for root, names in taken.values())
    chosen = sorted(named, key=lambda root: order[id(root.node)])
    return (*_one_name_each(chosen), *companions(tuple(chosen), roots))


def _one_name_each(roots: Iterable[Root]) -> Iterator[Root]:
    """Give the name of an index to the first of its several entries. The others get no name."""
    taken: set[str] = set()
    for root in roots:
        spelled = set(map(str, root.names)) or set(filter(None, [root.ref_name]))
        if spelled and spelled <= taken:
            yield unnamed(root)
        else:
            yield root
        taken |= spelled


def unnamed(root: Root) -> Root:
    """Return a root without any name, also in its annotations."""
    descriptor = root.descriptor
    if descriptor is not None:
        gone = (IMAGE_NAME, REF_NAME, COSIGN_NAME)
        descriptor = descriptor.annotate({key: text for key, text in descriptor.annotations.items() if key not in gone})
    return replace(root, descriptor=descriptor, names=(), ref_name=None)


def _by_name(roots: tuple[Root, ...], text: str, where: str) -> tuple[Root, ...]:
    exact = [root for root in roots if text == root.ref_name or any(text == str(name) for name in root.names)]
    reference = Reference.maybe(text)
    familiar = [root for root in roots if reference in root.names] if reference else []
    found = [root for root in exact or familiar if root.attached is None]
    if not found and text.startswith(tuple(f"{name}:" for name in REGISTERED)):
        what = f"{text!r} is no whole digest"
        raise UsageError(what, where=where, hint="`ociarchive inspect -v` shows digests as selectors take them")
    if not found:
        raise UsageError(f"no image {text!r} in the archive", where=where, hint=f"there is {_list(roots, text)}")
    if len({root.identity for root in found}) > 1:
        listed = some(f"{_spell(root)} ({root.identity})" for root in found)
        raise AmbiguousError(f"{text!r} names several images: {listed}", where=where, hint="select one by its digest")
    if reference is None:
        return tuple(found)
    # A docker-archive's image has all its names at once. One that was asked for by a name keeps this name alone.
    return tuple(replace(root, names=(reference,)) if root.descriptor is None else root for root in found)


def _by_digest(roots: tuple[Root, ...], digest: Digest, where: str) -> tuple[Root, ...]:
    found = holders(roots, digest)
    if not found:
        raise UsageError(f"nothing has the digest {digest}", where=where, hint=f"there is {_list(roots, str(digest))}")
    return tuple(found.values())


def holders(roots: tuple[Root, ...], digest: Digest) -> dict[int, Root]:
    """Return what has this digest as image ID, manifest or index digest. An entry of an index becomes a root."""
    found: dict[int, Root] = {}
    for root in roots:
        for edge in walk([root]):
            image_id = edge.node.image_id if isinstance(edge.node, Image) else None
            pulled = not edge.above and digest in root.pulled_as
            if pulled or digest in (image_id, edge.descriptor.digest if edge.descriptor else None):
                if not edge.above:
                    found.setdefault(id(edge.node), root)
                else:
                    found.setdefault(id(edge.node), _nested(edge, root))
    return found


def _list(roots: tuple[Root, ...], near: str) -> str:
    """Return what can be selected, most similar to the request first."""
    spelled = list(dict.fromkeys(_spell(root) for root in roots))
    if not spelled:
        return "nothing"
    compared = spelled[:_COMPARED]

    def beside(text: str) -> difflib.SequenceMatcher[str]:
        return difflib.SequenceMatcher(None, near[:MAX_REFERENCE], text[:MAX_REFERENCE])

    if len(compared) > _CLOSE:
        compared.sort(key=lambda text: -beside(text).quick_ratio())
    closest = sorted(compared[:_CLOSE], key=lambda text: -beside(text).ratio())
    return some([*closest, *compared[_CLOSE:], *spelled[_COMPARED:]])


def _spell(root: Root) -> str:
    if root.names:
        return some(map(str, root.names))
    return root.ref_name or root.label


# Without


def _without(roots: Iterable[Root], without: frozenset[str], left: list[LeftOut], lesser: Lesser) -> Iterator[Root]:
    for root in roots:
        kind = _kind_of(root)
        if kind in without:
            left.append(LeftOut(what=root.label, why=f"--without {kind}"))
        elif without:
            yield lesser.root(root, lambda child: _comes(child, without, left))
        else:
            yield root


def _comes(child: Child, without: frozenset[str], left: list[LeftOut]) -> bool:
    kind = _kind_of(child)
    if kind in without:
        left.append(LeftOut(what=str(child.descriptor.digest), why=f"--without {kind}"))
    return kind not in without


def _kind_of(entry: Root | Child) -> str | None:
    """Return what an entry is beside an image: an attestation, a signature, or another referrer; None for the rest."""
    artifact = entry.node if isinstance(entry.node, Artifact) else None
    if isinstance(entry, Child) and entry.refers_to is not None:
        return ATTESTATIONS
    suffixes = {suffix for tag in _tags(entry) for suffix in COSIGN_SUFFIXES if tag.endswith(suffix)}
    kind = entry.descriptor.annotations.get(COSIGN_KIND, "") if entry.descriptor else ""
    if ".sig" in suffixes or kind.endswith("/sigs") or (artifact is not None and _signs(artifact)):
        return SIGNATURES
    if ".att" in suffixes or kind.endswith("/atts") or (artifact is not None and _states(artifact)):
        return ATTESTATIONS
    subject = None if isinstance(entry.node, Missing) else entry.node.subject
    if subject is not None or kind.endswith("/sboms") or (isinstance(entry, Root) and entry.subjects):
        return REFERRERS
    return None


def _tags(entry: Root | Child) -> tuple[str, ...]:
    return tuple(tag for tag in entry.tags if tagged_digest(tag)) if isinstance(entry, Root) else ()


def _signs(artifact: Artifact) -> bool:
    """Whether an artifact is a signature, by its type or because it holds payloads of simple signing."""
    if artifact.artifact_type and artifact.artifact_type.startswith(_SIGNATURE_TYPES):
        return True
    return any(blob.descriptor is not None and blob.descriptor.media_type == SIMPLE_SIGNING for blob in artifact.blobs)


def _states(artifact: Artifact) -> bool:
    """Whether an artifact holds in-toto statements, plain or in DSSE envelopes."""
    types = {blob.descriptor.media_type for blob in artifact.blobs if blob.descriptor is not None}
    return bool(types & {IN_TOTO, DSSE})


# By platform


def _by_platform(
    roots: tuple[Root, ...], platforms: tuple[Platform, ...], where: str, left: list[LeftOut], lesser: Lesser
) -> Iterator[Root]:
    require_platforms(roots, platforms, where)
    taken = [found for root in roots if (found := _root_by_platform(root, platforms, left, lesser)) is not None]
    kept = {edge.descriptor.digest for edge in walk(taken) if edge.descriptor}
    gone = {edge.descriptor.digest for edge in walk(roots) if edge.descriptor} - kept
    for root, stays in following(taken, gone):
        if stays:
            yield root
        else:
            left.append(LeftOut(what=root.label, why="what it speaks of does not come along (--platform)"))


def require_platforms(roots: tuple[Root, ...], platforms: Iterable[Platform], where: str) -> None:
    """Refuse a platform for which there is no image (UsageError)."""
    present = list(_present(roots))
    for wanted in platforms:
        if not any(platform.fits(wanted) for platform in present):
            listed = some(dict.fromkeys(map(str, present))) or "no platform"
            meant = wanted.in_gos_words
            near = f"did you mean {meant}? " if any(platform.fits(meant) for platform in present) else ""
            raise UsageError(f"no image for {wanted} in the archive", where=where, hint=f"{near}there is {listed}")


def present_of(roots: tuple[Root, ...], platforms: tuple[Platform, ...]) -> tuple[Platform, ...]:
    """Return the platforms for which there is an image."""
    present = list(_present(roots))
    return tuple(wanted for wanted in platforms if any(platform.fits(wanted) for platform in present))


def _present(roots: tuple[Root, ...]) -> Iterator[Platform]:
    for edge in walk(roots):
        if isinstance(edge.node, Image):
            platform = platform_of(edge.descriptor, edge.node)
            if platform:
                yield platform


def _root_by_platform(root: Root, platforms: tuple[Platform, ...], left: list[LeftOut], lesser: Lesser) -> Root | None:
    if isinstance(root.node, Image):
        platform = root.platform
        if platform and any(platform.fits(wanted) for wanted in platforms):
            return root
        left.append(LeftOut(what=f"{root.label} ({platform})", why="--platform"))
        return None
    if not isinstance(root.node, Index):
        return root
    kept = {child.descriptor.digest for child in _leaves(root) if _fits(child, platforms)}
    if not kept:
        if root.subjects:  # an index of referrers: its subject decides
            return root
        left.append(LeftOut(what=root.label, why="--platform"))
        return None

    filtered = lesser.root(root, lambda child: _stays(child, kept, left))
    if filtered is root:
        return root
    alone = _alone(filtered)
    return _nested(alone, root) if alone else filtered


def _stays(child: Child, kept: set[Digest], left: list[LeftOut]) -> bool:
    """Whether an entry of an index stays with the images that were kept."""
    if isinstance(child.node, Index):
        return True
    refers = child.refers_to
    if refers is not None:
        stay = refers in kept and not isinstance(child.node, Missing)
    elif isinstance(child.node, Artifact):
        stay = child.node.subject is None or child.node.subject.digest in kept
    else:
        stay = child.descriptor.digest in kept
    if not stay:
        platform = f" ({child.platform})" if child.platform else ""
        left.append(LeftOut(what=f"{child.descriptor.digest}{platform}", why="--platform"))
    return stay


def _fits(child: Child, platforms: tuple[Platform, ...]) -> bool:
    platform = child.platform
    return isinstance(child.node, Image) and platform is not None and any(map(platform.fits, platforms))


def _leaves(root: Root) -> Iterator[Child]:
    """Give the entries below a root that are not indexes, each once."""
    for edge in walk([root]):
        if isinstance(edge.entry, Child) and not isinstance(edge.node, Index):
            yield edge.entry


def _alone(root: Root) -> Edge | None:
    """Return the only image of an index that holds nothing else."""
    edges = [edge for edge in walk([root]) if not isinstance(edge.node, Index)]
    return edges[0] if len(edges) == 1 and isinstance(edges[0].node, Image) else None


def _nested(edge: Edge, root: Root) -> Root:
    """Put an entry of an index in the place of its root. The root's annotations then name it."""
    descriptor = edge.descriptor
    if descriptor is not None and root.descriptor is not None:
        descriptor = descriptor.annotate({**descriptor.annotations, **root.descriptor.annotations})
    return replace(root, descriptor=descriptor, node=edge.node)
