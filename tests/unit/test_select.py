"""Which images, platforms and companions come along."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ociarchive.errors import UsageError
from ociarchive.formats.format import LeftOut
from ociarchive.model import Archive, Child, Index, Root
from ociarchive.opening import open_archive
from ociarchive.selection.select import AmbiguousError, Selection, Selectors, matching, select
from ociarchive.values import Platform
from tests.support import build
from tests.support.build import AMD64, ARM64, ARMV7, Image, Node, Saved, artifact, attestation, index, layer, signature
from tests.support.tar import write_folder, write_tar

BASE = layer({"base": b"base"}, "gzip")


def image(label: str, platform: build.Platform | None = AMD64) -> Image:
    return Image(layers=[BASE], platform=platform, config_members={"author": label})


def of_platform(one: Image) -> Node:
    assert one.platform is not None
    return one.node(platform=one.platform.members())


APP = {platform.architecture: of_platform(image("app", platform)) for platform in (AMD64, ARM64, ARMV7)}
PROOFS = {name: attestation(APP[name]) for name in ("amd64", "arm64")}
APPS = index([*APP.values(), *PROOFS.values()])
OTHER = image("other").node()
BARE = image("bare", None).node()
SIGNED = signature(OTHER)
NOTE = artifact(b"note", "application/vnd.example.note", subject=OTHER)
NOTE_ON_NOTE = artifact(b"note on note", "application/vnd.example.note", subject=NOTE)
STATED = artifact(b"stated", "application/vnd.example.stated", subject=APP["arm64"])
ALONE = artifact(b"alone", "application/vnd.example.alone")
INNER = index([of_platform(image("inner", platform)) for platform in (AMD64, ARM64)])
OUTER = index([INNER])
LABELS = {
    **{node.digest: name for name, node in APP.items()},
    **{node.digest: f"proof of {name}" for name, node in PROOFS.items()},
    APPS.digest: "app",
    OTHER.digest: "other",
    BARE.digest: "bare",
    SIGNED.digest: "signature",
    NOTE.digest: "note",
    NOTE_ON_NOTE.digest: "note on note",
    STATED.digest: "stated",
    ALONE.digest: "alone",
    INNER.digest: "inner",
    OUTER.digest: "outer",
    **{child["digest"]: f"inner {child['platform']['architecture']}" for child in INNER.document["manifests"]},
}
MEMBERS = build.layout(
    NOTE_ON_NOTE,
    APPS.named("docker.io/corpus/app:1.0", "1.0"),
    OTHER.named("docker.io/library/other:2.0", "docker.io/library/other:2.0"),
    SIGNED.annotated(**{build.REF_NAME: f"sha256-{build.hexed(OTHER.digest)}.sig"}),
    NOTE,
    BARE.named(ref_name="bare"),
    STATED,
    ALONE.named(ref_name="alone"),
    OUTER.named(ref_name="outer"),
)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    found = open_archive(str(write_folder(tmp_path / "layout", MEMBERS)))
    yield found
    found.close()


def spelled(entry: Root | Child) -> str:
    """Spell a root as what it is, with what an index still holds."""
    label = LABELS[str(entry.descriptor.digest)] if entry.descriptor else "?"
    if isinstance(entry.node, Index):
        return f"{label}({', '.join(map(spelled, entry.node.children))})"
    return label


def labels(selection: Selection) -> list[str]:
    return [spelled(root) for root in selection.roots]


def whys(selection: Selection) -> dict[str, str]:
    found = {}
    for left in selection.left_out:
        what = left.what
        for digest, label in LABELS.items():
            what = what.replace(digest, label)
        found[what] = left.why
    return found


WHOLE_APP = "app(amd64, arm64, arm, proof of amd64, proof of arm64)"
WHOLE_OUTER = "outer(inner(inner amd64, inner arm64))"
BY_PLATFORM = "what it speaks of does not come along (--platform)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is asked for, the roots that come along, and what is said to be left out (None where that is long)."""

    images: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    without: frozenset[str] = field(default_factory=frozenset)
    roots: list[str]
    left: dict[str, str] | None = None


