"""Select: which roots, platforms and companions of an archive come along. Pure: nodes in, nodes out."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ociarchive.errors import UsageError
from ociarchive.mediatypes import IN_TOTO
from ociarchive.model import Artifact, Child, Image, Index, Missing, Node, Root, platform_of, walk
from ociarchive.values import COSIGN_SUFFIXES, REGISTERED, Digest, Platform, Reference, tagged_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ATTESTATIONS: Final = "attestations"
SIGNATURES: Final = "signatures"
REFERRERS: Final = "referrers"
_SIGNATURE_TYPES: Final = (
    "application/vnd.dev.cosign.artifact.sig.v1+json",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "application/vnd.cncf.notary.signature",
)
#: How many names a message lists: enough to choose from, few enough to read.
_LISTED: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectors:
    """What a call asks for. `images` are names or digests as they were written; all empty takes everything."""

    images: tuple[str, ...] = ()
    platforms: tuple[Platform, ...] = ()
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something that does not come along, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The roots that come along, in the archive's order, and what was left out on request."""

    roots: tuple[Root, ...]
    left_out: tuple[LeftOut, ...] = ()


def select(roots: tuple[Root, ...], selectors: Selectors, where: str) -> Selection:
    """Return what the selectors take of an archive. UsageError: one takes nothing, or cannot tell between several."""
    left: list[LeftOut] = []
    chosen = _by_image(roots, selectors.images, where) if selectors.images else roots
    chosen = tuple(_without(chosen, selectors.without, left))
    if selectors.platforms:
        chosen = tuple(_by_platform(chosen, selectors.platforms, where, left))
    return Selection(roots=chosen, left_out=tuple(left))


def matching(roots: tuple[Root, ...], selector: str, where: str) -> tuple[Root, ...]:
    """Return the roots that one selector takes, without what refers to them."""
    digest = Digest.maybe(selector)
    # By its grammar `app:latest` could be a digest of an algorithm `app`; it is one only if something here has it.
    if digest is not None and (digest.algorithm in REGISTERED or _holders(roots, digest)):
        return _by_digest(roots, digest, where)
    return _by_name(roots, selector, where)


# By name or digest


def _by_image(roots: tuple[Root, ...], selectors: Iterable[str], where: str) -> tuple[Root, ...]:
    taken: dict[int, Root] = {}
    for selector in selectors:
        for root in matching(roots, selector, where):
            taken.setdefault(id(root.node) if root not in roots else id(root), root)
    return (*taken.values(), *companions(tuple(taken.values()), roots))


def companions(taken: tuple[Root, ...], roots: tuple[Root, ...]) -> Iterator[Root]:
    """Give the other roots that speak of what is taken: by subject, or by a tag made of a digest."""
    known = {edge.descriptor.digest for edge in walk(taken) if edge.descriptor}
    rest = [root for root in roots if root not in taken]
    found = True
    while found:
        found = False
        for root in list(rest):
            if subjects_of(root) & known:
                rest.remove(root)
                known |= {edge.descriptor.digest for edge in walk([root]) if edge.descriptor}
                found = True
                yield root


def subjects_of(root: Root) -> set[Digest]:
    """Return the digests that a root speaks of: its subject, and the digest in a tag `sha256-<hex>`."""
    found = set()
    subject = None if isinstance(root.node, Missing) else root.node.subject
    if subject is not None:
        found.add(subject.digest)
    for tag in tags_of(root):
        tagged = tagged_digest(tag)
        if tagged:
            found.add(tagged)
    return found


def tags_of(root: Root) -> Iterator[str]:
    """Give the tags under which a root stands."""
    if root.ref_name and "/" not in root.ref_name:
        yield root.ref_name
    for name in root.names:
        if name.tag:
            yield name.tag


def _by_name(roots: tuple[Root, ...], text: str, where: str) -> tuple[Root, ...]:
    exact = [root for root in roots if text == root.ref_name or any(text == str(name) for name in root.names)]
    reference = Reference.maybe(text)
    familiar = [root for root in roots if reference in root.names] if reference else []
    found = exact or familiar
    if not found:
        raise UsageError(f"no image {text!r} in the archive", where=where, hint=f"there is {_list(roots, text)}")
    targets = {root.descriptor.digest if root.descriptor else id(root.node) for root in found}
    if len(targets) > 1:
        listed = ", ".join(_spell(root) for root in found)
        raise UsageError(f"{text!r} names several images: {listed}", where=where, hint="select one by its digest")
    if len(found) == 1:
        return (_only_name(found[0], text, reference),)
    return tuple(found)


