"""Results as text: safe for a terminal, never wider than it, and the same whatever it can show."""

import itertools
import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from ociarchive.errors import clipped, plural
from ociarchive.report.shared import text as texts
from ociarchive.report.shared.text import bar, columns, cut, pad, safe, shell, short, size, tail, wrapped
from ociarchive.values import Reference
from tests.audit.cases import FAILS
from tests.support import build, oracle
from tests.support.build import AMD64, ARM64, Image, artifact, attestation, index, layer
from tests.support.call import Call, Json, Run, told
from tests.support.tar import Member, changed, file, write_folder, write_tar
from tests.support.truth import CORPUS, load

WIDE = "\u6f22\u5b57"
DIGEST = "sha256:" + "0123456789ab" + "c" * 52
SAFE = {
    "plain": ("layer.tar", "layer.tar"),
    "wide": (WIDE, WIDE),
    "combined": ("e\u0301", "e\u0301"),
    "escape": ("a\x1b[31mb", "a\\x1b[31mb"),
    "newline": ("a\r\nb\tc", "a\\r\\nb\\tc"),
    "nul": ("\0", "\\x00"),
    "delete-and-c1": ("\x7f\x9b", "\\x7f\\x9b"),
    "right-to-left": ("\u202egnp.exe", "\\u202egnp.exe"),
    "zero-width": ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
    "line-separator": ("\u2028", "\\u2028"),
    "half-of-a-pair": ("\ud800", "\\ud800"),
    "not-utf-8": ("\udcff", "\\udcff"),
    "tag-characters": ("\U000e0041", "\\U000e0041"),
}


@pytest.mark.parametrize("name", SAFE)
def test_safe(name: str) -> None:
    text, expected = SAFE[name]
    assert safe(text) == expected
    assert safe(safe(text)) == expected


@given(st.text(st.characters(), max_size=20))
def test_what_is_safe_is_printable_and_says_all(text: str) -> None:
    assert safe(text).isprintable()
    assert (safe(text) == text) is text.isprintable()


SIZES = {
    None: "?",
    0: "0 B",
    1: "1 B",
    1023: "1023 B",
    1024: "1.0 KiB",
    1536: "1.5 KiB",
    1 << 20: "1.0 MiB",
    5 << 30: "5.0 GiB",
    3 << 40: "3.0 TiB",
    5000 << 40: "5000.0 TiB",
}


@pytest.mark.parametrize("count", SIZES)
def test_size(count: int | None) -> None:
    assert size(count) == SIZES[count]


def test_short() -> None:
    assert short(DIGEST) == "0123456789ab"
    assert short(DIGEST, whole=True) == DIGEST
    assert short(None) == short("") == "-"
    assert short("0123456789abcdef") == "0123456789ab"


def test_plural() -> None:
    assert [plural(count, "layer") for count in (0, 1, 2)] == ["0 layers", "1 layer", "2 layers"]
    assert plural(2, "index", "indexes") == "2 indexes"
    assert [plural(count, "byte", grouped=True) for count in (1, 12345)] == ["1 byte", "12,345 bytes"]
    assert [plural(count, "layer is", "layers are") for count in (0, 1)] == ["0 layers are", "1 layer is"]


# name: text, columns, its beginning, its end
CUTS = {
    "fits": ("layer", 5, "layer", "layer"),
    "too-long": ("layers", 5, "laye…", "…yers"),
    "wide-fits": (WIDE, 4, WIDE, WIDE),
    "wide": (WIDE * 2, 6, WIDE + "…", "…" + WIDE),
    "wide-does-not-fill": (WIDE * 2, 4, "\u6f22…", "…\u5b57"),
    "combined": ("e\u0301" * 5, 6, "e\u0301" * 5, "e\u0301" * 5),
    "escaped": ("\x1b" * 3, 6, "\\x1b\\…", "…b\\x1b"),
    "one-column": ("layer", 1, "…", "…"),
    "empty": ("", 3, "", ""),
}


@pytest.mark.parametrize("name", CUTS)
def test_cut_and_tail(name: str) -> None:
    text, width, first, last = CUTS[name]
    assert cut(text, width) == first
    assert wcswidth(tail(text, width)) <= width
    assert tail(text, width) == last


