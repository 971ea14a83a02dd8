"""The tags that list referrers in a registry's folder: as a push lists them, and joined by a merge."""

import errno
import json
import os
from pathlib import Path

import pytest

from ociarchive.errors import ContentError
from ociarchive.formats import _registry_referrers
from ociarchive.transform import merge
from tests.support import build
from tests.support.build import Image, Node, artifact, hexed, layer, tag_of
from tests.support.call import Call, refused, told
from tests.support.registry import Registry, faults
from tests.support.shelf import read as files
from tests.support.tar import write_folder

ROOT = "docker/registry/v2"


def image(label: str) -> Node:
    return Image(layers=[layer({"base": b"base"}, "gzip")], config_members={"author": label}).node()


APP = image("app")
NOTE = artifact(b"note", "application/vnd.example.note", subject=APP)
NOTE_ON_NOTE = artifact(b"more", "application/vnd.example.note", subject=NOTE)


def current(path: Path) -> dict[str, str]:
    """Give what each tag leads to."""
    found = path / ROOT / "repositories" / "corpus/app" / "_manifests" / "tags"
    return {one.name: (one / "current" / "link").read_text() for one in found.iterdir()}


def listed(folder: Path, subject: Node, repository: str = "corpus/app") -> list[dict[str, object]]:
    """Give the entries of the index that lists what refers to a manifest; none where there is no such index."""
    tag = folder / ROOT / "repositories" / repository / "_manifests" / "tags" / tag_of(subject)
    if not tag.exists():
        return []
    digest = (tag / "current" / "link").read_text()
    assert (tag / "index" / "sha256" / hexed(digest) / "link").read_text() == digest
    assert (tag.parents[1] / "revisions" / "sha256" / hexed(digest) / "link").read_text() == digest
    raw = (folder / ROOT / "blobs" / "sha256" / hexed(digest)[:2] / hexed(digest) / "data").read_bytes()
    assert build.digest(raw) == digest
    found: list[dict[str, object]] = json.loads(raw)["manifests"]
    return found


def referring(folder: Path, *others: Node) -> Path:
    """Write a layout of an image and what refers to it."""
    return write_folder(folder, build.layout(APP.named("docker.io/corpus/app:1", "1"), *others))


def stored(cli_call: Call, source: Path, dest: Path, *options: str) -> Path:
    """Write a registry's folder of it, and prove that."""
    told(cli_call("convert", source, dest, "--to", "registry-storage", "--no-sync", *options))
    told(cli_call("audit", dest, "--strict", "--no-config"))
    return dest


def test_what_refers_to_an_image_is_listed_as_a_push_lists_it(tmp_path: Path, cli_call: Call) -> None:
    source = referring(tmp_path / "layout", NOTE, NOTE_ON_NOTE)
    dest = stored(cli_call, source, tmp_path / "registry")
    (entry,) = listed(dest, APP)
    assert (entry["digest"], entry["artifactType"]) == (NOTE.digest, "application/vnd.example.note")
    assert [one["digest"] for one in listed(dest, NOTE)] == [NOTE_ON_NOTE.digest]
    with Registry(faults.NoReferrers()) as registry:
        told(cli_call("convert", source, f"docker://{registry.address}/corpus/app:1"))
        pushed = {tag: str(digest) for tag, digest in registry.store.repositories["corpus/app"].tags.items()}
    assert current(dest) == pushed


def test_a_folder_that_lists_them_is_written_again_as_it_is(tmp_path: Path, cli_call: Call) -> None:
    first = stored(cli_call, referring(tmp_path / "layout", NOTE, NOTE_ON_NOTE), tmp_path / "first")
    second = stored(cli_call, first, tmp_path / "second")
    assert files(first) == files(second)


def test_entries_follow_manifests_that_change(tmp_path: Path, cli_call: Call) -> None:
    dest = stored(cli_call, referring(tmp_path / "layout", NOTE), tmp_path / "registry", "--compression", "zstd")
    digest = current(dest)["1"]
    assert digest != APP.digest
    assert set(current(dest)) == {"1", digest.replace(":", "-")}


def test_what_refers_to_nothing_here_is_not_listed(tmp_path: Path, cli_call: Call) -> None:
    far = artifact(b"note", "application/vnd.example.note", subject=image("far"))
    nodes = (APP.named("docker.io/corpus/app:1"), far.named("h.example/n:1"))
    source = write_folder(tmp_path / "layout", build.layout(*nodes))
    told(cli_call("convert", source, tmp_path / "registry", "--to", "registry-storage", "--no-sync"))
    assert set(current(tmp_path / "registry")) == {"1"}


def test_a_merge_joins_lists_and_loses_no_entry(tmp_path: Path, cli_call: Call) -> None:
    other = artifact(b"other", "application/vnd.example.other", subject=APP)
    third = artifact(b"third", "application/vnd.example.other", subject=APP)
    dest = stored(cli_call, referring(tmp_path / "one", NOTE), tmp_path / "registry")
    before = files(dest)
    stored(cli_call, referring(tmp_path / "two", other, third), dest, "--merge")
    assert [one["digest"] for one in listed(dest, APP)] == [NOTE.digest, other.digest, third.digest]
    grown = files(dest)
    changed = {name for name in before if grown[name] != before[name]}
    assert changed == {f"{ROOT}/repositories/corpus/app/_manifests/tags/{tag_of(APP)}/current/link"}
    stored(cli_call, referring(tmp_path / "three", NOTE), dest, "--merge")
    assert files(dest) == grown, "it was all there"


def test_a_merge_that_fails_leaves_the_list_as_it_was(
    tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    dest = stored(cli_call, referring(tmp_path / "one", NOTE), tmp_path / "registry")
    before = files(dest)
    other = artifact(b"other", "application/vnd.example.other", subject=APP)
    replaced, folders = os.replace, []

    def full(*_: object) -> None:
        folders.append(dest)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fails(source: str, target: str) -> None:
        replaced(source, target)
        monkeypatch.setattr(merge, "fsync_folder", full)

    monkeypatch.setattr(os, "replace", fails)
    options = ("--to", "registry-storage", "--merge")
    refused(cli_call("convert", referring(tmp_path / "two", other), dest, *options), 3)
    assert folders
    assert files(dest) == before


def test_lists_that_grow_together_have_a_bound(tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tags of DEST may lead to one large list, which each of them would be written anew with."""
    dest = stored(cli_call, referring(tmp_path / "one", NOTE), tmp_path / "registry")
    other = artifact(b"other", "application/vnd.example.note", subject=APP)
    staged = stored(cli_call, referring(tmp_path / "two", other), tmp_path / "staged")
    before = files(staged)
    monkeypatch.setattr(_registry_referrers, "_ALL", 500)
    with pytest.raises(ContentError, match="more than 500 bytes together"):
        _registry_referrers.grow(str(dest), str(staged), [*before])
    assert files(staged) == before
    monkeypatch.setattr(_registry_referrers, "_ALL", 5000)
    (tag,) = _registry_referrers.grow(str(dest), str(staged), [*before])
    assert tag.endswith(f"{tag_of(APP)}/current/link")
