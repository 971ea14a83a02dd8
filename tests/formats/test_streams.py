"""How an archive may arrive: compressed, through a pipe, under any name, in any dialect of tar."""

import bz2
import hashlib
import lzma
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import oracle
from tests.support.build import (
    Image,
    Saved,
    blob_path,
    docker_archive,
    gzipped,
    layer,
    layout,
    pieces,
    skippable,
    zstded,
)
from tests.support.call import Call, Run, refused, told
from tests.support.check import audited, converted, handled, inspected
from tests.support.tar import GNU_RECORD, Style, file, header, pax, tar, write_folder, write_sparse, write_tar

NOISE = hashlib.shake_256(b"noise").digest(70_000)
IMAGE = Image(layers=[layer({"etc/name": b"base"}), layer({"bin/app": NOISE})])
NODE = IMAGE.node().named("docker.io/corpus/app:1.0", "1.0")
ARCHIVES = {"docker-archive": docker_archive(Saved(image=IMAGE)), "oci-archive": layout(NODE)}


def per_piece(compress: Callable[[bytes], bytes], count: int) -> Callable[[bytes], bytes]:
    """Compress piece by piece, which gives one stream of several parts."""
    return lambda data: b"".join(compress(piece) for piece in pieces(data, count))


OUTER: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzipped,
    "gzip-members": per_piece(gzipped, 5),
    "gzip-with-a-file-name": lambda data: gzipped(data, name=b"image.tar"),
    "zstd": zstded,
    "zstd-frames": per_piece(zstded, 5),
    "zstd-without-size": lambda data: zstded(data, sized=False),
    "zstd-skippable-first": lambda data: skippable(b"first") + zstded(data),
    "zstd-skippable-last": lambda data: zstded(data, frames=2) + skippable(b"last"),
    "xz": lzma.compress,
    "xz-streams": per_piece(lzma.compress, 3),
    "bzip2": bz2.compress,
    "bzip2-streams": per_piece(bz2.compress, 3),
}


@pytest.mark.parametrize("form", ARCHIVES)
@pytest.mark.parametrize("outer", OUTER)
def test_a_whole_archive_may_be_compressed(form: str, outer: str, tmp_path: Path, cli_call: Call) -> None:
    plain = write_tar(tmp_path / "plain", ARCHIVES[form])
    path = tmp_path / "source"
    path.write_bytes(OUTER[outer](plain.read_bytes()))
    inspected(cli_call, path, form, [IMAGE])
    audited(cli_call, path)
    for name, source in (("a.tar", plain), ("b.tar", path)):
        told(cli_call("convert", source, tmp_path / name, "--to", "oci-archive"))
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


