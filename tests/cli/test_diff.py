"""What a person and a script get of a comparison: verdict, status, streams; and what a hostile archive cannot do."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import build, faulty
from tests.support.build import AMD64, ARM64, Image, Layer, artifact, index, layer, layout, packed, signature
from tests.support.call import Call, Run, refused, told
from tests.support.tar import file, tar, write_folder, write_tar

BASE = layer({"bin/sh": b"shell" * 900, "etc/base": b"1"}, "gzip")
APP = layer({"app/one": b"one" * 50, "app/two": b"2"}, "gzip")
NEXT = layer({"app/one": b"other" * 50, "app/three": b"3"}, "gzip")
NAME = "docker.io/corpus/app:1.0"


def image(*layers: Layer, user: str = "1000", env: tuple[str, ...] = ("PATH=/bin",)) -> Image:
    return Image(layers=layers, config_members={"config": {"User": user, "Env": list(env)}})


def write(path: Path, *roots: build.Node) -> Path:
    return write_tar(path, layout(*roots))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two versions of an image, and a platform that only the second has."""
    old = write(tmp_path / "old.tar", image(BASE, APP).node().named(NAME, "1.0"))
    amd, arm = image(BASE, NEXT, user="root", env=("DEBUG=1", "PATH=/bin")), replace(image(BASE), platform=ARM64)
    both = index([amd.node(platform=AMD64.members()), arm.node(platform=ARM64.members())])
    return old, write_folder(tmp_path / "new", layout(both.named(NAME, "1.0")))


def test_the_table(pair: tuple[Path, Path], cli_call: Call) -> None:
    result = told(cli_call("diff", *pair, "--files"), 1)
    assert result.stderr == ""
    first = result.stdout.splitlines()[0]
    assert first == "DIFFERENT: 1 image changed in layers and config, 1 only in the second"
    for line in (
        "~ docker.io/corpus/app:1.0  linux/amd64",
        "  layers       1 same, 1 changed",
        "      ~ app/one  content 150 B -> 250 B",
        "      + app/three  1 B",
        "      - app/two  1 B",
        "      1 added, 1 removed, 1 changed, 0 the same",
        '    ~ /config/User  "1000" -> "root"',
        '    + /config/Env/0  "DEBUG=1"',
        "+ docker.io/corpus/app:1.0  linux/arm64",
    ):
        assert line in result.stdout.splitlines()
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "--files lists" not in result.stdout
    assert "--files lists" in cli_call("diff", *pair).stdout


def test_the_other_way_round(pair: tuple[Path, Path], cli_call: Call) -> None:
    found = told(cli_call("diff", pair[1], pair[0], "--format", "json"), 1).json()
    assert found["summary"]["images"] == {"same": 0, "changed": 1, "added": 0, "removed": 1}


def test_docker_save_and_zstd_layout(tmp_path: Path, corpus: Path, cli_call: Call) -> None:
    told(cli_call("convert", corpus / "docker20.tar", tmp_path / "app", "--to", "oci-layout", "--compression", "zstd"))
    result = told(cli_call("diff", corpus / "docker20.tar", tmp_path / "app"))
    assert result.stdout.startswith("SAME: both hold the same image, packed differently\n")
    assert "stored       plain -> zstd 3 of 3, 128.0 KiB -> " in result.stdout
    assert "3 of 3 layers and 3 of 3 layers proved" in " ".join(result.stdout.split())
    told(cli_call("diff", corpus / "docker20.tar", tmp_path / "app", "--platform", "linux/amd64"))


def test_output_goes_to_a_file(pair: tuple[Path, Path], tmp_path: Path, cli_call: Call) -> None:
    for fmt in ("table", "json", "html"):
        result = told(cli_call("diff", *pair, "--format", fmt, "--output", tmp_path / fmt), 1)
        assert result.raw == b""
        assert (tmp_path / fmt).read_text()


