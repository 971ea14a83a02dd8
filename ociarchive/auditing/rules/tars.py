"""Rules about the tars of layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.auditing.controls import LAYERS
from ociarchive.auditing.rule import Fault, Rule, noticed, subject_of
from ociarchive.blobio.filetype import describe
from ociarchive.errors import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ociarchive.auditing.evidence import Evidence
    from ociarchive.container.walk import Walked
    from ociarchive.measure import Measured
    from ociarchive.model import Layer


def _walked(evidence: Evidence) -> Iterator[tuple[int, Layer, str, Measured, Walked]]:
    """Give every layer whose tar was read, with its number and place."""
    for image in evidence.images:
        for number, layer in enumerate(image.layers, 1):
            fact = evidence.fact(layer.source)
            if layer.source is not None and layer.unpacks and fact is not None and fact.tar is not None:
                yield number, layer, layer.source.where, fact, fact.tar


def _ended(rule: str) -> Callable[[Evidence], Iterator[Fault]]:
    """Return the check of a rule whose fault ends the reading of a tar."""

    def check(evidence: Evidence) -> Iterator[Fault]:
        for number, layer, where, _, tar in _walked(evidence):
            if tar.fault is not None and tar.fault.rule == rule:
                yield Fault(
                    location=where, subject=subject_of(layer), expected=tar.fault.expected, found=tar.fault.found,
                    message=f"layer {number}, byte {tar.fault.offset} of what it unpacks to: {tar.fault.message}",
                )  # fmt: skip

    return check


def _not_tar(evidence: Evidence) -> Iterator[Fault]:
    for number, layer, where, fact, tar in _walked(evidence):
        if tar.fault is not None and tar.fault.rule == "layer-not-tar":
            yield Fault(
                location=where, subject=subject_of(layer), expected="a tar", found=describe(fact.first),
                message=f"layer {number} is no tar",
            )  # fmt: skip


def _named(kind: str, one: str, several: str) -> Callable[[Evidence], Iterator[Fault]]:
    """Return the check of a rule about paths. It names the first path."""

    def check(evidence: Evidence) -> Iterator[Fault]:
        for number, layer, where, _, tar in _walked(evidence):
            named = getattr(tar, kind)
            if named is not None:
                more = f", and {several} {plural(named.count - 1, 'time')} more" if named.count > 1 else ""
                yield Fault(
                    location=where, subject=subject_of(layer), found=named.first,
                    message=f"layer {number}: {one}{more}",
                )  # fmt: skip

    return check


def _unchecked(evidence: Evidence) -> Iterator[Fault]:
    yield from _ended("layer-unchecked")(evidence)
    yield from noticed("layer-unchecked")(evidence)
    for number, layer, where, _, tar in _walked(evidence):
        if not tar.paths:
            yield Fault(
                location=where, subject=subject_of(layer),
                message=f"layer {number} has more paths than are kept: it was not looked for doubled ones and hard"
                " links to nothing, --limit layer-paths=N lifts this limit",
            )  # fmt: skip


_TAR: Final = "image-spec, layer.md, Distributable Format"

RULES: Final = (
    Rule(
        id="layer-not-tar", severity="warning", control=LAYERS, spec="image-spec, layer.md",
        summary="A layer of a layer's media type holds no tar.",
        advice="No engine can unpack it: make the image again.",
        check=_not_tar,
    ),
    Rule(
        id="layer-tar-truncated", severity="error", control=LAYERS,
        spec=f"{_TAR}; POSIX.1-2017, pax, ustar Interchange Format",
        summary="The tar of a layer is cut short, inside a member or a header.",
        advice="No engine can unpack it: make the image again. The digests are those of a layer that was cut before.",
        check=_ended("layer-tar-truncated"),
    ),
    Rule(
        id="layer-tar-damaged", severity="error", control=LAYERS,
        spec=f"{_TAR}; POSIX.1-2017, pax, ustar Interchange Format",
        summary="The tar of a layer has something else where a member's header has to be.",
        advice="No engine can unpack it: make the image again. The digests are those of a layer that was damaged"
        " before.",
        check=_ended("layer-tar-damaged"),
    ),
    Rule(
        id="layer-tar-ambiguous", severity="warning", control=LAYERS,
        spec="POSIX.1-2017, pax; GNU tar manual, Basic Tar Format",
        summary="The tar of a layer has headers that programs read in different ways.",
        advice="Two engines may unpack two sets of files; what follows was not looked at. Make the image again.",
        check=_ended("layer-tar-ambiguous"),
    ),
    Rule(
        id="layer-path-doubled", severity="warning", control=LAYERS,
        spec="vbatts/tar-split, tar/storage; image-spec, layer.md",
        summary="A layer has two members of one path.",
        advice="podman, and Docker's classic store, refuse such a layer: make the image again.",
        check=_named("doubled", "a path stands twice", "others do"),
    ),
    Rule(
        id="layer-path-outside", severity="warning", control=LAYERS, spec="image-spec, layer.md; CVE-2014-9356",
        summary="A layer has a path, or a hard link to one, that leaves the image's root by `..`.",
        advice="Engines refuse it or put it elsewhere; it may be an attack.",
        check=_named("outside", "a path leaves the root", "others do"),
    ),
    Rule(
        id="layer-path-absolute", severity="note", control=LAYERS, spec="image-spec, layer.md",
        summary="A layer has a path that begins with a slash, which engines leave out.",
        advice="Nothing is wrong.",
        check=_named("absolute", "a path begins with a slash", "others do"),
    ),
    Rule(
        id="layer-link-dangling", severity="warning", control=LAYERS, spec="image-spec, layer.md, Hardlinks",
        summary="A layer has a hard link to a path that neither it, before the link, nor a layer below has.",
        advice="Engines refuse such a layer: make the image again.",
        check=noticed("layer-link-dangling"),
    ),
    Rule(
        id="layer-unchecked", severity="note", control=LAYERS, spec="limits of this program (--limit NAME=N)",
        summary="The paths of a layer were not all looked at, since there are more than a limit allows.",
        advice="Its digests are proved; the limit that is named lifts this.",
        check=_unchecked,
    ),
)  # fmt: skip
