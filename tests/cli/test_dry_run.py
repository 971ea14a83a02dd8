"""`convert --dry-run`: what it says is what happens, it reads no layer, and it leaves nothing behind."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from ociarchive.selection.argument import Source
from ociarchive.transform import rehearse as module
from ociarchive.transform.convert import convert
from ociarchive.transform.options import options
from tests.support import build
from tests.support.build import Image, layer
from tests.support.call import Call, hidden, refused, told
from tests.support.tar import changed, write_folder

if TYPE_CHECKING:
    from pathlib import Path

ONE, OTHER = layer({"a": b"a"}, "gzip"), layer({"b": b"b" * 3000}, "zstd")
NODE = Image(layers=[ONE, OTHER]).node().named("docker.io/corpus/app:1.0", "1.0")


def notices(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("notice: ", "warning: "))]


CALLS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "kept": ("docker26-containerd-multi.tar", "oci-layout", ()),
    "made": ("docker20.tar", "oci-layout", ()),
    "made-plain": ("docker20.tar", "dir", ("--compression", "none")),
    "recompressed": ("buildx-oci-zstd.tar", "docker-archive", ()),
    "retyped": ("skopeo-oci", "dir", ("--media-types", "docker")),
    "attested": ("buildx-oci-attested.tar", "docker-archive", ()),
    "one-platform": ("skopeo-oci-multi", "oci-archive", ("--platform", "linux/arm64")),
    "sparse": ("ctr-export-sparse.tar", "oci-layout", ()),
    "left-out": ("docker20.tar", "dir", ("--tag", "a/b:1")),
    "mistyped": ("skopeo-dir", "oci-layout", ()),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_said_is_what_happens(name: str, corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    source, form, extra = CALLS[name]
    call: tuple[str | Path, ...] = ("convert", corpus / source, tmp_path / "dest", "--to", form, *extra)
    dry = told(cli_call(*call, "--dry-run", "-v"))
    assert not list(tmp_path.iterdir())
    real = told(cli_call(*call, "-v"))
    of_layers = "warning: media-type-mismatch: "  # which shows only once a layer is read
    assert notices(dry.stderr) == [line for line in notices(real.stderr) if not line.startswith(of_layers)]
    asked = {"platforms": extra[1]} if extra[:1] == ("--platform",) else {}
    asked |= {"compression": extra[1]} if extra[:1] == ("--compression",) else {}
    asked |= {"media_types": extra[1]} if extra[:1] == ("--media-types",) else {}
    asked |= {"tag": extra[1]} if extra[:1] == ("--tag",) else {}
    made = options(to=form, **asked)  # type: ignore[arg-type]
    sources = [Source(path=str(corpus / source))]
    planned = module.rehearse(sources, str(tmp_path / "again"), made)
    done = convert(sources, str(tmp_path / "again"), made)
    assert len(planned.changes) == len(done.changes)
    for before, after in zip(planned.changes, done.changes, strict=True):
        assert (before.kind, before.old) == (after.kind, after.old)
        if before.new.digest not in planned.unknown:
            assert before.new == after.new
        else:
            assert after.old is None or after.old.digest != after.new.digest
    for change in done.changes:
        if change.old is not None and change.old.digest == change.new.digest:
            assert f"{change.kind} {change.old.digest} stays" in re.sub(r"\s+", " ", dry.stdout)


def test_no_layer_is_read(tmp_path: Path, cli_call: Call) -> None:
    wrong = changed(build.layout(NODE), build.blob_path(ONE.digest), ONE.stored[:20] + bytes(len(ONE.stored) - 20))
    folder = write_folder(tmp_path / "wrong", wrong)
    call = ("convert", folder, tmp_path / "dest", "--to", "dir", "--compression", "gzip")
    result = told(cli_call(*call, "--dry-run"))
    assert "no layer was read" in re.sub(r"\s+", " ", result.stdout)
    assert all(len(line) <= 80 for line in result.stdout.splitlines() if str(tmp_path) not in line)
    assert "a digest that shows once layers are read" in re.sub(r"\s+", " ", result.stdout)
    assert "1 layer of" in result.stdout
    refused(cli_call(*call), 1, tmp_path / "dest")


def test_nothing_is_touched(corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    old = write_folder(tmp_path / "old", build.layout(NODE))
    before = sorted((entry.path, entry.stat().st_mtime_ns) for entry in os.scandir(tmp_path))
    for extra in (("--force",), ("--merge",)):
        told(cli_call("convert", corpus / "docker20.tar", old, "--to", "oci-layout", "--dry-run", *extra))
    told(cli_call("convert", old, "-", "--to", "oci-archive", "--dry-run"))
    assert sorted((entry.path, entry.stat().st_mtime_ns) for entry in os.scandir(tmp_path)) == before
    assert not hidden(tmp_path)


WRONG = {
    "dest-exists": ("old", ("--to", "oci-layout")),
    "no-folder": ("absent/dest", ("--to", "oci-layout")),
    "no-image": ("dest", ("--to", "oci-layout", "--image", "none:1")),
    "outer": ("dest", ("--to", "dir", "--outer", "gzip")),
    "merge": ("dest", ("--to", "oci-layout", "--merge")),
    "preserve": ("dest", ("--to", "oci-layout", "--compression", "zstd", "--preserve-digests")),
    "in-source": ("source/blobs/x", ("--to", "oci-layout")),
    "stdout": ("-", ("--to", "dir")),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused_is_refused_with_the_same_words(name: str, tmp_path: Path, cli_call: Call) -> None:
    dest, extra = WRONG[name]
    source = write_folder(tmp_path / "source", build.layout(NODE))
    write_folder(tmp_path / "old", build.layout(NODE))
    call = ("convert", source, dest if dest == "-" else tmp_path / dest, *extra)
    assert refused(cli_call(*call, "--dry-run"), 2) == refused(cli_call(*call), 2)


def test_a_document_at_fault_is_an_error(tmp_path: Path, cli_call: Call) -> None:
    raw = NODE.blobs[NODE.digest]
    folder = write_folder(tmp_path / "x", changed(build.layout(NODE), build.blob_path(NODE.digest), raw + b" "))
    call = ("convert", folder, tmp_path / "dest", "--to", "dir")
    assert refused(cli_call(*call, "--dry-run"), 1) == refused(cli_call(*call), 1)


def test_no_receipt_of_what_is_not_written(corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    call = ("convert", corpus / "docker20.tar", tmp_path / "d", "--to", "dir", "--dry-run", "--receipt", tmp_path / "r")
    assert "writes nothing" in refused(cli_call(*call), 2)
    assert not list(tmp_path.iterdir())


def test_a_rehearsal_says_what_each_name_is(corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    for name, kinds in (
        ("docker20.tar", ["image"]),
        ("crane-oci-list", ["index"]),
        ("oras-artifact", ["artifact", "image"]),
    ):
        shown = told(cli_call("convert", corpus / name, tmp_path / "x", "--to", "oci-layout", "--dry-run")).stdout
        rows = [
            line.split()[0]
            for line in shown.splitlines()
            if line.startswith(("  image  ", "  index  ", "  artifact  "))
        ]
        assert set(rows) == set(kinds), shown


def test_a_rehearsal_says_of_an_image_id_that_it_stays(
    corpus: Path, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    call = ("convert", corpus / "docker20.tar", tmp_path / "x", "--to", "oci-layout", "--dry-run")
    shown = told(cli_call(*call)).stdout.splitlines()
    assert "  config  0b0c57a83d23 stays" in shown
    assert "  1 blob of 2.6 KiB copied unchanged" in shown


def test_whole_digests_of_a_conversion_stand_under_their_rows(
    corpus: Path, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    call = ("convert", corpus / "docker20.tar", tmp_path / "x", "--to", "oci-layout", "-v", "--no-sync")
    shown = told(cli_call(*call)).stderr.splitlines()
    rows = [number for number, line in enumerate(shown) if line.startswith("  diff_id  ")]
    assert len(rows) == 3
    assert all(shown[number + 1].startswith("    sha256:") for number in rows)