ALL = ["note on note", WHOLE_APP, "other", "signature", "note", "bare", "stated", "alone", WHOLE_OUTER]
OTHERS = ["other", "signature", "note", "note on note"]
CASES = {
    "all": Case(roots=ALL, left={}),
    "familiar": Case(images=("corpus/app:1.0",), roots=[WHOLE_APP, "stated"], left={}),
    "full": Case(images=("docker.io/corpus/app:1.0",), roots=[WHOLE_APP, "stated"], left={}),
    "old-name-of-the-host": Case(images=("index.docker.io/corpus/app:1.0",), roots=[WHOLE_APP, "stated"]),
    "ref-name": Case(images=("1.0",), roots=[WHOLE_APP, "stated"]),
    "bare": Case(images=("bare",), roots=["bare"]),
    "artifact": Case(images=("alone",), roots=["alone"]),
    "with-all-that-refers-to-it": Case(images=("other:2.0",), roots=OTHERS),
    "signature-alone": Case(images=(f"sha256-{build.hexed(OTHER.digest)}.sig",), roots=["signature"]),
    "manifest": Case(images=(OTHER.digest,), roots=OTHERS),
    "image-id": Case(images=(image("other").image_id,), roots=OTHERS),
    "index": Case(images=(APPS.digest,), roots=[WHOLE_APP, "stated"]),
    "entry-of-an-index": Case(images=(APP["amd64"].digest,), roots=["amd64"]),
    "entry-with-a-referrer": Case(images=(APP["arm64"].digest,), roots=["arm64", "stated"]),
    "image-id-of-an-entry": Case(images=(image("app", ARMV7).image_id,), roots=["arm"]),
    "inner-index": Case(images=(INNER.digest,), roots=["inner(inner amd64, inner arm64)"]),
    "referrer-without-a-name": Case(images=(NOTE.digest,), roots=["note", "note on note"]),
    "several-in-the-archives-order": Case(images=("bare", "other:2.0"), roots=["other", "bare", *OTHERS[1:]]),
    "one-twice": Case(images=("bare", "bare", BARE.digest), roots=["bare"]),
    "without-attestations": Case(
        without=frozenset({"attestations"}),
        roots=["note on note", "app(amd64, arm64, arm)", *ALL[2:]],
        left={"proof of amd64": "--without attestations", "proof of arm64": "--without attestations"},
    ),
    "without-signatures": Case(
        without=frozenset({"signatures"}),
        roots=[one for one in ALL if one != "signature"],
        left={f"sha256-{build.hexed(OTHER.digest)}.sig": "--without signatures"},
    ),
    "without-referrers": Case(
        without=frozenset({"referrers"}),
        roots=[WHOLE_APP, "other", "signature", "bare", "alone", WHOLE_OUTER],
        left=dict.fromkeys(("note on note", "note", "stated"), "--without referrers"),
    ),
    "without-all": Case(
        without=frozenset({"attestations", "signatures", "referrers"}),
        roots=["app(amd64, arm64, arm)", "other", "bare", "alone", WHOLE_OUTER],
    ),
    "one-platform": Case(
        platforms=("linux/arm64",),
        images=("corpus/app:1.0",),
        roots=["app(arm64, proof of arm64)", "stated"],
        left={
            "amd64 (linux/amd64)": "--platform",
            "arm (linux/arm/v7)": "--platform",
            "proof of amd64 (unknown/unknown)": "--platform",
        },
    ),
    "one-platform-alone-takes-the-place": Case(platforms=("linux/arm",), images=("corpus/app:1.0",), roots=["arm"]),
    "one-platform-without-its-attestation": Case(
        platforms=("linux/amd64",), images=("corpus/app:1.0",), without=frozenset({"attestations"}), roots=["amd64"]
    ),
    "two-platforms": Case(
        platforms=("linux/arm/v7", "linux/amd64"),
        images=("corpus/app:1.0",),
        roots=["app(amd64, arm, proof of amd64)"],
    ),
    "every-platform-changes-nothing": Case(
        platforms=("linux/amd64", "linux/arm64", "linux/arm"), images=("corpus/app:1.0",), roots=[WHOLE_APP, "stated"]
    ),
    "platform-of-an-inner-index": Case(platforms=("linux/arm64",), images=("outer",), roots=["inner arm64"]),
    "platform-of-several": Case(
        platforms=("linux/arm64",),
        images=("outer", "alone", "corpus/app:1.0"),
        roots=["app(arm64, proof of arm64)", "alone", "inner arm64", "stated"],
    ),
    "companions-of-what-does-not-fit": Case(
        platforms=("linux/amd64",),
        images=("corpus/app:1.0",),
        roots=["app(amd64, proof of amd64)"],
        left={
            "arm64 (linux/arm64)": "--platform",
            "arm (linux/arm/v7)": "--platform",
            "proof of arm64 (unknown/unknown)": "--platform",
            "stated": BY_PLATFORM,
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_selected(name: str, archive: Archive) -> None:
    case = CASES[name]
    selectors = Selectors(
        images=case.images, platforms=tuple(map(Platform.parse, case.platforms)), without=case.without
    )
    selection = select(archive.roots, selectors, archive.where)
    assert labels(selection) == case.roots
    if case.left is not None:
        assert whys(selection) == case.left


def test_what_changes_nothing_gives_the_same_objects(archive: Archive) -> None:
    every = tuple(Platform.parse(f"linux/{name}") for name in ("amd64", "arm64", "arm"))
    selectors = Selectors(images=("1.0",), platforms=every, without=frozenset({"signatures"}))
    chosen = select(archive.roots, selectors, archive.where).roots
    assert chosen[0].node is archive.roots[1].node


def test_a_platform_alone_takes_the_name_of_its_index(archive: Archive) -> None:
    selectors = Selectors(images=("1.0",), platforms=(Platform.parse("linux/arm"),))
    (root,) = select(archive.roots, selectors, archive.where).roots
    assert (root.label, root.ref_name) == ("docker.io/corpus/app:1.0", "1.0")
    assert root.descriptor is not None
    assert root.descriptor.annotations == {build.CONTAINERD_NAME: "docker.io/corpus/app:1.0", build.REF_NAME: "1.0"}
    assert str(root.descriptor.digest) == APP["arm"].digest


# name: what is asked for, words of the message
REFUSED: dict[str, tuple[Selectors, list[str]]] = {
    "no-such-name": (Selectors(images=("nothing:1",)), ["no image 'nothing:1'", "there is "]),
    "nearest-first": (Selectors(images=("corpus/ap:1.0",)), ["there is docker.io/corpus/app:1.0, "]),
    "other-tag": (Selectors(images=("corpus/app:2.0",)), ["no image 'corpus/app:2.0'"]),
    "no-name-at-all": (Selectors(images=("UPPER/Case",)), ["no image 'UPPER/Case'"]),
    "no-such-digest": (Selectors(images=(f"sha256:{'0' * 64}",)), ["nothing has the digest sha256:0000"]),
    "second-of-two": (Selectors(images=("bare", "nothing")), ["no image 'nothing'"]),
    "digest-of-a-layer": (Selectors(images=(BASE.digest,)), ["nothing has the digest"]),
    "no-such-platform": (
        Selectors(platforms=(Platform.parse("linux/s390x"),)),
        ["no image for linux/s390x", "there is linux/amd64, linux/arm64, linux/arm/v7"],
    ),
    "one-of-two-platforms": (
        Selectors(platforms=(Platform.parse("linux/amd64"), Platform.parse("windows/amd64"))),
        ["no image for windows/amd64"],
    ),
    "platform-of-what-has-none": (
        Selectors(images=("bare",), platforms=(Platform.parse("linux/amd64"),)),
        ["no image for linux/amd64", "there is no platform"],
    ),
    "variant": (Selectors(platforms=(Platform.parse("linux/arm/v6"),)), ["no image for linux/arm/v6"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, archive: Archive) -> None:
    selectors, words = REFUSED[name]
    with pytest.raises(UsageError) as caught:
        select(archive.roots, selectors, "a.tar")
    for word in words:
        assert word in str(caught.value)
    assert caught.value.where == "a.tar"


def opened(path: Path, *roots: Node) -> Archive:
    return open_archive(str(write_folder(path, build.layout(*roots))))


def test_of_a_name_that_fits_several_each_is_listed(tmp_path: Path) -> None:
    archive = opened(
        tmp_path / "layout",
        BARE.named("docker.io/corpus/one:1", "latest"),
        OTHER.named("docker.io/corpus/two:1", "latest"),
    )
    with pytest.raises(AmbiguousError, match="'latest' names several images") as caught:
        select(archive.roots, Selectors(images=("latest",)), "a.tar")
    assert all(text in str(caught.value) for text in ("corpus/one:1", "corpus/two:1", BARE.digest, OTHER.digest))


def test_an_exact_name_goes_before_a_familiar_one(tmp_path: Path) -> None:
    archive = opened(tmp_path / "layout", BARE.named("docker.io/library/app:1", ""), OTHER.named(ref_name="app:1"))
    assert [spelled(root) for root in matching(archive.roots, "app:1", "a.tar")] == ["other"]
    with pytest.raises(AmbiguousError):  # both claim the full one
        matching(archive.roots, "docker.io/library/app:1", "a.tar")


def test_an_archive_with_many_names_lists_some(tmp_path: Path) -> None:
    archive = opened(tmp_path / "layout", *[BARE.named(ref_name=f"name{number}") for number in range(30)])
    with pytest.raises(UsageError, match="and 18 more"):
        select(archive.roots, Selectors(images=("none",)), "a.tar")
    empty = opened(tmp_path / "empty")
    with pytest.raises(UsageError, match="there is nothing"):
        select(empty.roots, Selectors(images=("none",)), "a.tar")


def test_of_a_docker_archive_an_image_comes_under_the_name_that_was_asked_for(tmp_path: Path) -> None:
    saved = Saved(image=image("app"), tags=("corpus/app:1.0", "corpus/app:latest"))
    archive = open_archive(
        str(write_tar(tmp_path / "a.tar", build.docker_archive(saved, Saved(image=image("b"), tags=None))))
    )
    try:
        for asked, names in {
            ("corpus/app",): ["docker.io/corpus/app:latest"],
            ("corpus/app:1.0", "corpus/app"): ["docker.io/corpus/app:1.0", "docker.io/corpus/app:latest"],
            (image("app").image_id,): ["docker.io/corpus/app:1.0", "docker.io/corpus/app:latest"],
        }.items():
            (root,) = select(archive.roots, Selectors(images=asked), "a.tar").roots
            assert list(map(str, root.names)) == names
        with pytest.raises(UsageError, match=f"there is .*{image('b').image_id}"):
            select(archive.roots, Selectors(images=("nothing",)), "a.tar")
        (alone,) = select(archive.roots, Selectors(images=(image("b").image_id,)), "a.tar").roots
        assert alone.label == image("b").image_id
    finally:
        archive.close()


# name: a root beside an image, what it is by --without
KINDS: dict[str, tuple[Node, str]] = {
    "cosign-attestation": (ALONE.named(ref_name=f"sha256-{build.hexed(OTHER.digest)}.att"), "attestations"),
    "cosign-sbom": (ALONE.named(ref_name=f"sha256-{build.hexed(OTHER.digest)}.sbom"), "referrers"),
    "referrers-tag": (index([NOTE]).named(ref_name=f"sha256-{build.hexed(OTHER.digest)}"), "referrers"),
    "saved-signature": (SIGNED.annotated(kind="dev.cosignproject.cosign/sigs"), "signatures"),
    "saved-attestation": (ALONE.annotated(kind="dev.cosignproject.cosign/atts"), "attestations"),
    "saved-sbom": (ALONE.annotated(kind="dev.cosignproject.cosign/sboms"), "referrers"),
    "sigstore-bundle": (artifact(b"{}", "application/vnd.dev.sigstore.bundle.v0.3+json", subject=OTHER), "signatures"),
    "notation": (artifact(b"{}", "application/vnd.cncf.notary.signature", subject=OTHER), "signatures"),
    "statement": (attestation(OTHER), "attestations"),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_left_out_by_its_kind(name: str, tmp_path: Path) -> None:
    root, kind = KINDS[name]
    archive = opened(tmp_path / "layout", OTHER.named(ref_name="other"), root)
    for without in ("attestations", "signatures", "referrers"):
        selection = select(archive.roots, Selectors(without=frozenset({without})), "a.tar")
        assert len(selection.roots) == (1 if without == kind else 2)
        assert [left.why for left in selection.left_out] == ([f"--without {kind}"] if without == kind else [])


def test_images_and_indexes_of_other_platforms_are_left_out(tmp_path: Path) -> None:
    """An index of referrers stays where what it speaks of does."""
    here, there = (image(name, platform).node() for name, platform in (("here", AMD64), ("there", ARM64)))
    of_here = artifact(b"of here", "application/vnd.example.note", subject=here)
    archive = opened(
        tmp_path / "layout",
        here.named(ref_name="here"),
        there.named(ref_name="there"),
        index([there]).named(ref_name="index"),
        BARE.named(ref_name="bare"),
        index([of_here]).named(ref_name=f"sha256-{build.hexed(here.digest)}"),
        index([NOTE]).named(ref_name=f"sha256-{build.hexed(there.digest)}"),
    )
    selection = select(archive.roots, Selectors(platforms=(Platform.parse("linux/amd64"),)), "a.tar")
    assert [root.ref_name for root in selection.roots] == ["here", f"sha256-{build.hexed(here.digest)}"]
    assert [left.what for left in selection.left_out] == [
        "there (linux/arm64)",
        "index",
        "bare (None)",
        f"sha256-{build.hexed(there.digest)}",
    ]


def test_of_entries_of_one_index_the_first_has_its_name(tmp_path: Path) -> None:
    """Two manifests of one config, as a gzip and a zstd variant of one image have it."""
    variants = [Image(layers=[layer({"base": b"base"}, codec)]) for codec in ("gzip", "zstd")]
    nodes = [one.node() for one in variants]
    archive = opened(tmp_path / "layout", index(nodes).named("docker.io/corpus/app:1", "1"))
    chosen = select(archive.roots, Selectors(images=(variants[0].image_id,)), "a.tar").roots
    assert [str(root.descriptor.digest) for root in chosen if root.descriptor] == [node.digest for node in nodes]
    assert [list(map(str, root.names)) for root in chosen] == [["docker.io/corpus/app:1"], []]
    assert [root.descriptor.annotations for root in chosen if root.descriptor][1] == {}


def test_left_out_of_an_index_in_an_index(tmp_path: Path) -> None:
    inner = index([APP["amd64"], PROOFS["amd64"]])
    proofs_alone = index([PROOFS["amd64"]])
    archive = opened(tmp_path / "layout", index([inner, proofs_alone]).named(ref_name="app"))
    selection = select(archive.roots, Selectors(without=frozenset({"attestations"})), "a.tar")
    (root,) = selection.roots
    assert isinstance(root.node, Index)
    assert [len(child.node.children) for child in root.node.children if isinstance(child.node, Index)] == [1]
    assert set(selection.left_out) == {LeftOut(what=PROOFS["amd64"].digest, why="--without attestations")}