def test_a_name_that_a_message_cuts_has_an_ellipsis() -> None:
    assert clipped("x" * 80, 80) == "x" * 80
    assert clipped("x" * 81, 80) == "x" * 79 + "…"
    with pytest.raises(ValueError, match=r"malformed image name 'x{79}…'"):
        Reference.parse("x" * 300)


TEXTS = st.text(st.sampled_from("ab c/:-é\u0301\u6f22\uff21\x1b\u202e"), max_size=60)


@given(TEXTS, st.integers(1, 30))
def test_nothing_is_wider_than_it_may_be(text: str, width: int) -> None:
    assert wcswidth(cut(text, width)) <= width
    assert wcswidth(tail(text, width)) <= width
    assert pad(safe(text), width).startswith(safe(text))
    assert wcswidth(pad(safe(text), width)) == max(wcswidth(safe(text)), width)


@given(TEXTS, st.integers(8, 30))
def test_wrapped_text_is_all_there(text: str, width: int) -> None:
    lines = wrapped(text, width, "")
    assert all(wcswidth(line.rstrip()) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(safe(text).split())


def test_a_number_and_its_unit_stay_together() -> None:
    assert wrapped("10 blobs, 2.9 KiB read in 0.0 s", 16, "  ") == ["10 blobs,", "  2.9 KiB read", "  in 0.0 s"]
    assert wrapped("version 2 snapshots", 10, "") == ["version 2", "snapshots"]


@given(
    st.lists(
        st.sampled_from(
            ["a", " ", "  ", WIDE[0], f"{WIDE} ", "\u00e9", "5 KiB", "1 s ", "/", "\u2026", "c" * 64, "\ud55c"]
        )
    ),
    st.integers(min_value=1, max_value=80),
    st.sampled_from(["", "  ", "      "]),
    st.booleans(),
)
def test_lines_are_the_same_word_by_word(parts: list[str], width: int, indent: str, whole: bool) -> None:
    """Where no character's columns depend on another, all words of a line are found at once."""
    text = "".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "_spread", lambda _: None)
        expected = wrapped(text, width, indent, whole=whole)
    assert wrapped(text, width, indent, whole=whole) == expected


def test_wide_words_are_not_measured_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def heard(text: str) -> int:
        measured.append(text)
        return columns(text)

    monkeypatch.setattr(texts, "columns", heard)
    assert wrapped(" ".join(WIDE[0] * 100), 80, "") == [" ".join(WIDE[0] * 27)] * 3 + [" ".join(WIDE[0] * 19)]
    assert len(measured) < 20


def test_wrapped_lines_are_broken_at_blanks_and_indented() -> None:
    assert wrapped("one two three four", 9, "  ") == ["one two", "  three", "  four"]
    assert wrapped("short", 9, "  ") == ["short"]
    assert wrapped("a/very/long/path", 8, "") == ["a/very/l", "ong/path"]
    assert wrapped("", 8, "  ") == [""]


BARS = {
    "none": (0, 10, 8, ""),
    "of-nothing": (5, 0, 8, ""),
    "all": (10, 10, 4, "████"),
    "half": (5, 10, 4, "██"),
    "eighths": (1, 32, 4, "▏"),
    "seven-eighths": (7, 32, 4, "▉"),
    "more-than-a-column": (9, 32, 4, "█▏"),
    "too-little-to-see": (1, 100_000, 8, ""),
}


@pytest.mark.parametrize("name", BARS)
def test_bar(name: str) -> None:
    part, whole, width, expected = BARS[name]
    assert bar(part, whole, width) == expected


# The tree

TRUTHS = load()


