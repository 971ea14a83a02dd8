"""Random images, layouts and conversions for the properties."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.support.build import (
    AMD64,
    ARM64,
    ARMV7,
    Codec,
    Family,
    Image,
    Layer,
    Node,
    Platform,
    artifact,
    attestation,
    index,
    layer,
)

# Few contents, so that images come to share layers, the empty layer among them.
CONTENTS: tuple[Mapping[str, bytes], ...] = (
    {},
    {"a": b"a"},
    {"etc/b": b"b" * 2000, "etc/c": b""},
    {"bin/d": bytes(range(256)) * 20},
)
CODECS: tuple[Codec, ...] = ("none", "gzip", "zstd")
PLATFORMS: tuple[Platform, ...] = (
    AMD64,
    ARM64,
    ARMV7,
    Platform(architecture="s390x"),
    Platform(os="windows"),
)
NAMES = (
    "docker.io/library/app:1.0",
    "docker.io/corpus/app:latest",
    "registry.example:5000/team/app:v2-rc.1",
    "localhost/app:x",
)
# Values that a careless parser or writer changes: numbers that no double holds, nulls, empty and odd strings.
SCALARS = st.sampled_from(
    [None, True, False, 0, -(2**63), 2**63 - 1, 2**53 + 1, 1.5, "", "é\u2028\U0001f600", '"\\/\n', "<&>"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["k", "", "é"]), inner, max_size=2),
    max_leaves=4,
)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
ANNOTATIONS = st.dictionaries(st.sampled_from(["org.example.a", "org.example.é", "b"]), TEXTS, max_size=2)


@st.composite
def layers(draw: st.DrawFn, codecs: Sequence[Codec] = CODECS) -> Layer:
    """One layer, stored in any way and perhaps in several parts."""
    content = draw(st.sampled_from(CONTENTS))
    annotations = draw(ANNOTATIONS)
    members = {"annotations": annotations} if annotations else {}
    return layer(content, draw(st.sampled_from(codecs)), parts=draw(st.integers(1, 3)), members=members)


@st.composite
def images(draw: st.DrawFn, family: Family, platform: Platform, label: str) -> Image:
    """One image, with members that nobody knows; the label keeps it apart from every other."""
    codecs = CODECS if family == "oci" else CODECS[:2]
    extra: dict[str, Any] = draw(st.dictionaries(st.sampled_from(["x-one", "extra", "é"]), VALUES, max_size=2))
    annotations = draw(ANNOTATIONS)
    if annotations and family == "oci":
        extra["annotations"] = annotations
    return Image(
        layers=draw(st.lists(layers(codecs), max_size=4)),
        platform=platform,
        family=family,
        config_members={"author": label, **draw(st.dictionaries(st.just("x-config"), VALUES, max_size=1))},
        manifest_members=extra,
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """The roots of a layout, and what that means for the conversions it can go through."""

    roots: tuple[Node, ...]
    family: Family
    fits_dir: bool
    fits_docker: bool


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """One to three roots: images, indexes, indexes in indexes; named or not, attested or not, artifacts beside them."""
    family: Family = draw(st.sampled_from(["oci", "oci", "docker"]))
    attested = family == "oci" and draw(st.booleans())
    count = draw(st.integers(1, 3))
    names = draw(st.permutations(NAMES))
    roots, depths = [], []
    for number in range(count):
        node, depth = draw(trees(family, attested, f"image {number}"))
        node = node.annotated(**draw(ANNOTATIONS))
        match draw(st.sampled_from(["full", "tag", "bare", "both"])):
            case "full":
                node = node.named(names[number], names[number])
            case "tag":
                node = node.named(names[number], names[number].rpartition(":")[2])
            case "bare":
                node = node.named(ref_name=f"bare{number}")
            case "both":
                node = node.named(ref_name=names[number])
        roots.append(node)
        depths.append(depth)
    if family == "oci" and draw(st.booleans()):
        roots.append(artifact(draw(st.binary(max_size=9)), "application/vnd.example.doc", subject=roots[0]))
    images_alone = not attested and len(roots) == count
    return Plan(tuple(roots), family, len(roots) == 1 and depths[0] <= 1, images_alone)


@st.composite
def trees(draw: st.DrawFn, family: Family, attested: bool, label: str) -> tuple[Node, int]:
    """One root, and how many indexes deep it is."""
    depth = draw(st.integers(1 if attested else 0, 2))
    if depth == 0:
        return draw(images(family, AMD64, label)).node(), 0
    platforms = draw(st.lists(st.sampled_from(PLATFORMS), min_size=1, max_size=3, unique=True))
    nodes = [
        draw(images(family, one, f"{label}, {one}")).node(platform=one.members()).annotated(**draw(ANNOTATIONS))
        for one in platforms
    ]
    if attested:
        nodes += [attestation(node) for node in nodes]
    node = index(nodes, family=family, members=draw(st.dictionaries(st.just("x-index"), VALUES, max_size=1)))
    for _ in range(depth - 1):
        node = index([node], family=family)
    return node, depth


@dataclass(frozen=True, slots=True)
class Step:
    """One conversion of a chain."""

    form: str
    compression: str
    media_types: str

    @property
    def options(self) -> tuple[str, ...]:
        """Give the options that ask for it."""
        return ("--to", self.form, "--compression", self.compression, "--media-types", self.media_types)


def steps(plan: Plan) -> st.SearchStrategy[list[Step]]:
    """Chains of conversions that exist for what is planned."""
    forms = st.sampled_from(["docker-archive", "oci-layout", "oci-archive"] + (["dir"] if plan.fits_dir else []))
    compressions = st.sampled_from(["auto", "keep", "gzip", "zstd", "none"])
    kept = st.builds(Step, forms, compressions, st.just("keep" if plan.family == "oci" else "oci"))
    if not plan.fits_docker:
        return st.lists(kept, min_size=1, max_size=3)
    # Docker's types know no zstd, so a step to them says how layers are stored; after it, one may lead back.
    to_docker = st.builds(Step, forms, st.sampled_from(["gzip", "none"]), st.just("docker"))
    to_oci = st.builds(Step, forms, compressions, st.just("oci"))
    return st.lists(to_docker | to_oci, min_size=1, max_size=3)


def saved_images() -> st.SearchStrategy[list[Image]]:
    """Images as `docker save` wrote them before version 25, which is without compression."""
    plain = st.sampled_from(CONTENTS).map(layer)
    authors = st.fixed_dictionaries({"author": TEXTS})
    image = st.builds(Image, layers=st.lists(plain, min_size=1, max_size=3), config_members=authors)
    return st.lists(image, min_size=3, max_size=3, unique_by=lambda one: one.image_id)
