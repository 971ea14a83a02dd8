"""What `inspect` prints of several archives, and of one image as it stands: manifest, config, files of its layers."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from ociarchive.blobio.limits import Limits
from ociarchive.blobio.source import Bytes
from ociarchive.model import Layer
from ociarchive.report.shared.listing import escaped, listing
from tests.support import build
from tests.support.build import AMD64, ARM64, Image, layer, packed
from tests.support.call import Call, refused, told
from tests.support.tar import changed, write_folder, write_tar

if TYPE_CHECKING:
    from pathlib import Path

ONE, OTHER = layer({"a": b"a"}, "gzip"), layer({"b": b"b", "c": b"c"}, "zstd")
SINGLE = Image(layers=[ONE, OTHER])
NODE = SINGLE.node().named("docker.io/corpus/app:1.0", "1.0")
MANY = [Image(layers=[ONE], platform=platform) for platform in (AMD64, ARM64)]
MULTI = build.platforms(MANY).named("docker.io/corpus/multi:1.0", "m")
SIGNED = build.signature(NODE).named("", f"{NODE.digest.replace(':', '-')}.sig")


@pytest.fixture
def single(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "single", build.layout(NODE))


@pytest.fixture
def multi(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "multi.tar", build.layout(MULTI, NODE, SIGNED))


def test_several_sources_are_shown_one_after_another(single: Path, multi: Path, cli_call: Call) -> None:
    both = told(cli_call("inspect", single, multi)).stdout
    assert both == told(cli_call("inspect", single)).stdout + "\n" + told(cli_call("inspect", multi)).stdout
    listed = told(cli_call("inspect", single, multi, "--format", "json", "--verify")).json()["archives"]
    alone = [told(cli_call("inspect", one, "--format", "json", "--verify")).archive() for one in (single, multi)]
    assert listed == alone


def test_of_several_sources_one_at_fault_does_not_stop_the_others(
    single: Path, multi: Path, tmp_path: Path, cli_call: Call
) -> None:
    text = tmp_path / "text"
    text.write_text("no archive")
    result = cli_call("inspect", text, single, tmp_path / "absent", multi, "--format", "json")
    assert result.status == 2
    assert [one["source"] for one in result.json()["archives"]] == [str(single), str(multi)]
    assert [line.partition(": ")[2] for line in result.stderr.splitlines() if line.startswith("error: ")] == [
        line
        for path in (text, tmp_path / "absent")
        for line in [refused(cli_call("inspect", path), 1 if path is text else 2).removeprefix("error: ")]
    ]
    nothing = cli_call("inspect", text, tmp_path / "absent", "--output", tmp_path / "report")
    assert (nothing.status, nothing.raw) == (2, b"")
    assert not (tmp_path / "report").exists()


def test_of_several_one_that_fails_its_verification_is_1(single: Path, multi: Path, cli_call: Call) -> None:
    path = single / build.blob_path(ONE.digest)
    path.write_bytes(OTHER.stored)
    told(cli_call("inspect", single, multi))
    result = told(cli_call("inspect", single, multi, "--verify"), 1)
    assert "the archive fails its verification: " in result.stderr
    assert "docker.io/corpus/multi:1.0" in result.stdout


@pytest.mark.parametrize("platform", [AMD64, ARM64], ids=str)
def test_platforms_are_selected(platform: build.Platform, multi: Path, cli_call: Call) -> None:
    call = ("inspect", f"{multi}#multi:1.0".replace("multi:1.0", "docker.io/corpus/multi:1.0"), "--format", "json")
    (image,) = told(cli_call(*call, "--platform", str(platform))).archive()["images"]
    assert image["platform"] == str(platform)
    assert "there is linux/amd64, linux/arm64" in refused(cli_call(*call, "--platform", "linux/s390x"), 2)


def test_a_manifest_is_printed_as_it_stands(single: Path, multi: Path, cli_call: Call) -> None:
    assert told(cli_call("inspect", single, "--raw")).raw == NODE.blobs[NODE.digest]
    index = told(cli_call("inspect", multi, "--image", "docker.io/corpus/multi:1.0", "--raw")).raw
    assert index == MULTI.blobs[MULTI.digest]
    nodes = [one.node(platform=one.platform.members()) for one in MANY if one.platform]
    arm = ("inspect", multi, "--image", MULTI.digest, "--platform", "linux/arm64", "--raw")
    assert told(cli_call(*arm)).raw == nodes[1].blobs[nodes[1].digest]
    by_digest = told(cli_call("inspect", f"{multi}#{nodes[0].digest}", "--raw")).raw
    assert by_digest == nodes[0].blobs[nodes[0].digest]
    assert told(cli_call("inspect", multi, "--image", SIGNED.digest, "--raw")).raw == SIGNED.blobs[SIGNED.digest]


def test_a_config_is_printed_as_it_stands(single: Path, multi: Path, tmp_path: Path, cli_call: Call) -> None:
    assert told(cli_call("inspect", single, "--config")).raw == SINGLE.config
    arm = ("inspect", f"{multi}#{MULTI.digest}", "--platform", "linux/arm64", "--config")
    assert told(cli_call(*arm)).raw == MANY[1].config
    into = tmp_path / "config.json"
    assert told(cli_call(*arm, "--output", into)).raw == b""
    assert into.read_bytes() == MANY[1].config
    assert told(cli_call("inspect", multi, "--config", "--image", SINGLE.image_id)).raw == SINGLE.config


@pytest.mark.parametrize("option", ["--config", "--files"])
def test_several_candidates_are_a_call_at_fault_that_lists_them(option: str, multi: Path, cli_call: Call) -> None:
    line = refused(cli_call("inspect", multi, option), 2)
    for one in (*MANY, SINGLE):
        assert one.node().digest in line or one.node(platform=one.platform.members()).digest in line  # type: ignore[union-attr]
    assert "linux/arm64" in line
    assert "--platform" in line


def test_several_documents_are_a_call_at_fault_that_lists_them(multi: Path, cli_call: Call) -> None:
    line = refused(cli_call("inspect", multi, "--raw"), 2)
    assert f"here are 2: {MULTI.digest} (docker.io/corpus/multi:1.0), {NODE.digest}" in line


def test_a_format_without_manifests_says_so(corpus: Path, cli_call: Call) -> None:
    line = refused(cli_call("inspect", corpus / "docker20.tar", "--raw"), 2)
    assert "keeps no manifest" in line
    raw = told(cli_call("inspect", corpus / "docker20.tar", "--config")).raw
    name = f"{build.digest(raw).removeprefix('sha256:')}.json"
    with tarfile.open(corpus / "docker20.tar") as tar:
        assert tar.getnames().count(name) == 1


@pytest.mark.parametrize("option", ["--raw", "--config"])
def test_what_is_not_what_its_digest_says_is_not_printed(option: str, tmp_path: Path, cli_call: Call) -> None:
    digest = NODE.digest if option == "--raw" else SINGLE.image_id
    raw = NODE.blobs[digest]
    wrong = changed(build.layout(NODE), build.blob_path(digest), raw + b" ")
    result = cli_call("inspect", write_folder(tmp_path / "wrong", wrong), option)
    assert (result.status, result.raw) == (1, b"")
    assert digest in result.stderr


def test_what_is_not_there_is_not_printed(tmp_path: Path, cli_call: Call) -> None:
    lacking = [one for one in build.layout(NODE) if SINGLE.image_id.partition(":")[2] not in one.name]
    folder = write_folder(tmp_path / "lacking", lacking)
    assert "not in the archive" in refused(cli_call("inspect", folder, "--config"), 1)
    assert told(cli_call("inspect", folder, "--raw")).raw == NODE.blobs[NODE.digest]


WRONG = {
    "two-things": (("--raw", "--config"), "--raw and --config"),
    "verified": (("--files", "--verify"), "--verify"),
    "json": (("--config", "--format", "json"), "--format json"),
    "layer-alone": (("--layer", "1"), "add --files"),
    "no-layer": (("--files", "--layer", "3"), "there are 2 layers"),
    "layer-zero": (("--files", "--layer", "0"), "no layer 0"),
    "no-digest": (("--files", "--layer", "sha256:1"), "no layer sha256:1"),
    "no-platform": (("--platform", "linux"), "OS/ARCH"),
}


@pytest.mark.parametrize("name", WRONG)
def test_calls_at_fault(name: str, single: Path, cli_call: Call) -> None:
    options, words = WRONG[name]
    assert words in refused(cli_call("inspect", single, *options), 2)


def test_one_thing_is_of_one_source(single: Path, multi: Path, cli_call: Call) -> None:
    assert "one SOURCE" in refused(cli_call("inspect", single, multi, "--raw"), 2)
    assert "read once" in refused(cli_call("inspect", "-", "-"), 2)


# Files


def odd() -> bytes:
    """Make a tar of members of every kind, with names that nobody should have."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as tar:
        for name, kind, size, members in (
            ("etc/", tarfile.DIRTYPE, 0, {"mode": 0o1777}),
            ("./etc/passwd", tarfile.REGTYPE, 5, {"mode": 0o4755, "uname": "root", "gname": "wheel"}),
            ("/absolute", tarfile.REGTYPE, 0, {"uid": 1_000_000, "gid": 70}),
            ("../outside", tarfile.REGTYPE, 1, {}),
            ("etc/link", tarfile.SYMTYPE, 0, {"linkname": "pass\nwd", "mode": 0o777}),
            ("etc/hard", tarfile.LNKTYPE, 0, {"linkname": "etc/passwd"}),
            ("dev/null", tarfile.CHRTYPE, 0, {"devmajor": 1, "devminor": 3, "mode": 0o666}),
            ("dev/disk", tarfile.BLKTYPE, 0, {"devmajor": 8, "devminor": 0, "mode": 0o2640}),
            ("run/pipe", tarfile.FIFOTYPE, 0, {"mode": 0o600, "mtime": 2**31 + 61.5}),
            ("clear\x1b[2J", tarfile.REGTYPE, 0, {"mtime": -86_400}),
            ("back\\slash\t", tarfile.REGTYPE, 0, {}),
            ("naïve-名前", tarfile.REGTYPE, 12_345_678, {"uname": "averylongusername", "gname": "averylonggroup"}),
            ("no-utf8-\udcff", tarfile.REGTYPE, 0, {}),
            ("last" * 40, tarfile.REGTYPE, 0, {}),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.size, info.mtime = kind, size, 1_700_000_000
            for member, value in members.items():
                setattr(info, member, value)
            tar.addfile(info, io.BytesIO(bytes(size)))
    return buffer.getvalue()


@pytest.mark.skipif(shutil.which("tar") is None, reason="tar is not here")
def test_files_are_listed_as_tar_does(tmp_path: Path, cli_call: Call) -> None:
    plain = odd()
    (tmp_path / "layer.tar").write_bytes(plain)
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    command = ["tar", "-tvPf", str(tmp_path / "layer.tar")]
    theirs = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    image = Image(layers=[packed(plain, "gzip")])
    folder = write_folder(tmp_path / "app", build.layout(image.node().named("docker.io/corpus/app:1.0", "1.0")))
    assert told(cli_call("inspect", folder, "--files")).raw.decode().splitlines() == theirs.decode().splitlines()


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
def test_names_of_each_kind_of_tar_are_listed_whole(form: int, tmp_path: Path, cli_call: Call) -> None:
    buffer = io.BytesIO()
    names = ["a/" * 40 + "b" * 90, "c"]
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    folder = write_folder(tmp_path / "app", build.layout(Image(layers=[packed(buffer.getvalue(), "none")]).node()))
    assert [line.split()[-1] for line in told(cli_call("inspect", folder, "--files")).stdout.splitlines()] == names


def test_layers_are_listed_one_after_another(single: Path, tmp_path: Path, cli_call: Call) -> None:
    lines = told(cli_call("inspect", single, "--files")).stdout.splitlines()
    assert [line for line in lines if line.startswith("layer ")] == [
        f"layer 1 of 2: {ONE.digest}",
        f"layer 2 of 2: {OTHER.digest}",
    ]
    assert [line.split()[-1] for line in lines if line.startswith("-rw")] == ["a", "b", "c"]
    for text in ("2", OTHER.digest, OTHER.diff_id, OTHER.digest[:19], OTHER.diff_id[7:19]):
        (b, c) = told(cli_call("inspect", single, "--files", "--layer", text)).stdout.splitlines()
        assert (b[:10], b.split()[-1], c.split()[-1]) == ("-rw-r--r--", "b", "c")
    into = tmp_path / "files"
    told(cli_call("inspect", single, "--files", "--output", into))
    assert into.read_text().splitlines() == lines


def test_a_beginning_of_several_digests_names_no_layer(tmp_path: Path, cli_call: Call) -> None:
    made: dict[str, build.Layer] = {}
    number = 0
    while True:  # until two layers have diff_ids that begin alike
        one = layer({"file": str(number).encode()}, "none")
        if (begins := one.diff_id[7:11]) in made and not begins.isdecimal():
            break
        made[begins] = one
        number += 1
    both = Image(layers=[made[begins], one])
    folder = write_folder(tmp_path / "both", build.layout(both.node()))
    line = refused(cli_call("inspect", folder, "--files", "--layer", begins), 2)
    assert f"{begins} is the beginning of several layers: 1 ({made[begins].diff_id}), 2 ({one.diff_id})" in line
    told(cli_call("inspect", folder, "--files", "--layer", one.diff_id[7:40]))


def test_a_layer_that_is_not_what_is_claimed_is_an_error(tmp_path: Path, cli_call: Call) -> None:
    false = Image(layers=[ONE], config_members={"rootfs": {"type": "layers", "diff_ids": [OTHER.diff_id]}})
    folder = write_folder(tmp_path / "false", build.layout(false.node()))
    result = told(cli_call("inspect", folder, "--files"), 1)
    assert "diff_id" in result.stderr
    assert OTHER.diff_id in result.stderr
    into = tmp_path / "files"
    told(cli_call("inspect", folder, "--files", "--output", into), 1)
    assert not into.exists()
    other = packed(layer({"x": b"x"}).plain, "gzip")
    wrong = changed(build.layout(NODE), build.blob_path(ONE.digest), other.stored)
    assert ONE.digest in told(cli_call("inspect", write_folder(tmp_path / "wrong", wrong), "--files"), 1).stderr


@pytest.mark.parametrize("cut", [600, 1100])
def test_what_stands_before_a_fault_is_listed(cut: int, tmp_path: Path, cli_call: Call) -> None:
    plain = layer({"first": b"1", "second": b"2" * 600}).plain
    torn = Image(layers=[packed(plain[: 1024 + cut], "none")])
    folder = write_folder(tmp_path / "torn", build.layout(torn.node()))
    result = told(cli_call("inspect", folder, "--files"), 1)
    assert result.stdout.splitlines()[0].endswith(" first")
    assert "the layer's tar cannot be read" in result.stderr


def test_layers_that_cannot_be_listed_are_said(tmp_path: Path, cli_call: Call) -> None:
    secret = layer({"s": b"s"}, media_type="application/vnd.oci.image.layer.v1.tar+encrypted")
    image = Image(layers=[secret, ONE])
    folder = write_folder(tmp_path / "secret", build.layout(image.node()))
    result = told(cli_call("inspect", folder, "--files"))
    assert "layer 1 cannot be listed" in result.stderr
    assert result.stdout.splitlines()[-1].endswith(" a")
    assert "cannot be listed" in refused(cli_call("inspect", folder, "--files", "--layer", "1"), 1)
    lacking = [one for one in build.layout(NODE) if ONE.digest.partition(":")[2] not in one.name]
    result = told(cli_call("inspect", write_folder(tmp_path / "lacking", lacking), "--files"), 1)
    assert result.stdout.splitlines()[-1].endswith(" c")


def test_all_layers_of_an_image_are_held_to_one_limit(tmp_path: Path, cli_call: Call) -> None:
    one = layer({str(number): b"" for number in range(30)}, "gzip")
    folder = write_folder(tmp_path / "app", build.layout(Image(layers=[one] * 4).node()))
    assert len(told(cli_call("inspect", folder, "--files", "--limit", "headers=120")).stdout.splitlines()) == 124
    result = told(cli_call("inspect", folder, "--files", "--limit", "headers=100"), 1)
    assert "the archive's layers have more than 100 tar headers" in result.stderr


def test_a_long_owner_makes_no_other_line_longer(tmp_path: Path, cli_call: Call) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("o" * 2000, "o" * 100, ""):
            info = tarfile.TarInfo("file")
            info.uname = name
            tar.addfile(info)
    folder = write_folder(tmp_path / "app", build.layout(Image(layers=[packed(buffer.getvalue(), "none")]).node()))
    lines = told(cli_call("inspect", folder, "--files")).stdout.splitlines()
    assert [len(line) for line in lines] == [2000 + 37, *[128 + 33] * 2]


def test_many_layers_of_one_beginning_are_no_long_message(tmp_path: Path, cli_call: Call) -> None:
    ends = [f"sha256:abcdef{number:058x}" for number in range(50)]
    image = Image(layers=[ONE] * 50, config_members={"rootfs": {"type": "layers", "diff_ids": ends}})
    folder = write_folder(tmp_path / "many", build.layout(image.node()))
    line = refused(cli_call("inspect", folder, "--files", "--layer", "abcdef"), 2)
    assert line.count(ONE.digest) == 12
    assert " and 38 more" in line


def test_a_listing_keeps_nothing_of_what_it_listed() -> None:
    def peak(count: int) -> int:
        plain = layer({f"{number:090}/{number:090}": b"" for number in range(count)}).plain
        one = Layer(descriptor=None, source=Bytes(plain, "layer"), name="layer", diff_id=None)
        tracemalloc.start()
        try:
            assert sum(piece.count("\n") for piece in listing(one, Limits(names_size=100))) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(9000) < peak(4000) + (1 << 18)


def test_names_are_spelled_so_that_each_is_another() -> None:
    names = ["a", "a\n", "a\\n", "a\\\\n", "\x1b[2J", "\u202e", "é", "\udcff", "\x00", "\x7f"]
    spelled = [escaped(name) for name in names]
    assert len(set(spelled)) == len(names)
    assert all(one.isprintable() for one in spelled)
    assert json.dumps(spelled[4]) == '"\\\\033[2J"'
