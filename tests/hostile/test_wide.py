"""What is small and means much work comes to its end within the bounds, whichever command and report is asked for."""

import os
import shutil
from pathlib import Path

import pytest

from tests.hostile.parts import LAYER
from tests.hostile.process import MEMORY, Ended, run
from tests.hostile.wide import CASES, LARGEST
from tests.support.build import ARM64, Image, layout
from tests.support.tar import write_tar

_ABSENT = f"sha256:{'0123456789abcdef' * 4}"
#: Every command, and every report and selection that walks an archive in a way of its own.
CALLS: dict[str, tuple[str, ...]] = {
    "audit": ("audit", "SOURCE"),
    "audit-verbose": ("audit", "-v", "SOURCE"),
    "audit-json": ("audit", "--format", "json", "SOURCE"),
    "audit-sarif": ("audit", "--format", "sarif", "SOURCE"),
    "audit-junit": ("audit", "--format", "junit", "SOURCE"),
    "audit-codequality": ("audit", "--format", "codequality", "SOURCE"),
    "audit-html": ("audit", "--format", "html", "SOURCE"),
    "inspect": ("inspect", "SOURCE"),
    "inspect-verbose": ("inspect", "-v", "SOURCE"),
    "inspect-json": ("inspect", "--format", "json", "SOURCE"),
    "convert-layout": ("convert", "SOURCE", "DEST", "--to", "oci-layout", "--receipt", "RECEIPT"),
    "convert-docker": ("convert", "SOURCE", "DEST", "--to", "docker-archive"),
    "convert-registry": ("convert", "SOURCE", "DEST", "--to", "registry-storage"),
    "convert-dir": ("convert", "SOURCE", "DEST", "--to", "dir"),
    "convert-platform": ("convert", "-v", "SOURCE", "DEST", "--to", "oci-archive", "--platform", "linux/amd64"),
    "convert-without": ("convert", "SOURCE", "DEST", "--to", "oci-archive", "--without", "referrers"),
    "convert-zstd": ("convert", "SOURCE", "DEST", "--to", "oci-archive", "--compression", "zstd"),
    "inspect-files": ("inspect", "--files", "SOURCE"),
    "convert-image": ("convert", "SOURCE", "DEST", "--to", "oci-archive", "--image", "r1"),
    "convert-by-tag": ("convert", "SOURCE", "DEST", "--to", "oci-archive", "--image", "1"),
    "convert-absent": ("convert", "SOURCE", "DEST", "--to", "oci-archive", "--image", _ABSENT),
    "convert-base": ("convert", "SOURCE", "DEST", "--to", "oci-archive", "--base", "SOURCE"),
    "convert-docker-types": ("convert", "SOURCE", "DEST", "--to", "oci-archive", "--media-types", "docker"),
    "convert-rehearsed": ("convert", "SOURCE", "DEST", "--to", "oci-archive", "--compression", "zstd", "--dry-run"),
    "index-create": ("index", "create", "SOURCE", "DEST", "--to", "oci-archive", "--tag", "app:9", "--force"),
    "index-add": ("index", "create", "SMALL", "DEST", "--add"),
    "inventory": ("inventory", "SOURCE"),
    "audit-absent": ("audit", f"SOURCE#{_ABSENT}"),
    "audit-base": ("audit", "--base", "SOURCE", "SOURCE"),
    "audit-have": ("audit", "--have", "SOURCE", "SOURCE"),
    "diff": ("diff", "SOURCE", "OTHER"),
    "diff-verbose": ("diff", "-v", "SOURCE", "OTHER"),
    "diff-json": ("diff", "--format", "json", "SOURCE", "OTHER"),
    "diff-html": ("diff", "--format", "html", "SOURCE", "OTHER"),
    "diff-files": ("diff", "--files", "SOURCE", "OTHER"),
    "diff-files-json": ("diff", "--files", "-v", "--format", "json", "SOURCE", "OTHER"),
}
#: What every archive has to go through; the other calls are for those that are most of their kind.
_ALWAYS = ("audit-json", "audit-html", "inspect", "convert-docker", "convert-platform", "diff")
_MOST = ("fans-out-300-wide", "names-4-000-of-10-layers", "texts-of-escapes", "tags-40-000")
_HASHING = ("audit-html", "audit-sarif", "convert-layout")
_WITH_JOBS = ("audit", "convert", "diff", "index")
_WRITING = ("convert", "index")


@pytest.mark.parametrize("name", CASES)
def test_stays_within_the_bounds(name: str, tmp_path: Path) -> None:
    case, source, place = CASES[name], tmp_path / "source", tmp_path / "place"
    place.mkdir()
    case.build(source)
    other = source
    if case.other is not None:
        other = tmp_path / "other"
        case.other(other)
    small = write_tar(tmp_path / "small", layout(Image(layers=[LAYER], platform=ARM64).node()))
    assert _stored(source) <= LARGEST * 1.1
    assert _stored(other) <= LARGEST * 1.1
    for call, words in CALLS.items():
        if call not in (case.alone or (*_ALWAYS, *case.calls)) and (case.alone or name not in _MOST):
            continue
        if case.sparse and call in _HASHING:
            continue
        dest, receipt = tmp_path / f"dest-{call}", tmp_path / "receipt"
        paths = {"SOURCE": source, "OTHER": other, "SMALL": small, "DEST": dest, "RECEIPT": receipt}
        arguments = [str(paths.get(word, word.replace("SOURCE", str(source)))) for word in words]
        sync = ["--no-sync"] if words[0] in _WRITING else []
        if "--add" in words:
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, dest)
        ended = run(*arguments, *(["--jobs", "2"] if words[0] in _WITH_JOBS else []), *sync, place=place)
        _within_bounds(ended, call)
        if call == "audit-json" and case.rule:
            assert ended.status == 1, call
            assert f'"rule": "{case.rule}"'.encode() in ended.stdout
        if words[0] == "convert" and "--dry-run" not in words:
            assert (ended.status == 0) == os.path.lexists(paths["DEST"]), ended.stderr[-500:]


def _stored(path: Path) -> int:
    """Return the bytes that a file takes, holes aside, or those of all files of a folder."""
    found = path.rglob("*") if path.is_dir() else [path]
    return sum(one.lstat().st_blocks * 512 for one in found)


def _within_bounds(ended: Ended, call: str) -> None:
    assert ended.status in (0, 1, 2), f"{call}: {ended.status}, {ended.stderr[-500:]}"
    assert ended.peak < MEMORY, f"{call}: {ended.peak >> 20} MiB"
    for words in ("Traceback", "a fault in ociarchive"):
        assert words not in ended.stderr, (call, ended.stderr[-500:])
