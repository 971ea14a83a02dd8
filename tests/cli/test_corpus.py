"""Every archive of the corpus, read and converted, against facts that no line of the package had a part in."""

import dataclasses
import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import ociarchive
from ociarchive.auditing import Finding, Policy, Report
from ociarchive.auditing.audit import report_of
from ociarchive.auditing.evidence import Evidence
from ociarchive.transform import reading_back
from tests.support import oracle
from tests.support import truth as truths
from tests.support.call import Call, told
from tests.support.check import FORMATS

TRUTHS = truths.load()
# One of these says nothing that the source did not say already.
EXPECTED_NEW = {"signature-stale"}


@pytest.mark.parametrize("name", TRUTHS)
def test_inspect_agrees_with_the_truth(name: str, cli_call: Call) -> None:
    true = TRUTHS[name]
    found = told(cli_call("inspect", "--format", "json", true.path)).archive()

    assert found["format"] == true.format
    assert by_manifest(found["images"]) == {
        one.manifest or one.image_id: (
            one.image_id,
            one.platform,
            one.diff_ids,
            one.stored,
            one.references,
            one.ref_names,
        )
        for one in true.images
    }
    for image in found["images"]:
        assert image["manifest"] in {one.manifest for one in true.images} or true.format == "dir"
        assert {one["verified"] for one in image["layers"]} <= {None}
    others = {(one["manifest"], one["subject"]) for one in found["artifacts"]}
    assert others == {(one.manifest, one.refers_to) for one in true.others}


