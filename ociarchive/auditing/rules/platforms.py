"""Rules about platforms: what an index says about its images. Engines choose images by it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ociarchive.auditing.controls import IDENTITY
from ociarchive.auditing.rule import Fault, Rule
from ociarchive.errors import clipped
from ociarchive.model import Image, Index, Missing
from ociarchive.schema import spelled
from ociarchive.values import MAX_WORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing.evidence import Evidence
    from ociarchive.model import Child
    from ociarchive.values import Digest, Platform

#: By these annotations containers/image distinguishes images of one platform that are compressed differently.
_COMPRESSION: Final = "io.github.containers.compression."
_UNKNOWN: Final = "unknown"


def _mismatch(evidence: Evidence) -> Iterator[Fault]:
    for edge in evidence.edges:
        told = edge.descriptor.platform if edge.descriptor else None
        real = edge.node.platform if isinstance(edge.node, Image) else None
        if edge.descriptor is None or told is None or real is None or not all(_both(one) for one in (told, real)):
            continue
        differing = _differing(_usual(told), _usual(real))
        if differing:
            yield Fault(
                location=evidence.place(str(edge.descriptor.digest)), subject=edge.descriptor.digest,
                expected=_shown(told, differing), found=_shown(real, differing),
                message="the index gives an image another platform than its config",
            )  # fmt: skip


def _both(platform: Platform) -> bool:
    return bool(platform.os and platform.architecture)


def _usual(platform: Platform) -> Platform:
    """Return a platform in Go's spelling. Another spelling is a separate fault."""
    return replace(platform, os=spelled("os", platform.os), architecture=spelled("architecture", platform.architecture))


def _differing(told: Platform, real: Platform) -> frozenset[str]:
    """Return the members in which two platforms contradict each other. A member of only one is no contradiction.

    The members have Go's names. Features are a set.
    """
    pairs = {
        "os": (told.os, real.os),
        "architecture": (told.architecture, real.architecture),
        "variant": (told.variant, real.variant),
        "os.version": (told.os_version, real.os_version),
        "os.features": (frozenset(told.os_features), frozenset(real.os_features)),
    }
    return frozenset(name for name, (one, other) in pairs.items() if one and other and one != other)


def _shown(platform: Platform, differing: frozenset[str]) -> str:
    """Return a platform as OS/ARCH[/VARIANT] and, where they differ, the members that this does not show."""
    parts = [str(platform)]
    if "os.version" in differing:
        parts.append(f"os.version {platform.os_version}")
    if "os.features" in differing:
        parts.append(clipped(f"os.features {', '.join(sorted(platform.os_features))}", MAX_WORD))
    return ", ".join(parts)


def _doubled(evidence: Evidence) -> Iterator[Fault]:
    for edge in {id(edge.node): edge for edge in evidence.edges}.values():
        index = edge.node
        if not isinstance(index, Index):
            continue
        where = index.source.where if index.source is not None else evidence.place("an index")
        owners: dict[object, Child] = {}
        for child in index.children:
            platform = child.descriptor.platform
            if platform is None or platform.os == _UNKNOWN or not _is_image(child):
                continue
            first = owners.setdefault(_chosen_by(child, platform), child)
            if _identity(first) != _identity(child):
                yield Fault(
                    location=where, subject=child.descriptor.digest, expected="one image of each platform",
                    found=f"{_whole(platform)}, as {first.descriptor.digest.short} has it",
                    message="two images of an index have the same platform",
                )  # fmt: skip


def _identity(child: Child) -> Digest:
    """Return what distinguishes images. One image that is compressed in two ways counts as one, whichever is chosen."""
    image_id = child.node.image_id if isinstance(child.node, Image) else None
    return image_id or child.descriptor.digest


def _is_image(child: Child) -> bool:
    """Whether an entry leads to an image, as far as that is known where the image is absent."""
    if isinstance(child.node, Missing):
        return child.refers_to is None and child.descriptor.artifact_type is None
    return isinstance(child.node, Image)


def _chosen_by(child: Child, platform: Platform) -> object:
    """Return all by which engines choose an entry of an index."""
    annotations = child.descriptor.annotations
    compressed = tuple(sorted(item for item in annotations.items() if item[0].startswith(_COMPRESSION)))
    return replace(platform, os_features=tuple(sorted(set(platform.os_features)))), compressed


def _whole(platform: Platform) -> str:
    named = frozenset(name for name, value in (("os.version", platform.os_version),) if value)
    return _shown(platform, named | ({"os.features"} if platform.os_features else frozenset()))


RULES: Final = (
    Rule(
        id="platform-mismatch", severity="warning", control=IDENTITY, spec="image-spec, image-index.md, platform",
        summary="An index gives an image another platform than the image's own config.",
        advice="Engines choose by the index: the wrong image may be run. Build the index again.",
        check=_mismatch,
    ),
    Rule(
        id="platform-doubled", severity="warning", control=IDENTITY, spec="image-spec, image-index.md, platform",
        summary="Two images of an index have platforms that agree in every member.",
        advice="Engines take the first of them, or the last: leave one out of the index, or tell them apart.",
        check=_doubled,
    ),
)  # fmt: skip
