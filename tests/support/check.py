"""The claims that hold for every sound archive, whatever its shape."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from ociarchive import formats
from tests.support import build, oracle
from tests.support.call import Call, Json, told
from tests.support.tar import Member, write_folder, write_tar

# Every format that is written and whose names have hosts: in others the facts of the corpus have other names.
FORMATS = tuple(one.name for one in formats.FORMATS if one.layout is not None and one.hosts)


def written(path: Path, members: Iterable[Member], form: str) -> Path:
    """Write members as what the format is made of, a folder or a tar."""
    return write_folder(path, members) if form in {"oci-layout", "dir"} else write_tar(path, members)


def inspected(call: Call, path: Path, form: str, images: Sequence[build.Image]) -> Json:
    """Inspect, and compare what was found with what was built."""
    found = told(call("inspect", "--format", "json", path)).archive()
    assert found["format"] == form
    # A manifest with two names may be shown once or twice.
    rows = {(one["manifest"], one["image_id"], *diff_ids(one)) for one in found["images"]}
    assert sorted(row[1:] for row in rows) == sorted((one.image_id, *one.diff_ids) for one in images)
    for one in found["images"]:
        assert {layer["verified"] for layer in one["layers"]} <= {None}
    return found


def diff_ids(image: Json) -> list[str]:
    """Give the diff_ids of an image of the report."""
    return [str(layer["diff_id"]) for layer in image["layers"]]


def audited(call: Call, path: Path) -> Json:
    """Audit, and see that nothing is wrong and that every layer was proved."""
    result = told(call("audit", "--format", "json", path))
    assert result.rules("error") == set()
    found = result.archive()
    for one in found["images"]:
        assert {layer["verified"] for layer in one["layers"]} <= {True}
    return found


def converted(call: Call, path: Path, dest: Path, form: str, *options: str) -> oracle.Facts:
    """Convert, audit included, and read the result independently."""
    told(call("convert", path, dest, "--to", form, "--no-sync", *options))
    facts = oracle.read(dest)
    assert facts.format == form
    if form == "docker-archive":
        oracle.hybrid(facts)
    return facts


def handled(
    call: Call,
    path: Path,
    form: str,
    images: Sequence[build.Image],
    *,
    into: Collection[str] = FORMATS,
    options: Sequence[str] = (),
) -> None:
    """Inspect, audit, and convert into every format; what comes out must be what was built, in its order."""
    inspected(call, path, form, images)
    audited(call, path)
    for target in into:
        facts = converted(call, path, path.parent / f"{path.name}.{target}", target, *options)
        assert [(one.image_id, list(one.diff_ids)) for one in facts.images] == [
            (one.image_id, one.diff_ids) for one in images
        ]
        assert [one.config for one in facts.images] == [one.config for one in images]
        assert not facts.strays
