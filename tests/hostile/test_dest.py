"""What DEST would come to: said before any work where it is more than readers take, and no bomb where it is packed."""

import random
from itertools import chain
from pathlib import Path

import pytest

from tests.hostile.parts import IMAGE, LAYER, SAVED
from tests.hostile.process import bounded, run
from tests.support.build import Image, Node, artifact, blob_path, docker_archive, dumped, layer, layout
from tests.support.call import Call, refused, told
from tests.support.tar import Member, file, write_folder, write_tar


def _tags(count: int) -> list[Member]:
    return docker_archive(SAVED, entries=[{**SAVED.entry(), "RepoTags": [f"app:{number}" for number in range(count)]}])


def test_a_dest_of_very_many_files_is_looked_at_once(tmp_path: Path) -> None:
    """Somebody else made it, and it may go as a whole, for each of its files is its own by its manifest.json alone."""
    source, dest = write_tar(tmp_path / "source", layout(IMAGE.node())), tmp_path / "dest"
    named = [[f"l{entry}.{number}" for number in range(9_900)] for entry in range(4)]
    write_folder(dest, docker_archive(SAVED, entries=[{**SAVED.entry(), "Layers": one} for one in named]))
    (dest / SAVED.layers[0]).unlink()
    (dest / SAVED.layers[0]).parent.rmdir()
    for name in chain.from_iterable(named):
        (dest / name).touch()
    call = ("convert", source, dest, "--to", "oci-layout", "--no-sync")
    ended = run(*call, place=tmp_path)
    bounded(ended, 2)
    assert "DEST exists" in ended.stderr
    bounded(run(*call, "--force", place=tmp_path), 0)


@pytest.mark.parametrize("to", ["oci-layout", "oci-archive", "docker-archive"])
def test_more_names_than_readers_take_are_refused_before_any_work(to: str, tmp_path: Path, cli_call: Call) -> None:
    source, dest = write_tar(tmp_path / "a.tar", _tags(20_000)), tmp_path / "dest"
    error = refused(cli_call("convert", source, dest, "--to", to, "--no-audit"), 1, dest)
    assert "index.json of DEST would be larger than the 4194304 bytes that readers take" in error
    assert "--image" in error
    assert "--limit manifest-size=N" in error


def test_the_way_out_is_one(tmp_path: Path, cli_call: Call) -> None:
    source, dest = write_tar(tmp_path / "a.tar", _tags(500)), tmp_path / "dest"
    refused(cli_call("convert", source, dest, "--to", "oci-layout", "--limit", "manifest-size=50000"), 1, dest)
    told(cli_call("convert", source, dest, "--to", "oci-layout", "--limit", "manifest-size=500000"))
    assert (dest / "index.json").stat().st_size > 50000


def _named(names: list[str], *more: Node, **said: str) -> list[Member]:
    """A layout beside a manifest.json that gives its one image many names."""
    entry = {"Config": blob_path(IMAGE.image_id), "RepoTags": names, "Layers": [blob_path(LAYER.digest)]}
    return [*layout(IMAGE.node().annotated(**said), *more), file("manifest.json", dumped([entry]))]


def test_what_is_said_of_a_name_counts_as_often_as_there_are_names(tmp_path: Path, cli_call: Call) -> None:
    """Two hundred names of an image of which 100 kB are said: 20 MB of index.json from a tenth of a megabyte."""
    members = _named([f"app:{number}" for number in range(200)], note="x" * 100_000)
    source, dest = write_tar(tmp_path / "a.tar", members), tmp_path / "dest"
    error = refused(cli_call("convert", source, dest, "--to", "oci-layout"), 1, dest)
    assert "index.json of DEST would be larger" in error


def test_links_of_a_registry_are_no_product(tmp_path: Path, cli_call: Call) -> None:
    """Thirty referrers of an image that is in thirty repositories."""
    node = IMAGE.node()
    referrers = [artifact(b"%d" % number, "application/vnd.example.x", subject=node) for number in range(30)]
    members = _named([f"example.com/app{number}:1" for number in range(30)], *referrers)
    source, dest = write_tar(tmp_path / "a.tar", members), tmp_path / "dest"
    call = ("convert", source, dest, "--to", "registry-storage", "--no-sync")
    error = refused(cli_call(*call, "--limit", "listed=300"), 1, dest)
    assert "more than 450 links and folders" in error
    assert "--limit listed=N" in error
    told(cli_call(*call))


def test_documents_of_several_sources_are_content_not_a_host_at_fault(tmp_path: Path, cli_call: Call) -> None:
    sources = []
    for number in range(2):
        nodes = [Image(layers=[LAYER], config_members={"author": f"{number} {n}"}).node() for n in range(2)]
        sources.append(write_tar(tmp_path / f"{number}.tar", layout(*nodes)))
    dest = tmp_path / "dest"
    call: tuple[str | Path, ...] = ("convert", *sources, dest, "--to", "oci-layout")
    error = refused(cli_call(*call, "--limit", "documents=6"), 1, dest)
    assert "--limit documents=N lifts this limit" in error
    told(cli_call(*call))


# Ratios


def _well_packed() -> bytes:
    """4 MiB that gzip packs to a 195th of its size and zstd to a 272nd."""
    chance = random.Random(1)
    return b"".join(chance.randbytes(12) + bytes(4084) for _ in range(1024))


@pytest.mark.parametrize("options", [("--compression", "zstd"), ("--compression", "none", "--outer", "zstd")])
def test_what_was_packed_here_is_no_bomb(options: tuple[str, ...], tmp_path: Path, cli_call: Call) -> None:
    source = write_tar(
        tmp_path / "a.tar", layout(Image(layers=[layer({"big": _well_packed()}, "gzip")]).node().annotated(n="1"))
    )
    dest = tmp_path / "dest"
    limits = ("--max-ratio", "220")
    told(cli_call("audit", source, *limits))
    result = told(cli_call("convert", source, dest, "--to", "oci-archive", *options, *limits))
    if "--outer" not in options:
        assert "who reads DEST with it needs --max-ratio" in result.stderr
    told(cli_call("audit", dest, *limits), 1)
    told(cli_call("audit", dest, "--max-ratio", "100000"))


def test_a_bomb_of_others_is_one_still(tmp_path: Path, cli_call: Call) -> None:
    source = write_tar(tmp_path / "a.tar", layout(Image(layers=[layer({"big": bytes(4 << 20)}, "gzip")]).node()))
    dest = tmp_path / "dest"
    error = refused(cli_call("convert", source, dest, "--to", "oci-archive", "--max-ratio", "200"), 1, dest)
    assert "--max-ratio" in error