@pytest.mark.parametrize("name", TRUTHS)
def test_inspect_agrees_with_an_independent_reader(name: str, cli_call: Call) -> None:
    true = TRUTHS[name]
    facts = oracle.read(true.path, sparse=bool(true.missing))
    layers = {one.digest: one for image in facts.images for one in image.layers}
    indexes = {image.manifest: image.index for image in facts.images}
    for image in told(cli_call("inspect", "--format", "json", true.path)).archive()["images"]:
        assert image["index"] == indexes.get(image["manifest"])
        if image["manifest"]:
            for one in image["layers"]:
                assert (one["size"], one["media_type"]) == (
                    layers[one["digest"]].size,
                    layers[one["digest"]].media_type,
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One conversion; `selected` is the name that was asked for where DEST cannot hold all."""

    name: str
    form: str
    compression: str
    selected: str = ""

    @property
    def true(self) -> truths.Truth:
        return TRUTHS[self.name]

    @property
    def images(self) -> list[truths.TrueImage]:
        """Give what must come out."""
        return [one for one in self.true.images if not self.selected or self.selected in one.references | one.ref_names]

    @property
    def keeps_media_types(self) -> bool:
        """Tell where Docker's media types, which know no zstd, have to give way."""
        return not (self.compression == "zstd" and docker_types(self.name))

    @property
    def options(self) -> list[str]:
        """Give the options without which this combination does not exist."""
        options = [] if self.keeps_media_types else ["--media-types", "oci"]
        options += ["--platform", "linux/amd64"] if self.true.missing else []
        return options + (["--image", self.selected] if self.selected else [])

    def stored(self, image: truths.TrueImage) -> tuple[str, ...]:
        """Say how the layers of an image must be stored."""
        if self.compression in {"gzip", "zstd", "none"}:
            return (self.compression,) * len(image.diff_ids)
        if self.compression == "keep":
            return image.stored
        if self.form == "docker-archive":
            return tuple("gzip" if one == "zstd" else one for one in image.stored)
        return image.stored if self.true.has_manifests else ("gzip",) * len(image.diff_ids)


@functools.cache
def docker_types(name: str) -> bool:
    return truths.uses_docker_types(TRUTHS[name].path)


def selections(true: truths.Truth, form: str) -> list[str]:
    """Give the names to ask for one by one, since a `dir` holds one image or one index."""
    names = {frozenset(one.references | one.ref_names) for one in true.images}
    artifacts = any(one.kind == "artifact" for one in true.others)
    if form != "dir" or (len(names) == 1 and not artifacts):
        return [""]
    return sorted(frozenset[str]().union(*names))


CASES = [
    Case(name=name, form=form, compression=compression, selected=selected)
    for name, true in TRUTHS.items()
    for form in FORMATS
    for compression in truths.COMPRESSIONS
    for selected in selections(true, form)
]


@pytest.mark.parametrize(
    "case", [pytest.param(one, id="-".join(filter(None, dataclasses.astuple(one)))) for one in CASES]
)
def test_converts(case: Case, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    dest = tmp_path / "dest"
    arguments = ("convert", case.true.path, dest, "--to", case.form, "--compression", case.compression)
    proved: list[Report] = []

    def recorded(evidence: Evidence, findings: Sequence[Finding], policy: Policy) -> Report:
        proved.append(report_of(evidence, findings, policy, "all"))
        return proved[-1]

    monkeypatch.setattr(reading_back, "report_of", recorded)
    told(cli_call(*arguments, "--no-sync", *case.options))

    facts = oracle.read(dest)
    assert facts.format == case.form
    assert {(one.image_id, one.platform, one.diff_ids) for one in facts.images} == {
        (one.image_id, one.platform, one.diff_ids) for one in case.images
    }
    for one in case.images:
        for found in facts.by_id(one.image_id):
            assert found.stored == case.stored(one)
            if case.keeps_media_types and found.stored == one.stored and one.manifest is not None:
                assert found.manifest == one.manifest
    assert not facts.strays
    if case.form == "docker-archive":
        oracle.hybrid(facts)
    if case.form != "dir":
        assert_named(facts, case)
        assert_annotated(facts, oracle.read(case.true.path, sparse=bool(case.true.missing)))
    if not case.true.missing and not case.selected:
        assert_accompanied(facts, case.true)

    before = cli_call("audit", "--format", "json", case.true.path).rules()
    after = told(cli_call("audit", "--format", "json", dest))
    assert after.rules("error") == set()
    assert after.rules() - before <= EXPECTED_NEW
    # What the conversion knew of DEST, most of it without unpacking, is what an audit finds that knows nothing.
    (report,) = proved
    (found,), (mine,) = after.json()["archives"], json.loads(ociarchive.render_audit(report, "json"))["archives"]
    assert mine == {**found, "digest": None}  # of the whole file, which only a receipt asks a conversion for


def by_manifest(images: list[dict[str, Any]]) -> Mapping[str, tuple[Any, ...]]:
    """One row for each manifest, since an archive may name a manifest twice and a list may show it once or twice."""
    rows: dict[str, tuple[Any, ...]] = {}
    for one in images:
        key = one["manifest"] if one["manifest"] in TRUE_MANIFESTS else one["image_id"]
        references, ref_names = frozenset(one["references"]), frozenset(one["ref_names"])
        if key in rows:
            references, ref_names = references | rows[key][4], ref_names | rows[key][5]
        rows[key] = (
            one["image_id"],
            one["platform"],
            tuple(layer["diff_id"] for layer in one["layers"]),
            tuple(layer["compression"] for layer in one["layers"]),
            references,
            ref_names,
        )
    return rows


TRUE_MANIFESTS = {one.manifest for true in TRUTHS.values() for one in true.images} - {None}


def assert_named(facts: oracle.Facts, case: Case) -> None:
    """Every full name is there and no other; a bare ref.name stays, and the tag of a full one may stand beside it.

    In a docker-archive none is all that an image has: Docker would load the image and not show it.
    """
    for image_id in {one.image_id for one in case.images}:
        before = [one for one in case.images if one.image_id == image_id]
        after = facts.by_id(image_id)
        references = union(one.references for one in after)
        assert references == union(one.references for one in before)
        bare = union(one.ref_names for one in before)
        extra = union(one.ref_names for one in after) - bare
        if case.form == "docker-archive" and not references:
            assert not union(one.ref_names for one in after)
        else:
            assert bare <= union(one.ref_names for one in after)
        assert extra <= {name.rpartition(":")[2] for name in references}
    if case.true.format == "docker-archive" and not any(one.manifest for one in case.images):
        assert_new_names(facts)


def assert_new_names(facts: oracle.Facts) -> None:
    """Where only RepoTags gave a name, it has a descriptor of its own and stands in both annotations."""
    described = [(root["digest"], root.get("annotations") or {}) for root in facts.roots]
    for one in facts.images:
        names = [annotations for digest, annotations in described if digest == one.manifest]
        assert sorted(name[oracle.CONTAINERD_NAME] for name in names if name) == sorted(one.references)
        if facts.format != "docker-archive":
            assert all(name.get(oracle.REF_NAME) == name.get(oracle.CONTAINERD_NAME) for name in names)


def assert_annotated(after: oracle.Facts, before: oracle.Facts) -> None:
    """Annotations of the entry document's descriptors, of manifests and of layers whose bytes stay come along."""
    kept = [one.get("annotations") or {} for one in after.roots]
    for root in before.roots:
        told_of = dict(root.get("annotations") or {})
        if after.format == "docker-archive" and not any(map(oracle.is_name, told_of.values())):
            told_of.pop(oracle.REF_NAME, None)
        old = told_of.items()
        assert any(old <= new.items() for new in kept), f"{old} not in {kept}"
    for one in before.images:
        for found in after.by_id(one.image_id):
            assert (one.document.get("annotations") or {}).items() <= (found.document.get("annotations") or {}).items()
            assert set(one.document) <= set(found.document)
            for old_layer, new_layer in zip(one.layers, found.layers, strict=True):
                if old_layer.digest == new_layer.digest:
                    assert old_layer.descriptor.get("annotations") == new_layer.descriptor.get("annotations")


def assert_accompanied(facts: oracle.Facts, true: truths.Truth) -> None:
    """Attestations and artifacts come along, and speak of the same image under its new digest."""
    ids = {one.manifest: one.image_id for one in facts.images}
    expected = sorted((true.manifests.get(one.refers_to) or one.refers_to or "") for one in true.others)
    assert sorted((ids.get(one.refers_to) or one.refers_to or "") for one in facts.others) == expected


def union(names: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*names)