def test_selectors(tmp_path: Path, cli_call: Call) -> None:
    one, other = image(BASE, APP).node(), image(BASE, NEXT).node()
    first = write(tmp_path / "a", one.named(NAME, "1.0"), other.named("docker.io/corpus/app:2.0", "2.0"))
    second = write(tmp_path / "b", one.named("docker.io/corpus/app:3.0", "3.0"))
    told(cli_call("diff", first, second), 1)
    same = told(cli_call("diff", f"{first}#corpus/app:1.0", f"{second}#corpus/app:3.0"))
    assert "names do not count in this comparison; 1 name differs" in same.stdout
    told(cli_call("diff", f"{first}#corpus/app:1.0", second), 1)
    told(cli_call("diff", f"{first}#{image(BASE, APP).image_id}", f"{second}#{one.digest}"))
    told(cli_call("diff", f"{first}#corpus/app:2.0", f"{second}#corpus/app:3.0"), 1)
    assert "there is" in refused(cli_call("diff", f"{first}#corpus/app:9", second), 2)
    refused(cli_call("diff", first, second, "--image", "corpus/app:1.0"), 2)
    refused(cli_call("diff", first, second, "--platform", "linux/arm64"), 2)


def test_calls_at_fault(tmp_path: Path, cli_call: Call) -> None:
    path = write(tmp_path / "a", image(BASE).node())
    refused(cli_call("diff", path, tmp_path / "absent"), 2)
    refused(cli_call("diff", path), 2)
    refused(cli_call("diff", path, path, path), 2)
    refused(cli_call("diff", path, path, "--ignore", "everything"), 2)
    refused(cli_call("diff", path, path, "--format", "sarif"), 2)
    assert "standard input can be read once" in refused(cli_call("diff", "-", "-"), 2)


def test_standard_input(tmp_path: Path, run_cli: Run) -> None:
    path = write(tmp_path / "a", image(BASE).node())
    told(run_cli("diff", "-", path, stdin=build.gzipped(path.read_bytes())))


@pytest.mark.parametrize("name", [one for one in faulty.MADE if one not in ("good", "sparse", "hostile")])
def test_a_damaged_side_is_no_difference_but_an_error(name: str, tmp_path: Path, cli_call: Call) -> None:
    good, bad = faulty.write("good", tmp_path), faulty.write(name, tmp_path)
    for paths in ((good, bad), (bad, good), (bad, bad)):
        result = cli_call("diff", *paths)
        assert str(bad) in refused(result, 1)
        assert result.raw == b""


def test_a_diff_id_that_is_only_claimed_is_not_believed(tmp_path: Path, cli_call: Call) -> None:
    """Configs and manifests are the same in both, layers are not."""
    lying = replace(APP, stored=build.gzipped(tar([file("app/one", b"evil")])))
    lying = replace(lying, plain=APP.plain)
    good = write(tmp_path / "good", image(BASE, APP).node())
    assert "unpacks to something else" in refused(
        cli_call("diff", good, write(tmp_path / "b", image(BASE, lying).node())), 1
    )


def test_damage_in_what_is_not_compared_does_not_matter(tmp_path: Path, cli_call: Call) -> None:
    bad = replace(NEXT, stored=NEXT.stored[:-9] + bytes(9))
    one, other = image(BASE, APP).node().named(NAME, "1.0"), image(bad).node().named("docker.io/corpus/app:2.0", "2.0")
    path = write(tmp_path / "a", one, other)
    refused(cli_call("diff", path, path), 1)
    told(cli_call("diff", f"{path}#corpus/app:1.0", write(tmp_path / "b", one)))


def test_a_platform_that_is_not_here_is_told(tmp_path: Path, cli_call: Call) -> None:
    good, sparse = faulty.write("good", tmp_path), faulty.write("sparse", tmp_path)
    result = told(cli_call("diff", good, sparse), 1)
    assert result.stdout.startswith("DIFFERENT: 1 image only in the first archive, 1 the same\n")
    told_in_one_line = "".join(result.stdout.split())
    assert re.search(r"note:\S+/sparse\.tarnameslinux/arm64sha256:[0-9a-f]{64}anddoesnotholdit", told_in_one_line)
    told(cli_call("diff", sparse, sparse))


def test_layers_that_nobody_can_read(tmp_path: Path, cli_call: Call) -> None:
    """Encrypted ones are the same if their bytes are; what neither archive holds is no difference."""
    secret = replace(APP, media_type=build.OCI_LAYER + "+encrypted")
    other = replace(secret, stored=build.gzipped(APP.plain, level=1), plain=APP.plain)
    one = write(tmp_path / "a", image(BASE, secret).node())
    told(cli_call("diff", one, one))
    found = told(
        cli_call("diff", one, write(tmp_path / "b", image(BASE, other).node()), "--format", "json", "--files"), 1
    )
    assert [this["kind"] for this in found.json()["images"][0]["layers"]] == ["same", "unproved"]
    away = {"urls": ["https://example.invalid/layer"]}
    foreign = replace(APP, media_type=build.OCI_FOREIGN, members=away)
    absent = write(tmp_path / "c", image(BASE, replace(foreign, absent=True)).node())
    found = told(cli_call("diff", absent, absent, "--format", "json"))
    assert [this["kind"] for this in found.json()["images"][0]["layers"]] == ["same", "unproved"]
    told(cli_call("diff", absent, write(tmp_path / "d", image(BASE, foreign).node())), 1)