def _only_name(root: Root, text: str, reference: Reference | None) -> Root:
    """Return a root of a docker-archive with the one name that was asked for; others with all that is theirs."""
    if root.descriptor is not None or reference not in root.names or reference is None:
        return root
    del text
    return replace(root, names=(reference,))


def _by_digest(roots: tuple[Root, ...], digest: Digest, where: str) -> tuple[Root, ...]:
    found = _holders(roots, digest)
    if not found:
        raise UsageError(f"nothing has the digest {digest}", where=where, hint=f"there is {_list(roots, str(digest))}")
    return tuple(found.values())


def _holders(roots: tuple[Root, ...], digest: Digest) -> dict[int, Root]:
    """Return what has a digest as image ID, manifest or index digest; what stands in an index as a root of its own."""
    found: dict[int, Root] = {}
    for root in roots:
        for edge in walk([root]):
            image_id = edge.node.image_id if isinstance(edge.node, Image) else None
            if digest in (image_id, edge.descriptor.digest if edge.descriptor else None):
                if not edge.above:
                    found.setdefault(id(edge.node), root)
                else:
                    nested = Root(descriptor=edge.descriptor, node=edge.node, names=root.names, ref_name=root.ref_name)
                    found.setdefault(id(edge.node), _named(nested, root))
    return found


def _list(roots: tuple[Root, ...], near: str) -> str:
    """Return what there is to select, the nearest to what was asked for first."""
    spelled = list(dict.fromkeys(_spell(root) for root in roots))
    if not spelled:
        return "nothing"
    spelled.sort(key=lambda text: -difflib.SequenceMatcher(None, near, text).ratio())
    more = f" and {len(spelled) - _LISTED} more" if len(spelled) > _LISTED else ""
    return ", ".join(spelled[:_LISTED]) + more


def _spell(root: Root) -> str:
    if root.names:
        return ", ".join(map(str, root.names))
    return root.ref_name or root.label


# Without


def _without(roots: Iterable[Root], without: frozenset[str], left: list[LeftOut]) -> Iterator[Root]:
    for root in roots:
        kind = next((kind for kind in sorted(without) if _is_root_of(root, kind)), None)
        if kind:
            left.append(LeftOut(what=root.label, why=f"--without {kind}"))
        elif ATTESTATIONS in without or SIGNATURES in without:
            yield _filtered(root, lambda child: not _is_child_of(child, without, left))
        else:
            yield root


def _is_root_of(root: Root, kind: str) -> bool:
    tags = list(tags_of(root))
    suffixed = {
        suffix for suffix in COSIGN_SUFFIXES if any(tag.endswith(suffix) and tagged_digest(tag) for tag in tags)
    }
    node = root.node
    artifact = node if isinstance(node, Artifact) else None
    if kind == SIGNATURES:
        kinds = root.descriptor.annotations.get("kind", "") if root.descriptor else ""
        return (
            ".sig" in suffixed
            or kinds.endswith("/sigs")
            or bool(artifact and artifact.artifact_type in _SIGNATURE_TYPES)
        )
    if kind == ATTESTATIONS:
        kinds = root.descriptor.annotations.get("kind", "") if root.descriptor else ""
        return ".att" in suffixed or kinds.endswith("/atts") or bool(artifact and _holds_statements(artifact))
    return bool(subjects_of(root)) and not suffixed & {".sig", ".att"}


def _holds_statements(artifact: Artifact) -> bool:
    return any(blob.descriptor is not None and blob.descriptor.media_type == IN_TOTO for blob in artifact.blobs)


def _is_child_of(child: Child, without: frozenset[str], left: list[LeftOut]) -> bool:
    attestation = child.refers_to is not None or (isinstance(child.node, Artifact) and _holds_statements(child.node))
    signature = isinstance(child.node, Artifact) and child.node.artifact_type in _SIGNATURE_TYPES
    for kind, told in ((ATTESTATIONS, attestation), (SIGNATURES, signature)):
        if kind in without and told:
            left.append(LeftOut(what=str(child.descriptor.digest), why=f"--without {kind}"))
            return True
    return False


