"""What names a whole archive: the digest of its file, the directory hash of a folder."""

import bz2
import gzip
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

import ociarchive
from ociarchive.audits import AuditOptions, audit_one
from ociarchive.catalogue.recording import recorded, report_again
from ociarchive.selection.argument import Source
from tests.support.truth import CORPUS

#: in-toto attestation, digest_set.md, dirHash, for names with anything in them.
COMMAND = "find . -type f -print0 | cut -zc3- | LC_ALL=C sort -z | xargs -0r sha256sum | sha256sum | cut -f1 -d' '"


def identity(path: Path | str) -> str | None:
    report = audit_one(Source(path=str(path)), AuditOptions(identified=True, jobs=2, detail="all"))
    again = report_again(recorded(report), report.source, report.policy, "all", "")
    assert again.identity == report.identity
    return None if report.identity is None else str(report.identity)


def sha256(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.mark.parametrize("outer", ["plain", "gzip", "behind", "twice", "pipe"])
def test_a_file_has_the_digest_of_its_bytes(outer: str, tmp_path: Path) -> None:
    plain = (CORPUS / "docker20.tar").read_bytes()
    path = tmp_path / "archive"
    packed = {"plain": plain, "gzip": gzip.compress(plain), "behind": gzip.compress(plain) + bytes(1 << 20)}
    packed |= {"twice": bz2.compress(gzip.compress(plain)), "pipe": plain}
    path.write_bytes(packed[outer])
    wanted = sha256(path)
    if outer == "pipe":
        read, write = os.pipe()
        with subprocess.Popen(["cat", path], stdout=write):
            os.close(write)
            assert identity(f"/dev/fd/{read}") == wanted
        os.close(read)
    else:
        assert identity(path) == wanted


def test_parts_have_the_digest_of_the_whole(tmp_path: Path) -> None:
    whole, dest = tmp_path / "whole.tar", tmp_path / "dest.tar"
    ociarchive.convert(CORPUS / "docker20.tar", whole, to="oci-archive")
    ociarchive.convert(CORPUS / "docker20.tar", dest, to="oci-archive", split=4096)
    assert identity(f"{dest}.parts.json") == sha256(whole)


@pytest.mark.parametrize("name", ["skopeo-oci", "skopeo-dir", "registry-data", "podman5-oci-dir"])
def test_a_folder_has_its_directory_hash(name: str) -> None:
    done = subprocess.run(COMMAND, shell=True, check=True, capture_output=True, text=True, cwd=CORPUS / name)  # noqa: S602  as the page has it
    assert identity(CORPUS / name) == f"dirHash:{done.stdout.strip()}"


def test_names_in_a_folder_cannot_be_read_otherwise(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    ociarchive.convert(CORPUS / "skopeo-oci", folder, to="oci-layout")
    (folder / "a\nb\\").write_bytes(b"x")
    done = subprocess.run(COMMAND, shell=True, check=True, capture_output=True, text=True, cwd=folder)  # noqa: S602  as above
    assert identity(folder) == f"dirHash:{done.stdout.strip()}"


def test_nothing_is_hashed_unasked() -> None:
    assert ociarchive.audit(CORPUS / "docker20.tar", detail="verdict").identity is None