def test_signatures_and_artifacts(tmp_path: Path, cli_call: Call) -> None:
    node = image(BASE).node().named(NAME, "1.0")
    signed = signature(node).named(ref_name=f"sha256-{build.hexed(node.digest)}.sig")
    plain = write(tmp_path / "a", node)
    found = told(cli_call("diff", plain, write(tmp_path / "b", node, signed), "--format", "json"), 1).json()
    (one,) = found["images"][0]["attestations"]
    assert (one["kind"], one["type"]) == ("added", build.COSIGN_SIGNATURE)
    told(cli_call("diff", plain, tmp_path / "b", "--ignore", "attestations"))
    note = artifact(b"note", "application/vnd.example.note").named(ref_name="note")
    beside = write(tmp_path / "c", node, note)
    found = told(cli_call("diff", beside, plain, "--format", "json"), 1).json()
    assert [(this["kind"], this["type"]) for this in found["artifacts"]] == [
        ("removed", "application/vnd.example.note")
    ]
    alone = write(tmp_path / "d", note)
    assert told(cli_call("diff", alone, alone)).stdout.startswith("SAME: both hold the same artifacts, and no image\n")


def test_the_same_config_in_other_bytes(tmp_path: Path, cli_call: Call) -> None:
    one = image(BASE)
    other = Image(layers=[BASE], config_members={"config": {"Env": ["PATH=/bin"], "User": "1000"}})
    result = told(cli_call("diff", write(tmp_path / "a", one.node()), write(tmp_path / "b", other.node())), 1)
    assert "the same values, in other bytes" in result.stdout


def hostile(path: Path, text: str) -> Path:
    """Write an image whose every text is an attack on the reader."""
    wicked = packed(tar([file(f"{text.replace('/', '_')}", b"x")]), "gzip", members={"annotations": {text: text}})
    one = Image(
        layers=[BASE, wicked],
        config_members={
            "config": {text: text, "Env": [f"A={text}"]},
            "history": [{"created_by": text}, {"created_by": text}],
        },
        manifest_members={"annotations": {text: text}},
    )
    root = one.node(platform={"os": faulty.HOSTILE, "architecture": "amd64"})
    extra = artifact(b"x", "application/vnd.example.x").named(ref_name="x")
    return write(path, index([root]).named("", faulty.HOSTILE), extra)


@pytest.mark.parametrize("options", [(), ("-v",), ("--files",), ("-v", "--files")])
def test_hostile_text_is_escaped(options: tuple[str, ...], tmp_path: Path, cli_call: Call) -> None:
    one = hostile(tmp_path / "a", faulty.HOSTILE)
    other = hostile(tmp_path / "b", faulty.HOSTILE + "!")
    for fmt in ("table", "html", "json"):
        text = told(cli_call("diff", one, other, *options, "--format", fmt), 1).stdout
        assert all(char.isprintable() or char == "\n" for char in text)
        assert fmt != "html" or "<script" not in text
    lines = cli_call("diff", one, other, "--files").stdout.splitlines()
    assert any(line.startswith("    ~ /config/Env/0") for line in lines)
    assert max(map(len, lines)) <= 80


def test_a_layer_that_is_no_tar_does_not_end_the_list(tmp_path: Path, cli_call: Call) -> None:
    odd = packed(b"\x01no tar" * 100, "none")
    one = write(tmp_path / "a", image(BASE, odd, APP).node())
    other = write(tmp_path / "b", image(BASE, NEXT).node())
    lines = told(cli_call("diff", one, other, "--files"), 1).stdout.splitlines()
    assert "      the layer's tar cannot be read: tar header has a malformed number" in "\n".join(lines)
    assert "      0 added, 2 removed, 0 changed, 0 the same" in lines