# By platform


def _by_platform(
    roots: tuple[Root, ...], platforms: tuple[Platform, ...], where: str, left: list[LeftOut]
) -> Iterator[Root]:
    present = list(_present(roots))
    for wanted in platforms:
        if not any(platform.fits(wanted) for platform in present):
            listed = ", ".join(dict.fromkeys(map(str, present))) or "no platform"
            raise UsageError(f"no image for {wanted} in the archive", where=where, hint=f"there is {listed}")
    kept: set[Digest] = set()
    taken: list[Root] = []
    for root in roots:
        found = _root_by_platform(root, platforms, left)
        if found is not None:
            taken.append(found)
            kept |= {edge.descriptor.digest for edge in walk([found]) if edge.descriptor}
    gone = {edge.descriptor.digest for edge in walk(roots) if edge.descriptor and isinstance(edge.node, Image)} - kept
    for root in taken:
        spoken = subjects_of(root)
        if spoken and spoken <= gone:
            left.append(LeftOut(what=root.label, why="it speaks of a platform that was not asked for"))
        else:
            yield root


def _present(roots: tuple[Root, ...]) -> Iterator[Platform]:
    for edge in walk(roots):
        if isinstance(edge.node, Image):
            platform = platform_of(edge.descriptor, edge.node)
            if platform:
                yield platform


def _root_by_platform(root: Root, platforms: tuple[Platform, ...], left: list[LeftOut]) -> Root | None:
    if isinstance(root.node, Image):
        platform = root.platform
        if platform and any(platform.fits(wanted) for wanted in platforms):
            return root
        left.append(LeftOut(what=f"{root.label} ({platform})", why="--platform"))
        return None
    if not isinstance(root.node, Index):
        return root
    kept = {child.descriptor.digest for child in _leaves(root.node) if _fits(child, platforms)}
    if not kept:
        speaks = subjects_of(root)
        if speaks:  # an index of referrers: what it speaks of decides
            return root
        left.append(LeftOut(what=root.label, why="--platform"))
        return None

    filtered = _filtered(root, lambda child: _stays(child, kept, left))
    if filtered is root:
        return root
    alone = _alone(filtered.node)
    return _named(replace(filtered, node=alone.node, descriptor=alone.descriptor), root) if alone else filtered


def _stays(child: Child, kept: set[Digest], left: list[LeftOut]) -> bool:
    """Whether an entry of an index stays beside the images that were kept."""
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


def _leaves(index: Index) -> Iterator[Child]:
    for child in index.children:
        if isinstance(child.node, Index):
            yield from _leaves(child.node)
        else:
            yield child


def _alone(node: Node) -> Child | None:
    """Return the one image of an index that holds nothing else."""
    while isinstance(node, Index) and len(node.children) == 1:
        child = node.children[0]
        if isinstance(child.node, Image):
            return child
        node = child.node
    return None


def _named(nested: Root, root: Root) -> Root:
    """Give an entry of an index the place of the root it stood in: its annotations name it."""
    if nested.descriptor is None or root.descriptor is None:
        return nested
    annotations = {**nested.descriptor.annotations, **root.descriptor.annotations}
    return replace(nested, descriptor=nested.descriptor.annotate(annotations))


def _filtered(root: Root, stays: Callable[[Child], bool]) -> Root:
    """Return a root whose indexes hold only the children that stay; without a change it is the same object."""

    def below(node: Node) -> Node:
        if not isinstance(node, Index):
            return node
        children = []
        for child in node.children:
            if stays(child):
                inner = below(child.node)
                if (
                    isinstance(inner, Index)
                    and not inner.children
                    and isinstance(child.node, Index)
                    and child.node.children
                ):
                    continue
                children.append(child if inner is child.node else replace(child, node=inner))
        if len(children) == len(node.children) and all(a is b for a, b in zip(children, node.children, strict=True)):
            return node
        return replace(node, children=tuple(children))

    node = below(root.node)
    return root if node is root.node else replace(root, node=node)
