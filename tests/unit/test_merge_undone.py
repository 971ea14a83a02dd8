"""A merge whose index.json cannot be made what it was: no blob that it lists is taken away again."""

import json
import os
from pathlib import Path

import pytest

from ociarchive.errors import HostError
from ociarchive.formats import by_name
from ociarchive.transform import merge
from tests.support import build
from tests.support.build import Image, layer
from tests.support.shelf import read as state
from tests.support.tar import write_folder

OLD, NEW = (
    Image(layers=[layer({"own": label.encode()}, "gzip")], config_members={"author": label}).node()
    for label in ("old", "new")
)


@pytest.mark.parametrize("back", [True, False], ids=["put-back", "not-put-back"])
def test_as_long_as_the_index_lists_them_blobs_stay(
    back: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """index.json is replaced, then its folder cannot be synced, and then, or not, it cannot be written any more."""
    dest = write_folder(tmp_path / "dest", build.layout(OLD.named("docker.io/corpus/old:1")))
    staged = write_folder(tmp_path / "staged", build.layout(NEW.named("docker.io/corpus/new:1")))
    before = state(dest)
    replace, calls = os.replace, iter((True, back))

    def failing(source: str, target: str) -> None:
        if not next(calls):
            raise OSError(30, "Read-only file system")
        replace(source, target)

    def unsynced(folder: str, path: str) -> None:
        del folder
        if path.endswith("index.json"):
            raise HostError("cannot write: Input/output error", where=path)

    monkeypatch.setattr(os, "replace", failing)
    monkeypatch.setattr(merge, "fsync_folder", unsynced)
    with pytest.raises(HostError, match="Input/output error"):
        merge.into(str(dest), str(staged), by_name("oci-layout"), sync=True)
    listed = [one["digest"] for one in json.loads((dest / "index.json").read_bytes())["manifests"]]
    if back:
        assert state(dest) == before
    else:
        assert listed == [OLD.digest, NEW.digest]
        assert all((dest / build.blob_path(name)).read_bytes() == data for name, data in NEW.blobs.items())