def test_bombs_are_refused(tmp_path: Path, cli_call: Call) -> None:
    bomb = packed(tar([file("zeros", bytes(8 << 20))]), "zstd")
    path = write(tmp_path / "a", image(bomb).node())
    told(cli_call("diff", path, path))
    assert "--max-ratio" in refused(cli_call("diff", path, path, "--max-ratio", "100"), 1)


def test_any_number_of_workers_says_the_same(pair: tuple[Path, Path], cli_call: Call) -> None:
    outs = {told(cli_call("diff", *pair, "--files", "--format", "json", "--jobs", n), 1).raw for n in ("1", "2", "7")}
    assert len(outs) == 1


def test_colour_is_never_the_only_carrier(pair: tuple[Path, Path], cli_call: Call) -> None:
    plain = cli_call("diff", *pair).stdout
    painted = cli_call("diff", *pair, "--color", "always").stdout
    assert "\x1b[" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == plain


def test_progress_is_told_on_stderr(pair: tuple[Path, Path], cli_call: Call) -> None:
    result = told(cli_call("diff", *pair, "--progress"), 1)
    assert result.stdout == cli_call("diff", *pair).stdout


def test_everything_is_shown_with_v(tmp_path: Path, cli_call: Call) -> None:
    many = {f"label.{n}": "x" * 100 for n in range(40)}
    one = Image(layers=[BASE], config_members={"config": {"Labels": many}})
    paths = write(tmp_path / "a", image(BASE).node()), write(tmp_path / "b", one.node())
    brief, whole = cli_call("diff", *paths), cli_call("diff", *paths, "-v")
    assert one.image_id.partition(":")[2] not in brief.stdout
    assert one.image_id in whole.stdout
    assert "".join(json.dumps(many, ensure_ascii=False).split()) in "".join(whole.stdout.split())


def test_an_image_is_as_proved_as_the_worst_of_its_manifests(tmp_path: Path, cli_call: Call) -> None:
    """Two manifests have one config; of the second archive one cannot be read."""
    plain = image(BASE, APP).node()
    secret = image(BASE, replace(APP, stored=b"no one can tell", media_type=build.OCI_LAYER + "+encrypted")).node()
    old = write(tmp_path / "old.tar", plain.named("docker.io/corpus/x:1"), plain.named("docker.io/corpus/y:1"))
    new = write(tmp_path / "new.tar", plain.named("docker.io/corpus/x:1"), secret.named("docker.io/corpus/y:1"))
    assert told(cli_call("diff", old, new), 1).stdout.startswith("DIFFERENT")
    assert told(cli_call("diff", old, old), 0).stdout.startswith("SAME")


def test_another_platform_in_the_index_is_a_difference(tmp_path: Path, cli_call: Call) -> None:
    node = image(BASE).node()
    one, other = (
        write(tmp_path / f"{name}.tar", index([node.described(platform=platform.members())]))
        for name, platform in (("amd64", AMD64), ("arm64", ARM64))
    )
    first = told(cli_call("diff", one, other), 1).stdout.splitlines()[0]
    assert first == "DIFFERENT: 1 image changed in the platform that the index gives"


def test_json_tells_images_apart_that_a_name_and_a_platform_do_not(tmp_path: Path, cli_call: Call) -> None:
    """Two selectors of one archive, and images for Windows whose os.version alone differs."""
    windows = {"os": "windows", "architecture": "amd64"}
    versions = [windows | {"os.version": f"10.0.{number}"} for number in (17763, 20348)]
    nodes = [
        replace(image(BASE, user=str(number))).node(platform=told_so).named(f"docker.io/corpus/app:{number}")
        for number, told_so in enumerate(versions)
    ]
    source = write(tmp_path / "a.tar", *nodes)
    value = told(cli_call("diff", f"{source}#corpus/app:0", f"{source}#corpus/app:1", "--format", "json"), 1).json()
    assert [value[side]["source"] for side in ("old", "new")] == [str(source)] * 2
    assert [value[side]["selectors"] for side in ("old", "new")] == [["corpus/app:0"], ["corpus/app:1"]]
    assert [value[side]["manifests"] for side in ("old", "new")] == [1, 1]
    images = [pair["old"] or pair["new"] for pair in value["images"]]
    assert [(one["platform"], one["os_version"]) for one in images] == [
        ("windows/amd64", "10.0.17763"),
        ("windows/amd64", "10.0.20348"),
    ]
