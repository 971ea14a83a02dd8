"""Calls that are nearly right: other names for commands, options, formats, rules, platforms, archives and sizes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ociarchive.blobio import sizes
from ociarchive.blobio.limits import MEANINGS, NAMES, SIZES
from ociarchive.report.shared.text import portion
from ociarchive.values import Platform
from release.manpages import pages
from tests.support.build import ARM64, Image, Node, layer, layout, platforms
from tests.support.call import Call, refused, told
from tests.support.readme import ROOT
from tests.support.tar import write_folder, write_tar

BASE = layer({"base": b"base" * 500}, "gzip")
IMAGE = Image(layers=[BASE])
NODE = IMAGE.node().named("docker.io/corpus/app:1.0", "1.0")
OTHER = Image(layers=[BASE], config_members={"author": "other"}).node().named("docker.io/corpus/other:2.0", "2.0")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "store", layout(NODE, OTHER))


CALLS = {
    "misspelled-command": ("aduit x", "no command 'aduit', did you mean `ociarchive audit`?"),
    "verify": ("verify x", "did you mean `ociarchive audit`?"),
    "validate": ("validate x", "did you mean `ociarchive audit`?"),
    "check": ("check x", "did you mean `ociarchive audit`?"),
    "copy": ("copy x y", "did you mean `ociarchive convert`?"),
    "list": ("list x", "did you mean `ociarchive inspect`?"),
    "push": ("push x y", "did you mean `ociarchive convert`? A registry is its DEST: docker://HOST/NAME:TAG"),
    "pull": ("pull x y", "did you mean `ociarchive convert`? A registry is its SOURCE: docker://HOST/NAME:TAG"),
    "help": ("help", "did you mean `ociarchive --help`?"),
    "catalog": ("catalog x", "did you mean `ociarchive catalogue`?"),
    "path-for-a-command": (str(ROOT), "a command goes before it"),
    "option-in-front": ("-q audit x", "options follow it: `ociarchive audit -q`"),
    "long-option-in-front": ("--strict x", "options follow it: `ociarchive audit --strict`"),
    "unknown-in-front": ("--frobnicate audit", "no option --frobnicate"),
    "misspelled-option": ("audit --formt json x", "audit has no option --formt, did you mean --format"),
    "arch": ("convert --arch arm64 x y --to dir", "did you mean --platform OS/ARCH?"),
    "arch-elsewhere": ("audit --arch arm64 x", "`ociarchive convert` has --platform OS/ARCH"),
    "option-of-another-command": ("inspect --to dir x", "but `ociarchive convert` has it"),
    "out": ("audit --out x y", "did you mean --output FILE?"),
    "all": ("convert --all x y --to dir", "all platforms and images come without it"),
    "nothing-near": ("audit --frobnicate x", "see `ociarchive audit --help`"),
    "oci": ("convert x y --to oci", "did you mean oci-layout for a folder, or oci-archive for a tar?"),
    "docker": ("convert x y --to docker", "did you mean docker-archive?"),
    "docker-dir": ("convert x y --to docker-dir", "did you mean dir?"),
    "misspelled-format": ("convert x y --to oci-layuot", "did you mean oci-layout?"),
    "rule": ("audit x --ignore blob-unrefrenced", "did you mean blob-unreferenced?"),
    "rule-of-severity": ("audit x --severity digest-mismach=note", "did you mean digest-mismatch?"),
    "limit": ("audit x --limit windw=1", "did you mean window?"),
    "amd64": ("convert x y --to dir --platform amd64", "did you mean linux/amd64?"),
    "x86_64": ("convert x y --to dir --platform x86_64", "did you mean linux/amd64?"),
    "aarch64": ("convert x y --to dir --platform aarch64", "did you mean linux/arm64?"),
    "armhf": ("convert x y --to dir --platform armhf", "did you mean linux/arm/v7?"),
    "two-formats": ("audit x --format json --format html", "--format is given twice: json and html"),
    "two-outputs": ("audit x --output a --output b", "--output is given twice"),
    "two-targets": ("convert x y --to dir --to oci-layout", "--to is given twice"),
    "daemon": ("inspect docker-daemon:app:1.0", "`docker save -o app.tar IMAGE` writes one"),
    "podman": ("inspect containers-storage:app", "`podman save -o app.tar IMAGE` writes one"),
    "registry-misspelled": ("inspect docker://example.com/UP", "expected docker://HOST[:PORT]/NAME[:TAG"),
    "object-storage": ("inspect s3://b/key", "expected s3://BUCKET/KEY"),
    "position": ("inspect docker-archive:x:@1", "not selected by its position"),
    "no-path": ("inspect oci:", "no path stands behind oci:"),
    "no-size": ("audit x --max-layer-size 10GX", "'10GX' is no size, such as 500MB, 10GiB"),
    "no-bytes": ("audit x --max-layer-size 0MiB", "not more than nothing"),
    "no-size-of-a-limit": ("audit x --limit window=wide", "'wide' is no size"),
    "size-of-a-count": ("audit x --limit depth=1GiB", "expected a whole number for depth"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_is_nearly_right_is_led_to_what_was_meant(name: str, cli_call: Call) -> None:
    call, words = CALLS[name]
    result = cli_call(*call.split())
    assert words in refused(result, 2)
    assert (result.stdout, result.stderr.count("\n")) == ("", 1)


def test_a_platform_of_other_words_is_led_to_what_is_there(store: Path, tmp_path: Path, cli_call: Call) -> None:
    line = refused(cli_call("convert", store, tmp_path / "x", "--to", "oci-layout", "--platform", "linux/x86_64"), 2)
    assert "did you mean linux/amd64? there is linux/amd64" in line
    line = refused(cli_call("convert", store, tmp_path / "x", "--to", "oci-layout", "--platform", "linux/aarch64"), 2)
    assert "did you mean" not in line


def test_the_first_version_of_amd64_is_amd64(tmp_path: Path, cli_call: Call) -> None:
    both = platforms([IMAGE, Image(layers=[BASE], platform=ARM64)]).named("docker.io/corpus/app:1.0", "1.0")
    source = write_tar(tmp_path / "source", layout(both))
    told(cli_call("convert", source, tmp_path / "x", "--to", "dir", "--platform", "linux/amd64/v1"))
    plain, later = Platform.parse("linux/amd64"), Platform.parse("linux/amd64/v2")
    assert plain.fits(Platform.parse("linux/amd64/v1"))
    assert not later.fits(Platform.parse("linux/amd64/v1"))
    assert not plain.fits(later)


def names(call: Call, *args: str | Path) -> list[str]:
    images = told(call("inspect", *args, "--format", "json")).archive()["images"]
    return sorted(name for image in images for name in image["references"])


def spellings(folder: Path) -> Iterator[tuple[str, list[str]]]:
    both = ["docker.io/corpus/app:1.0", "docker.io/corpus/other:2.0"]
    yield f"oci:{folder}/store", both
    yield f"oci:{folder}/store:1.0", both[:1]
    yield f"oci:{folder}/store:corpus/other:2.0", both[1:]
    yield f"oci:{folder}/a:b", both[:1]
    yield f"oci:{folder}/store#corpus/app:1.0", both[:1]
    yield f"oci-archive:{folder}/store.tar:2.0", both[1:]
    yield f"docker-archive:{folder}/saved.tar:corpus/app:1.0", both[:1]
    yield f"dir:{folder}/one", []
    yield "dir:there", both[:1]


def test_archives_are_found_as_skopeo_spells_them(
    store: Path, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tar(tmp_path / "store.tar", layout(NODE, OTHER))
    write_folder(tmp_path / "a:b", layout(NODE))
    write_folder(tmp_path / "dir:there", layout(NODE))
    told(cli_call("convert", store, tmp_path / "saved.tar", "--to", "docker-archive"))
    told(cli_call("convert", f"oci:{store}:1.0", tmp_path / "one", "--to", "dir"))
    monkeypatch.chdir(tmp_path)
    for spelling, wanted in spellings(tmp_path):
        assert names(cli_call, spelling) == wanted, spelling
    told(cli_call("audit", f"oci:{store}"))


@pytest.mark.parametrize("form", ["oci", "oci-archive", "docker-archive", "dir"])
def test_dest_as_skopeo_spells_it_needs_no_format(form: str, store: Path, tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "made"
    named = "" if form == "dir" else ":example.com/made:3"
    told(cli_call("convert", f"oci:{store}:1.0", f"{form}:{dest}{named}"))
    found = told(cli_call("audit", dest, "--format", "json")).archive()
    assert found["format"] == {"oci": "oci-layout"}.get(form, form)
    assert found["images"][0]["references"] == ([] if form == "dir" else ["example.com/made:3"])


def test_dest_that_contradicts_options_is_refused(store: Path, tmp_path: Path, cli_call: Call) -> None:
    dest = f"oci:{tmp_path / 'made'}"
    assert "DEST says oci-layout, --to says dir" in refused(cli_call("convert", store, dest, "--to", "dir"), 2)
    assert "--tag another" in refused(cli_call("convert", f"{store}#1.0", f"{dest}:a:1", "--tag", "b:1"), 2)
    assert "such as app:1" in refused(cli_call("convert", f"{store}#1.0", f"{dest}:1"), 2)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("form", ["oci-layout", "registry-storage"])
def test_a_merge_takes_the_format_of_dest(form: str, tmp_path: Path, cli_call: Call) -> None:
    first, second = (write_tar(tmp_path / name, layout(node)) for name, node in (("a", NODE), ("b", OTHER)))
    told(cli_call("convert", first, tmp_path / "dest", "--to", form))
    told(cli_call("convert", second, tmp_path / "dest", "--merge"))
    assert names(cli_call, tmp_path / "dest") == ["docker.io/corpus/app:1.0", "docker.io/corpus/other:2.0"]
    line = refused(cli_call("convert", second, tmp_path / "dest"), 2)
    assert "--to says which format" in line
    assert "with --merge it is that of DEST" in line


# Sizes


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("512", 512),
        ("512B", 512),
        ("1kB", 1000),
        ("1KiB", 1024),
        ("1k", 1024),
        ("64M", 64 << 20),
        ("650MB", 650_000_000),
        ("10GiB", 10 << 30),
        ("10gib", 10 << 30),
        ("1.5 GiB", 3 << 29),
        ("0.1MB", 100_000),
        ("2T", 2 << 40),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, count: int) -> None:
    assert sizes.parse(text) == count


@pytest.mark.parametrize("text", ["", "GiB", "-1", "1,5GiB", "1e9", "10 G iB", "1.5", "٣", "1PiB", "9" * 19, "1\n2"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        sizes.parse(text)


def test_a_limit_of_bytes_takes_a_size(tmp_path: Path, cli_call: Call) -> None:
    source = write_tar(tmp_path / "source", layout(Node(NODE.descriptor, NODE.blobs)))
    plain = len(BASE.plain)
    told(cli_call("audit", source, "--max-layer-size", f"{plain}B", "--limit", "layer-size=1MiB"))
    assert told(cli_call("audit", source, "--format", "json", "--max-layer-size", "1KiB"), 1).rules() == {
        "limit-unpacked"
    }
    small = told(cli_call("audit", source, "--format", "json", "--limit", "manifest-size=0.1kB"), 1)
    assert small.rules("error") == {"limit-document"}


def test_every_limit_is_explained(cli_call: Call) -> None:
    assert set(MEANINGS) == set(NAMES)
    assert set(NAMES) > SIZES
    listed = told(cli_call("rules", "limits")).stdout
    for name in NAMES:
        assert re.search(rf"^{name} +[0-9]", listed, re.MULTILINE), name
        assert re.search(rf"^{name}  +[0-9]", told(cli_call("rules", name)).stdout, re.MULTILINE), name
        assert f".B {name.replace('-', chr(92) + '-')}\n" in pages()["ociarchive-convert.1"].partition(".SH LIMITS")[2]
    for rule in ("limit-members", "gzip-header"):  # a rule comes first, its limit behind it
        one = told(cli_call("rules", rule)).stdout
        assert re.match(rf"{rule} \((?:error|warning)\)\n", one)
        assert re.search(rf"^{rule.removeprefix('limit-')}  +[0-9]", one, re.MULTILINE)
    assert re.search(r"^window +128\.0 MiB  ", listed, re.MULTILINE)


@pytest.mark.parametrize(
    ("done", "total", "shown"),
    [
        (0, 0, "0/0 B"),
        (5, 1023, "5/1023 B"),
        (512, 1024, "0.5/1.0 KiB"),
        (1 << 20, 3 << 29, "0.0/1.5 GiB"),
        (1 << 50, 1 << 50, "1024.0/1024.0 TiB"),
    ],
)
def test_what_is_done_stands_in_the_unit_of_the_whole(done: int, total: int, shown: str) -> None:
    assert portion(done, total) == shown


# Results in files, and settings


@pytest.mark.parametrize(
    ("command", "name", "begins", "form"),
    [
        ("audit", "a.html", "<!doctype html>", "html"),
        ("audit", "a.JSON", "{", "json"),
        ("audit", "a.sarif", "{", "sarif"),
        ("audit", "a.xml", "<?xml", "junit"),
        ("audit", "a.report", "archive ", "table"),
        ("audit", "html", "archive ", "table"),
        ("inspect", "a.json", "{", "json"),
        ("diff", "a.html", "<!doctype html>", "html"),
        ("doctor", "a.json", "{", "json"),
    ],
)
def test_the_suffix_of_a_file_says_its_format(
    *, command: str, name: str, begins: str, form: str, store: Path, tmp_path: Path, cli_call: Call
) -> None:
    sources = {"audit": [store], "inspect": [store], "diff": [store, store], "doctor": []}[command]
    result = told(cli_call(command, *sources, "--output", tmp_path / name))
    assert (tmp_path / name).read_text().lower().startswith(begins)
    verdict = {"audit": "PASS  0 errors, 0 warnings", "inspect": "read, not verified", "diff": "SAME", "doctor": "fit"}
    assert result.stdout == ""
    assert result.stderr == f"{verdict[command]}: {tmp_path / name} ({form})\n"
    told(cli_call(command, *sources, "--output", tmp_path / "t", "--format", "table"))
    quiet = told(cli_call(command, *sources, "--output", tmp_path / "q.json", "-q"))
    assert (quiet.stdout, quiet.stderr) == ("", "")


@pytest.mark.parametrize(("command", "name"), [("inspect", "a.html"), ("doctor", "a.xml"), ("diff", "a.sarif")])
def test_a_suffix_of_what_the_command_does_not_write_is_refused(
    command: str, name: str, store: Path, tmp_path: Path, cli_call: Call
) -> None:
    sources = {"inspect": [store], "diff": [store, store], "doctor": []}[command]
    form = {"html": "html", "xml": "junit", "sarif": "sarif"}[name[2:]]
    line = refused(cli_call(command, *sources, "--output", tmp_path / name), 2, tmp_path / name)
    assert f"{command} writes no {form}" in line
    told(cli_call(command, *sources, "--output", tmp_path / name, "--format", "table"))


def test_the_bytes_of_a_manifest_may_have_any_suffix(store: Path, tmp_path: Path, cli_call: Call) -> None:
    told(cli_call("inspect", f"{store}#corpus/app:1.0", "--raw", "--output", tmp_path / "manifest.html"))


LISTS = {
    "platform": (("convert", "STORE", "DEST", "--to", "dir", "--platform", "linux/amd64,linux/arm64"), "--platform"),
    "platform-of-inspect": (("inspect", "STORE", "--platform", "linux/amd64, linux/arm64"), "--platform"),
    "ignore": (("audit", "STORE", "--ignore", "blob-unreferenced,sparse-index"), "--ignore"),
    "only": (("audit", "STORE", "--only", "blob-unreferenced,sparse-index"), "--only"),
    "without": (("convert", "STORE", "DEST", "--to", "dir", "--without", "attestations,signatures"), "--without"),
    "aspects": (("diff", "STORE", "STORE", "--ignore", "names,annotations"), "--ignore"),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_with_commas_gets_the_hint_to_repeat_the_option(
    name: str, store: Path, tmp_path: Path, cli_call: Call
) -> None:
    words, option = LISTS[name]
    places = {"STORE": store, "DEST": tmp_path / "dest"}
    line = refused(cli_call(*(places.get(word, word) for word in words)), 2, tmp_path / "dest")
    first, second = (one.strip() for one in words[-1].split(","))
    assert f"{option} is repeated, once for each: {option} {first} {option} {second}" in line


def test_rules_that_are_asked_for_alone_and_ignored_leave_none(store: Path, tmp_path: Path, cli_call: Call) -> None:
    given = ("--only", "blob-unreferenced", "--ignore", "blob-unreferenced")
    assert "no rule is left: blob-unreferenced is ignored" in refused(cli_call("audit", store, *given), 2)
    told(cli_call("audit", store, *given, "--only", "digest-mismatch"))
    settings = tmp_path / "ociarchive.toml"
    settings.write_text('ignore = ["blob-unreferenced"]\n')
    assert "no rule is left" in refused(cli_call("audit", store, "--config", settings, *given[:2]), 2)


@pytest.mark.parametrize("text", ["ratio=0", "ratio=00", "layer-size=0"])
def test_a_limit_that_refuses_every_layer_is_refused(text: str, store: Path, cli_call: Call) -> None:
    assert "would refuse every layer" in refused(cli_call("audit", store, "--limit", text), 2)
    told(cli_call("audit", store, "--limit", "outer=0"))


def test_a_failed_audit_says_so_beside_its_file(tmp_path: Path, store: Path, cli_call: Call) -> None:
    (tmp_path / "bad").write_bytes(b"no archive")
    result = told(cli_call("audit", store, tmp_path / "bad", "--output", tmp_path / "r.json"), 1)
    assert result.stderr == f"FAIL  1 error, 0 warnings in 1 of 2 archives: {tmp_path / 'r.json'} (json)\n"
    printed = told(cli_call("audit", store, "--format", "json", "--output", "-"))
    assert printed.stderr == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            'ignore = "digest-mismatch"',
            'expected a list of rules, ignore = ["blob-unreferenced"], found "digest-mismatch"',
        ),
        ("only = 7", "only has the wrong type: expected a list of rules"),
        ("[tool.ociarchive]\nstrict = true", "[tool.ociarchive] is for a pyproject.toml, here keys stand without it"),
    ],
)
def test_settings_of_another_shape_lead_to_the_right_one(
    text: str, says: str, tmp_path: Path, store: Path, cli_call: Call
) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(text)
    assert says in refused(cli_call("audit", store, "--config", path), 2)


def test_the_page_of_settings_shows_ones_that_hold(
    tmp_path: Path, store: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    (block,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "pyproject.toml").write_text(block)
    monkeypatch.chdir(tmp_path)
    waived = told(cli_call("audit", store)).stdout
    assert "blob-unreferenced is ignored" in waived
    assert "sparse-index is counted as error" in waived
    helped = " ".join(told(cli_call("audit", "--help")).stdout.split())
    for name in ("ociarchive.toml", "pyproject.toml", "[tool.ociarchive]"):
        assert name in page
        assert name in helped
    assert "settings.md" in (ROOT / "mkdocs.yml").read_text()