@pytest.mark.parametrize("width", [80, 132])
@pytest.mark.parametrize("name", [*TRUTHS, "registry-data"])
def test_tree_of_every_archive(name: str, width: int, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    result = told(cli_call("inspect", CORPUS / name))
    lines = result.stdout.splitlines()
    assert all(wcswidth(line) <= width for line in lines)
    assert not any(line != line.rstrip() for line in lines)
    if name in TRUTHS:
        true = TRUTHS[name]
        shown = "\n".join(lines)
        for image in true.images:
            assert f"image id {image.image_id.removeprefix('sha256:')[:12]}" in shown
            assert all(reference in shown for reference in image.references)
        ids = len(re.findall(r"image id [0-9a-f]{12}", shown))
        assert ids >= len({one.manifest or one.image_id for one in true.images})


def test_tree_in_ascii_says_the_same(cli_call: Call, run_cli: Run) -> None:
    for name in ("docker26-containerd-multi.tar", "oras-artifact"):
        boxes = told(cli_call("inspect", CORPUS / name)).stdout
        plain = told(run_cli("inspect", CORPUS / name, env={"PYTHONIOENCODING": "ascii", "COLUMNS": "80"}))
        assert plain.raw.isascii()
        words = [re.sub(r"[├└│─█▏▎▍▌▋▊▉…#~`|-]+", " ", text).split() for text in (boxes, plain.stdout)]
        assert words[0] == words[1]


BASE = layer({"base": b"base" * 900}, "gzip")
LONG = layer({"long": bytes(range(256)) * 90}, "gzip")


def image(label: str, platform: build.Platform | None = AMD64, **members: object) -> Image:
    return Image(layers=[BASE, LONG], platform=platform, config_members={"author": label, **members})


def shown(call: Call, path: Path, members: list[Member], *options: str) -> str:
    return told(call("inspect", write_tar(path, members), *options)).stdout


def test_tree_says_what_is_shared_missing_attested_and_signed(tmp_path: Path, cli_call: Call) -> None:
    nodes = [image("app", one).node(platform=one.members()) for one in (AMD64, ARM64)]
    absent = image("absent").node(platform={"os": "linux", "architecture": "s390x"})
    apps = index([*nodes, attestation(nodes[0]), absent]).named("docker.io/corpus/app:1.0", "1.0")
    note = artifact(b"note", "application/vnd.example.note", subject=apps)
    members = build.layout(apps, note, image("bare", None).node(), without=[absent.digest, nodes[1].digest])
    text = shown(cli_call, tmp_path / "a.tar", members)
    for part in (
        "docker.io/corpus/app:1.0  index " + short(apps.digest),
        "attestation  " + short(attestation(nodes[0]).digest) + "  of " + short(nodes[0].digest),
        f"linux/s390x {short(absent.digest)}  (not in this archive)",
        f"linux/arm64 {short(nodes[1].digest)}  (not in this archive)",
        "artifact application/vnd.example.note",
        "(no name)",
        "no platform",
        "= also in another image above: 2 layers, stored once",
        "Digests were read, not checked",
    ):
        assert part in text
    whole = shown(cli_call, tmp_path / "a.tar", members, "-v")
    assert apps.digest in whole
    assert "Docker's classic store" in whole
    assert "Digests were read" not in cli_call("inspect", tmp_path / "a.tar", "--verify").stdout


def test_tree_of_an_image_without_layers_and_of_a_layer_that_is_gone(tmp_path: Path, cli_call: Call) -> None:
    empty = Image(config_members={"author": "empty"}).node().named(ref_name="empty")
    half = image("half").node().named(ref_name="half")
    text = shown(cli_call, tmp_path / "a.tar", build.layout(empty, half, without=[LONG.digest]))
    assert "no layers" in text
    assert re.search(rf"2  {short(LONG.digest)} +absent", text)


HISTORIES: dict[str, tuple[object, list[str]]] = {
    "by-layer": ([{"created_by": "one"}, {"created_by": "two"}], ["one", "two"]),
    "empty-layers-between": (
        [{"created_by": "one"}, {"created_by": "ENV", "empty_layer": True}, {"created_by": "two"}], ["one", "two"],
    ),
    "shell": (
        [{"created_by": "/bin/sh -c #(nop) ADD x"}, {"created_by": "/bin/sh -c make"}], ["ADD x", "make"],
    ),
    "too-few": ([{"created_by": "one"}], []),
    "none": (None, []),
    "no-list": ("one", []),
    "no-objects": ([1, 2], []),
    "terminal-codes": ([{"created_by": "\x1b[31mone"}, {"created_by": "\u202etwo"}], ["\\x1b[31mone", "\\u202etwo"]),
}  # fmt: skip


@pytest.mark.parametrize("name", HISTORIES)
def test_tree_says_what_made_a_layer(name: str, tmp_path: Path, cli_call: Call) -> None:
    history, expected = HISTORIES[name]
    node = image("app", history=history).node().named(ref_name="app")
    lines = cli_call("inspect", write_tar(tmp_path / "a.tar", build.layout(node))).stdout.splitlines()
    rows = [line for line in lines if short(BASE.digest) in line or short(LONG.digest) in line]
    made = [row.split("  ")[-1].strip() for row in rows]
    assert len(rows) == 2
    if expected:
        assert made == expected
    else:
        assert all("█" in one or not one for one in made)


def test_tree_of_long_names_fits(tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    names = [f"registry.example/{'team/' * 20}app:{number}" for number in range(3)]
    saved = build.Saved(image=image("app"), tags=[*names, "b:1", "c:1"])
    monkeypatch.chdir(tmp_path)
    text = shown(cli_call, Path("a.tar"), build.docker_archive(saved))
    assert all(wcswidth(line) <= 80 for line in text.splitlines())
    assert all(re.search(rf"…[^ ]*{re.escape(name[-60:])}\n", text) for name in names)
    assert "docker.io/library/c:1" in text


WINDOWS = {"os": "windows", "architecture": "amd64"}


def test_tree_tells_platforms_apart_by_what_index_and_config_say(tmp_path: Path, cli_call: Call) -> None:
    told = [{**WINDOWS, "os.version": version} for version in ("10.0.17763.5696", "10.0.20348.2402")]
    arms = [build.Platform("linux", "arm", variant) for variant in ("v6", "v7")]
    nodes = [image(one["os.version"], build.Platform("windows", "amd64")).node(platform=one) for one in told]
    nodes += [image(str(one), one).node(platform={"os": "linux", "architecture": "arm"}) for one in arms]
    path = write_tar(tmp_path / "a.tar", build.layout(index(nodes).named(ref_name="app")))
    text = told_by(cli_call, path)
    for platform in ("windows/amd64 10.0.17763.5696", "windows/amd64 10.0.20348.2402", "linux/arm/v6", "linux/arm/v7"):
        assert len(re.findall(rf"─ {re.escape(platform)}(?:  |\n)", text)) == 1, text
    found = cli_call("inspect", "--format", "json", path).archive()["images"]
    assert [one["os_version"] for one in found] == ["10.0.17763.5696", "10.0.20348.2402", None, None]
    other = write_tar(tmp_path / "b.tar", build.layout(index(nodes[:1]).named(ref_name="app")))
    assert "windows/amd64 10.0.20348.2402\n" in cli_call("diff", path, other).stdout
    dest = tmp_path / "dest"
    assert "windows/amd64 10.0.17763.5696 image id" in cli_call("convert", path, dest, "--to", "oci-layout").stderr


def told_by(call: Call, path: Path, *options: str) -> str:
    return call("inspect", path, *options).stdout


def test_tree_calls_what_cosign_made_by_what_it_holds(tmp_path: Path, cli_call: Call) -> None:
    node = image("app").node().named(ref_name="app")
    signed = build.signature(node).named(ref_name=node.digest.replace(":", "-") + ".sig")
    text = shown(cli_call, tmp_path / "a.tar", build.layout(node, signed))
    assert f"artifact {build.COSIGN_SIGNATURE}" in text
    assert build.OCI_CONFIG not in text


def test_sizes_that_are_not_known_have_no_column(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "a.tar", build.layout(image("app").node().named(ref_name="app")))
    first, read = told_by(cli_call, path), told_by(cli_call, path, "--verify")
    assert "?" not in first
    assert "unpacked" not in first
    assert "unpacked" in read
    half = Image(layers=[BASE, layer({"plain": b"x"})]).node().named(ref_name="half")
    mixed = told_by(cli_call, write_tar(tmp_path / "b.tar", build.layout(half)))
    assert "unpacked" in mixed
    assert re.search(rf"{short(BASE.digest)} .* \?  ", mixed)


def test_verify_says_what_was_proved(tmp_path: Path, cli_call: Call) -> None:
    good = write_tar(tmp_path / "a.tar", build.layout(image("app").node().named(ref_name="app")))
    text = told(cli_call("inspect", good, "--verify")).stdout
    assert re.search(r"\nPASS  0 errors, 0 warnings; 4 blobs, .* read\n +1 image, 2 of 2 layers proved: every", text)
    result = told(cli_call("inspect", damaged(tmp_path / "b.tar"), "--verify"), 1)
    assert "\nFAIL  " in result.stdout
    assert "every claim holds" not in result.stdout
    assert "What a rule means: ociarchive rules digest-mismatch\n" in result.stdout


def test_a_command_to_copy_is_whole_and_quoted(tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.chdir(tmp_path)
    members = build.layout(image("app").node().named(ref_name="app"))
    for name, spelled in (
        ("a b.tar", "'a b.tar'"),
        ("a'b.tar", "'a'\"'\"'b.tar'"),
        ("\x1b\u202ex.tar", "$'\\x1b\\xe2\\x80\\xaex.tar'"),
        (f"{'long ' * 20}.tar", f"'{'long ' * 20}.tar'"),
    ):
        text = shown(cli_call, Path(name), members)
        assert f"ociarchive audit {spelled}\n" in text
    done = subprocess.run(["bash", "-c", f"printf %s {shell([name])}"], capture_output=True, check=True)
    assert done.stdout.decode() == name


def test_inspect_in_json_is_the_contracts(tmp_path: Path, cli_call: Call) -> None:
    node = image("app").node().named("docker.io/corpus/app:1.0", "1.0")
    path = write_tar(tmp_path / "a.tar", build.layout(node))
    result = told(cli_call("inspect", "--format", "json", path))
    assert result.json()["schema_version"] == 1
    assert result.json()["tool"]["name"] == "ociarchive"
    (row,) = result.archive()["images"]
    (first, second) = row.pop("layers")
    assert row == {
        "references": ["docker.io/corpus/app:1.0"],
        "ref_names": ["1.0"],
        "platform": "linux/amd64",
        "os_version": None,
        "index": None,
        "manifest": node.digest,
        "image_id": image("app").image_id,
    }
    assert (
        first.items()
        >= {
            "digest": BASE.digest,
            "size": len(BASE.stored),
            "media_type": build.OCI_LAYER + "+gzip",
            "compression": "gzip",
            "diff_id": BASE.diff_id,
            "uncompressed_size": None,
            "chain_id": BASE.diff_id,
            "verified": None,
        }.items()
    )
    assert second["chain_id"] == build.digest(f"{BASE.diff_id} {LONG.diff_id}".encode())
    audited = told(cli_call("audit", "--format", "json", path)).archive()
    assert [(one["uncompressed_size"], one["verified"]) for one in audited["images"][0]["layers"]] == [
        (len(BASE.plain), True),
        (len(LONG.plain), True),
    ]
    assert result.raw.isascii()


# The audit for people


def damaged(path: Path) -> Path:
    members = build.layout(image("app").node().named(ref_name="app"), strays=[b"stray"])
    return write_tar(path, changed(members, build.blob_path(BASE.digest), b"damaged" * 300))


@pytest.mark.parametrize("width", [80, 100, 160])
def test_audit_table(width: int, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    bad = damaged(tmp_path / ("a-rather-long-name-of-a-folder" * 3) / "a.tar")
    good = CORPUS / "umoci-oci"
    result = told(cli_call("audit", bad, good), 1)
    lines = result.stdout.splitlines()
    assert all(wcswidth(line) <= width for line in lines[lines.index("") :])
    assert sorted(re.findall(r"(?:PASS|FAIL) ", result.stdout)) == ["FAIL ", "FAIL ", "PASS "]
    found = told(cli_call("audit", "--format", "json", bad, good), 1).json()
    for finding in found["archives"][0]["findings"]:
        assert any(line.startswith(f"{finding['severity']:9}{finding['rule']}") for line in lines)
    errors = sum(one["summary"]["errors"] for one in found["archives"])
    assert f"{errors} error" in result.stdout
    assert "in 1 of 2 archives" in result.stdout
    assert "What a rule means: ociarchive rules " in result.stdout
    assert result.stdout.isprintable() or all(line.isprintable() for line in lines)
    assert result.stderr == ""


def test_findings_of_one_rule_are_grouped(tmp_path: Path, cli_call: Call) -> None:
    strays = [b"stray %d" % number for number in range(21)]
    members = build.layout(image("app").node().named(ref_name="app"), strays=strays)
    path = write_tar(tmp_path / "a.tar", changed(members, build.blob_path(BASE.digest), b"damaged" * 300))
    text, whole = cli_call("audit", path).stdout, cli_call("audit", path, "-v").stdout
    assert text.count("warning  blob-unreferenced") == 3
    assert "and 18 more of blob-unreferenced in" in text
    assert "-v shows all" in text
    assert text.index("error    digest-mismatch") < text.index("warning  blob-unreferenced")
    assert whole.count("warning  blob-unreferenced") == 21
    assert "more of" not in whole
    found = cli_call("audit", path, "--format", "json").archive()["findings"]
    assert sum(one["rule"] == "blob-unreferenced" for one in found) == 21
    said = cli_call("inspect", "--verify", path).stderr.splitlines()
    assert sum(line.startswith("finding: warning: blob-unreferenced: no manifest leads to it") for line in said) == 3
    assert [
        line for line in said if line.startswith("finding: warning: and 18 more of blob-unreferenced: -v shows all")
    ]


def test_the_rule_to_look_up_is_that_of_the_worst_finding(tmp_path: Path, cli_call: Call) -> None:
    warned = write_tar(tmp_path / "a.tar", build.layout(image("app").node().named(ref_name="app"), strays=[b"x"]))
    result = cli_call("audit", warned, damaged(tmp_path / "b.tar"))
    assert result.stdout.index("blob-unreferenced") < result.stdout.index("digest-mismatch")
    assert result.stdout.endswith("What a rule means: ociarchive rules digest-mismatch\n")


def test_a_strict_audit_says_that_warnings_failed_it(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "a.tar", build.layout(image("app").node().named(ref_name="app"), strays=[b"x", b"y"]))
    strict, usual = told(cli_call("audit", "--strict", path), 1).stdout, told(cli_call("audit", path)).stdout
    assert "FAIL  0 errors, 2 warnings" in strict
    joined = re.sub(r"\n {8}", " ", strict)
    assert "warnings fail too, as --strict or the settings ask: blob-unreferenced (2)\n" in joined
    assert "every claim holds" not in strict
    assert "every claim holds" in usual
    assert "warnings fail" not in usual


def test_audit_table_of_nothing_wrong(cli_call: Call) -> None:
    text = told(cli_call("audit", CORPUS / "skopeo-oci")).stdout
    assert "PASS  0 errors, 0 warnings" in text
    assert re.search(r"^ +1 image, (\d+) of \1 layers proved", text, re.MULTILINE)
    assert "FAIL" not in text
    assert "What a rule means" not in text


@pytest.mark.parametrize(
    ("rule", "case", "line"),
    [
        ("image-unproved", "config-in-capitals", "0 images, no layer to prove: nothing of an image was checked"),
        ("layer-opaque", "encrypted", "1 image, 1 of 2 layers proved, 1 could not be"),
        ("digest-unknown", "layer", "1 image, 0 of 1 layer proved, 1 could not be"),
        ("toc-entry", "estargz-too-many", "1 image, 1 of 1 layer proved"),
        ("layer-padded", "gzip", "1 image, 1 of 1 layer proved: every claim holds"),
    ],
)
def test_what_was_not_proved_is_not_called_good(
    rule: str, case: str, line: str, tmp_path: Path, cli_call: Call
) -> None:
    result = cli_call("audit", "--no-config", FAILS[rule][case].write(tmp_path))
    assert f"      {line}\n" in result.stdout


@pytest.mark.parametrize(
    ("rule", "case", "told"),
    [("image-unproved", "config-in-capitals", "manifest"), ("toc-elsewhere", "external", "table of contents")],
)
def test_the_page_lists_what_could_not_be_proved(
    rule: str, case: str, told: str, tmp_path: Path, cli_call: Call
) -> None:
    page = cli_call("audit", "--no-config", "--format", "html", FAILS[rule][case].write(tmp_path)).stdout
    listed = page.partition("could not be proved")[2]
    assert f"{told} of layer sha256:" in listed or f"{told} sha256:" in listed


@pytest.mark.parametrize(("option", "colours"), [("always", True), ("never", False), ("auto", False)])
def test_colours(option: str, colours: bool, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    bad = damaged(tmp_path / "a.tar")
    text = cli_call("audit", "--color", option, bad).stdout
    assert ("\x1b[" in text) is colours
    seconds = re.compile(r"read in [0-9.]+ s")
    plain = cli_call("audit", "--color", "never", bad).stdout
    assert seconds.sub("", re.sub(r"\x1b\[[0-9;]*m", "", text)) == seconds.sub("", plain)


def test_colours_by_the_environment(tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = damaged(tmp_path / "a.tar")
    for forced, unwanted, option in itertools.product((False, True), (False, True), ("auto", "always")):
        for name, value in (("FORCE_COLOR", forced), ("NO_COLOR", unwanted)):
            monkeypatch.delenv(name, raising=False)
            if value:
                monkeypatch.setenv(name, "1")
        coloured = "\x1b[" in cli_call("audit", "--color", option, bad).stdout
        assert coloured is (option == "always" or (forced and not unwanted))


# Receipt and summary


def receipt_of(call: Call, path: Path, *options: str) -> tuple[Json, Path]:
    receipt = path.parent / "receipt.json"
    dest = path.parent / "dest"
    told(call("convert", path, dest, "--to", "oci-layout", "--no-sync", "--receipt", receipt, *options))
    value = json.loads(receipt.read_bytes())
    assert isinstance(value, dict)
    return value, dest


def test_receipt_names_everything_before_and_after(tmp_path: Path, cli_call: Call) -> None:
    nodes = [image("app", one).node(platform=one.members()) for one in (AMD64, ARM64)]
    apps = index([*nodes, attestation(nodes[0])]).named("docker.io/corpus/app:1.0", "1.0")
    path = write_tar(tmp_path / "a.tar", build.layout(apps))
    receipt, dest = receipt_of(cli_call, path, "--compression", "zstd", "--level", "7", "--without", "attestations")
    facts = oracle.read(dest)

    assert receipt["schema_version"] == 1
    assert receipt["tool"]["name"] == "ociarchive"
    assert receipt["options"].items() >= {"compression": "zstd", "level": 7, "media_types": "keep"}.items()
    assert receipt["sources"] == [
        {
            "path": str(path),
            "format": "oci-archive",
            "names": ["docker.io/corpus/app:1.0"],
            "sha256": build.digest(path.read_bytes()),
        }
    ]
    assert receipt["destination"].items() >= {"path": str(dest), "format": "oci-layout"}.items()
    old = [(one["old"]["digest"], one["diff_id"]) for one in receipt["layers"]]
    assert old == [(BASE.digest, BASE.diff_id), (LONG.digest, LONG.diff_id)]
    stored = {part.digest: part for one in facts.images for part in one.layers}
    for entry in receipt["layers"]:
        assert stored[entry["new"]["digest"]].size == entry["new"]["size"]
        assert entry["new"]["mediaType"] == build.OCI_LAYER + "+zstd"
    assert {one["old"]["digest"] for one in receipt["manifests"]} == {node.digest for node in nodes}
    assert {one["new"]["digest"] for one in receipt["manifests"]} == {one.manifest for one in facts.images}
    assert [one["old"]["digest"] for one in receipt["indexes"]] == [apps.digest]
    assert all(one["old"] == one["new"] for one in receipt["configs"])
    assert [one["why"] for one in receipt["left_out"]] == ["--without attestations"]
    assert receipt["notices"]


def test_receipt_of_a_save_has_nothing_before(tmp_path: Path, cli_call: Call) -> None:
    plain = layer({"plain": b"plain"})
    path = write_tar(tmp_path / "a.tar", build.docker_archive(build.Saved(image=Image(layers=[plain]))))
    receipt, dest = receipt_of(cli_call, path)
    (image_facts,) = oracle.read(dest).images
    (manifest,) = receipt["manifests"]
    assert (manifest["old"], manifest["new"]["digest"]) == (None, image_facts.manifest)
    (entry,) = receipt["layers"]
    assert (entry["old"], entry["diff_id"]) == (None, plain.diff_id)


def test_receipt_holds_until_something_changes(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "a.tar", build.layout(image("app").node().named(ref_name="app")))
    _, dest = receipt_of(cli_call, path)
    receipt = tmp_path / "receipt.json"
    told(cli_call("audit", dest, "--receipt", receipt))
    told(cli_call("audit", path, "--receipt", receipt))  # not one digest changed
    other_image = image("other")
    other = write_tar(tmp_path / "b.tar", build.layout(other_image.node().named(ref_name="app")))
    found = told(cli_call("audit", "--format", "json", other, "--receipt", receipt), 1)
    assert found.rules("error") == {"receipt-mismatch"}
    subjects = {one["subject"] for one in found.archive()["findings"] if one["rule"] == "receipt-mismatch"}
    new = min({*other_image.node().blobs} - {BASE.digest, LONG.digest, other_image.node().digest})
    gone = {image("app").node().digest, image("app").image_id}
    assert subjects == gone | {"app", other_image.node().digest, new}  # the name leads elsewhere, the new is not listed
    lying = json.loads(receipt.read_bytes())
    lying["layers"][0]["diff_id"] = LONG.diff_id
    receipt.write_text(json.dumps(lying))
    found = told(cli_call("audit", "--format", "json", dest, "--receipt", receipt), 1)
    assert [one["subject"] for one in found.archive()["findings"] if one["severity"] == "error"] == [BASE.digest]


NO_RECEIPTS = {
    "absent": (None, 2),
    "empty": (b"", 1),
    "no-json": (b"hello", 1),
    "other-json": (b"{}", 1),
    "array": (b"[]", 1),
    "other-version": (b'{"schema_version": 2, "layers": []}', 1),
    "layers-are-no-list": (b'{"schema_version": 1, "layers": {}}', 1),
    "doubled-key": (b'{"schema_version": 1, "layers": [], "layers": []}', 1),
}


@pytest.mark.parametrize("name", NO_RECEIPTS)
def test_what_is_no_receipt(name: str, tmp_path: Path, cli_call: Call) -> None:
    content, status = NO_RECEIPTS[name]
    path = tmp_path / "receipt.json"
    if content is not None:
        path.write_bytes(content)
    result = told(cli_call("audit", CORPUS / "docker26.tar", "--receipt", path), status)
    assert "receipt" in result.stderr


@pytest.mark.parametrize("compression", ["auto", "none", "zstd"])
def test_summary(compression: str, tmp_path: Path, cli_call: Call) -> None:
    node = image("app").node().named("docker.io/corpus/app:1.0", "1.0")
    path = write_folder(tmp_path / "layout", build.layout(node))
    dest = tmp_path / "dest"
    text = told(cli_call("convert", path, dest, "--to", "oci-layout", "--compression", compression, "--no-sync")).stderr
    after = oracle.read(dest).images[0]
    fate = "same" if after.manifest == node.digest else "rewritten"
    assert re.search(rf"docker.io/corpus/app:1.0 +{short(node.digest)} +{short(after.manifest)} +{fate}\n", text), text
    assert f"{short(after.image_id)}  {short(after.image_id)}  same" in text
    assert "diff_ids proved: 2 of 2 layers, all as before" in text
    assert "audit      PASS  0 errors" in text
    whole = told(cli_call("convert", path, tmp_path / "whole", "--to", "dir", "-v", "--no-sync", "--no-audit")).stderr
    assert node.digest in whole
    assert "audit      none" in whole


def test_names_of_an_archive_cannot_steer_the_terminal(tmp_path: Path, cli_call: Call) -> None:
    code = "\x1b]0;x\x07\u202e"
    node = image("app").node().named(ref_name=f"a{code}").described(platform={"os": f"l{code}", "architecture": "x"})
    members = [*build.layout(node, strays=[b"x"]), file(f"stray{code}", b"x"), file(f"../{code}", b"x")]
    path = write_tar(tmp_path / f"a{code}.tar", members)
    for call in (
        ("inspect", path),
        ("inspect", "-v", path),
        ("inspect", "--verify", path),
        ("audit", path),
        ("audit", "-v", path),
    ):
        result = cli_call(*call)
        assert all(line.isprintable() for line in (result.stdout + result.stderr).splitlines())
    dest = tmp_path / f"d{code}"
    result = cli_call("convert", path, dest, "--to", "oci-layout", "--no-sync")
    assert all(line.isprintable() for line in (result.stdout + result.stderr).splitlines())


@given(st.text(alphabet="ab漢字🚀✈\ufe0f\u0301\u200de…é👩", max_size=40), st.integers(1, 20))
def test_what_is_cut_fits_wherever_it_is_cut(text: str, width: int) -> None:
    for shown in (cut(text, width), tail(text, width)):
        assert columns(shown) <= width
        assert shown == safe(text) or "…" in shown