@pytest.mark.parametrize("outer", ["gzip", "zstd", "xz", "bzip2"])
def test_a_compressed_archive_that_is_cut_is_refused(outer: str, tmp_path: Path, cli_call: Call) -> None:
    whole = OUTER[outer](tar(ARCHIVES["oci-archive"]))
    path = tmp_path / "source"
    path.write_bytes(whole[: len(whole) // 2])
    told(cli_call("audit", path), 1)
    refused(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout"), 1, tmp_path / "dest")


@pytest.mark.parametrize("outer", ["gzip", "zstd"])
@pytest.mark.parametrize("form", ARCHIVES)
def test_a_whole_archive_can_be_written_compressed(form: str, outer: str, tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", ARCHIVES["docker-archive"])
    told(cli_call("convert", path, tmp_path / "plain", "--to", form))
    told(cli_call("convert", path, tmp_path / "dest", "--to", form, "--outer", outer))
    assert oracle.unpacked((tmp_path / "dest").read_bytes()) == (outer, (tmp_path / "plain").read_bytes())
    inspected(cli_call, tmp_path / "dest", form, [IMAGE])


@pytest.mark.parametrize("form", ["oci-layout", "dir"])
def test_a_folder_cannot_be_compressed_as_a_whole(form: str, tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", ARCHIVES["docker-archive"])
    refused(cli_call("convert", path, tmp_path / "dest", "--to", form, "--outer", "gzip"), 2, tmp_path / "dest")


# -- pipes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ARCHIVES)
@pytest.mark.parametrize("outer", ["none", "gzip-members", "zstd", "xz"])
def test_standard_input(form: str, outer: str, tmp_path: Path, run_cli: Run) -> None:
    plain = tar(ARCHIVES[form])
    data = plain if outer == "none" else OUTER[outer](plain)
    found = told(run_cli("inspect", "-", "--format", "json", stdin=data)).archive()
    assert (found["format"], [one["image_id"] for one in found["images"]]) == (form, [IMAGE.image_id])
    told(run_cli("audit", "-", stdin=data))
    told(run_cli("convert", "-", tmp_path / "dest", "--to", "oci-layout", stdin=data))
    assert [one.image_id for one in oracle.read(tmp_path / "dest").images] == [IMAGE.image_id]


def test_standard_input_from_a_file(tmp_path: Path, run_cli: Run) -> None:
    path = write_tar(tmp_path / "source", ARCHIVES["docker-archive"])
    with path.open("rb") as source:
        told(run_cli("convert", "-", tmp_path / "dest", "--to", "oci-layout", stdin=source.fileno()))
    assert [one.image_id for one in oracle.read(tmp_path / "dest").images] == [IMAGE.image_id]


def test_a_fifo(tmp_path: Path, run_cli: Run) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    data = tar(ARCHIVES["docker-archive"])
    writer = threading.Thread(target=fifo.write_bytes, args=(data,), daemon=True)
    writer.start()
    told(run_cli("convert", fifo, tmp_path / "dest", "--to", "oci-layout"))
    writer.join(timeout=60)
    assert [one.image_id for one in oracle.read(tmp_path / "dest").images] == [IMAGE.image_id]


@pytest.mark.parametrize("form", ARCHIVES)
def test_standard_output_gets_the_bytes_of_the_file(form: str, tmp_path: Path, run_cli: Run) -> None:
    path = write_tar(tmp_path / "source", ARCHIVES["docker-archive"])
    for compression in ("keep", "gzip"):
        options = ("--to", form, "--compression", compression)
        dest = tmp_path / compression
        told(run_cli("convert", path, dest, *options))
        assert told(run_cli("convert", path, "-", *options)).raw == dest.read_bytes()


def test_a_folder_does_not_go_to_standard_output(tmp_path: Path, run_cli: Run) -> None:
    path = write_tar(tmp_path / "source", ARCHIVES["docker-archive"])
    result = run_cli("convert", path, "-", "--to", "oci-layout")
    refused(result, 2)
    assert result.raw == b""


def test_what_is_read_from_a_pipe_is_not_left_behind(tmp_path: Path, run_cli: Run) -> None:
    spool = tmp_path / "tmp"
    spool.mkdir()
    data = tar(ARCHIVES["docker-archive"])
    told(run_cli("audit", "-", stdin=data, env={"TMPDIR": str(spool)}))
    told(run_cli("convert", "-", tmp_path / "dest", "--to", "oci-layout", stdin=data, env={"TMPDIR": str(spool)}))
    assert list(spool.iterdir()) == []
    assert sorted(one.name for one in tmp_path.iterdir()) == ["dest", "tmp"]


# -- names and dialects ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["archive", "a.jpg", "with space.tar", "with#hash.tar", "-", "ümlaut", "%s"])
@pytest.mark.parametrize("form", ARCHIVES)
def test_a_file_of_any_name(name: str, form: str, tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "folder" / name, ARCHIVES[form])
    handled(cli_call, path, form, [IMAGE])


DEEP = "/".join(["v" * 30] * 7) + "/layer.tar"
LONG = "n" * 180
NAMES = {"deep": [DEEP, f"{DEEP}.2"], "long": [LONG, f"{LONG}2"], "accents": ["naïve/ü.tar", "日本.tar"]}


@pytest.mark.parametrize(
    ("style", "names"),
    [
        (Style.USTAR, "deep"),
        (Style.GNU, "deep"),
        (Style.GNU, "long"),
        (Style.GNU, "accents"),
        (Style.PAX, "deep"),
        (Style.PAX, "long"),
        (Style.PAX, "accents"),
    ],
)
@pytest.mark.parametrize("sizes", ["octal", "base256"])
def test_every_dialect_of_tar(style: Style, names: str, sizes: str, tmp_path: Path, cli_call: Call) -> None:
    path = tmp_path / "source"
    members = docker_archive(Saved(image=IMAGE, layer_names=NAMES[names]))
    write_tar(path, members, style=style, base256=sizes == "base256")
    handled(cli_call, path, "docker-archive", [IMAGE], into=("oci-layout",))


@pytest.mark.parametrize("form", ARCHIVES)
def test_a_tar_padded_to_a_record(form: str, tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "source", ARCHIVES[form], record=GNU_RECORD)
    handled(cli_call, path, form, [IMAGE], into=("oci-layout",))


def test_a_global_pax_header(tmp_path: Path, cli_call: Call) -> None:
    path = tmp_path / "source"
    path.write_bytes(pax({"comment": "0" * 40}, flag=b"g") + tar(ARCHIVES["oci-archive"]))
    handled(cli_call, path, "oci-archive", [IMAGE], into=("oci-layout",))


SIZE = 8 * 1024**3 + 1234


@pytest.mark.parametrize("style", [Style.GNU, Style.PAX])
@pytest.mark.parametrize("form", ARCHIVES)
def test_a_member_of_more_than_8_gib(style: Style, form: str, tmp_path: Path, cli_call: Call) -> None:
    """Inspect reads no layer, so it need not hold what it says."""
    huge = replace(IMAGE.layers[1], members={"size": SIZE})
    image = Image(layers=[IMAGE.layers[0], huge])
    if form == "oci-archive":
        name, rest = blob_path(huge.digest), layout(image.node(), without=[huge.digest])
    else:
        name = "2/layer.tar"
        whole = docker_archive(Saved(image=image, layer_names=["1/layer.tar", name]))
        rest = [one for one in whole if one.name != name]
    path = write_sparse(tmp_path / "huge.tar", name, SIZE, rest, style=style)
    found = inspected(cli_call, path, form, [image])
    assert found["images"][0]["layers"][1]["size"] == SIZE


def test_a_hundred_thousand_members(tmp_path: Path, cli_call: Call) -> None:
    strays = (file(f"v1/{number:06}/json", b"") for number in range(100_000))
    path = write_tar(tmp_path / "many.tar", [*strays, *ARCHIVES["docker-archive"]])
    inspected(cli_call, path, "docker-archive", [IMAGE])
    facts = converted(cli_call, path, tmp_path / "dest", "oci-layout")
    assert [one.image_id for one in facts.images] == [IMAGE.image_id]


# -- what is no archive ------------------------------------------------------------------------------------------------

STRANGERS = {
    "pdf": b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n",
    "rpm": b"\xed\xab\xee\xdb\x03\x00\x00\x00\x00\x01app-1.0-1" + bytes(500),
    "text": b"This is a text, and no archive.\n" * 100,
    "json": b'{"schemaVersion": 2}',
    "empty": b"",
    "zeros": bytes(10_240),
    "noise": NOISE,
    "tar-of-something": tar([file("README", b"hello"), file("src/main.c", b"int main;")]),
    "gzip-of-text": gzipped(b"text" * 1000),
    "gzip-of-nothing": gzipped(b""),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_no_archive(name: str, tmp_path: Path, cli_call: Call) -> None:
    path = tmp_path / "archive.tar"
    path.write_bytes(STRANGERS[name])
    assert "not an image archive" in refused(cli_call("inspect", path), 1)
    for form in ("oci-layout", "docker-archive"):
        line = refused(cli_call("convert", path, tmp_path / "dest", "--to", form), 1, tmp_path / "dest")
        assert "not an image archive" in line
        assert "archive.tar" in line
    audit = told(cli_call("audit", "--format", "json", path), 1)
    assert audit.rules("error") == {"not-an-archive"}


def test_a_folder_that_is_no_archive(tmp_path: Path, cli_call: Call) -> None:
    path = write_folder(tmp_path / "source", [file("README", b"hello")])
    assert "not an image archive" in refused(cli_call("inspect", path), 1)
    refused(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout"), 1, tmp_path / "dest")


def test_a_path_that_does_not_exist(tmp_path: Path, cli_call: Call) -> None:
    for command in ("inspect", "audit"):
        assert "nowhere.tar" in refused(cli_call(command, tmp_path / "nowhere.tar"), 2)
    refused(cli_call("convert", tmp_path / "nowhere.tar", tmp_path / "dest", "--to", "oci-layout"), 2)


# -- damaged tars ------------------------------------------------------------------------------------------------------


def damaged(how: str) -> bytes:
    """Damage the headers of a tar as disks and cables do; the blobs themselves stay what they were."""
    whole = tar(ARCHIVES["docker-archive"])
    second = 512 + len(IMAGE.layers[0].plain)
    match how:
        case "checksum":
            return whole[: second + 8] + b"\xff" + whole[second + 9 :]
        case "zeroed-header":
            return whole[:second] + bytes(512) + whole[second + 512 :]
        case "cut-in-data":
            return whole[: second + 1000]
        case "cut-in-header":
            return whole[: second + 100]
        case "cut-at-header":
            return whole[:second]
        case "size-beyond-the-end":
            return header(file("manifest.json", b""), 1 << 30) + b"[]"
        case _:
            raise ValueError(how)


@pytest.mark.parametrize(
    "how", ["checksum", "zeroed-header", "cut-in-data", "cut-in-header", "cut-at-header", "size-beyond-the-end"]
)
def test_a_damaged_tar_is_refused(how: str, tmp_path: Path, cli_call: Call) -> None:
    path = tmp_path / "source"
    path.write_bytes(damaged(how))
    told(cli_call("audit", path), 1)
    refused(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout"), 1, tmp_path / "dest")
