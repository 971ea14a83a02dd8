"""What an archive says never acts on a terminal: every field of every document, every output of every command."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.call import Call, Result
from tests.support.tar import Member, file, symlink, tar, write_folder

#: A title, a colour that this program never sets, an override and an isolate of direction, a C1 control, DEL, a return.
EVIL = "x\x1b]0;owned\x07\x1b[95m\u202e\u2066\u200f\x9b2J\x7f\r\u2028y"
#: The same with what no document may hold: readers refuse it, and say so.
WORSE = f"{EVIL}\x00\ud800"
#: What a file system takes of it.
NAME = EVIL


def _blob(value: object) -> tuple[str, bytes]:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return f"sha256:{hashlib.sha256(raw).hexdigest()}", raw


def _described(value: object, media_type: str, blobs: dict[str, bytes], **more: object) -> dict[str, Any]:
    digest, raw = _blob(value)
    blobs[digest] = raw
    return {"mediaType": media_type, "digest": digest, "size": len(raw), **more}


def evil_layout(*, evil: str = EVIL, tail: str = "", lawful: bool = False) -> list[Member]:
    """Make a layout whose documents hold `evil` wherever a text can stand; `lawful`: where any text may stand."""
    typed, when = ("application/vnd.example", "2026-01-02T03:04:05Z") if lawful else (evil, evil)
    blobs: dict[str, bytes] = {}
    notes = {evil: evil, "org.opencontainers.image.title": evil}
    oci = "application/vnd.oci.image"
    content = tar([file(f"etc/{NAME}", tail.encode()), symlink(f"l{NAME}", NAME)])
    layer = _described(content, f"{oci}.layer.v1.tar", blobs, annotations=notes)
    odd = _described(b"odd" + tail.encode(), f"application/{evil}", blobs, annotations=notes, urls=[evil])
    if lawful:
        odd = _described(b"odd" + tail.encode(), typed, blobs, annotations=notes)
    details = {"User": evil, "Env": [f"{evil}={tail}"], "Cmd": [evil], "Labels": {evil: tail}, "WorkingDir": evil}
    config = {
        "architecture": "amd64",
        "os": "linux",
        "os.version": evil,
        "author": evil,
        "created": when,
        evil: evil,
        "config": {**details, "StopSignal": evil, "ExposedPorts": {evil: {}}, "Volumes": {evil: {}}},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        "history": [{"created_by": f"{evil}{tail}", "comment": evil, "author": evil}],
    }
    platform = {"architecture": "amd64", "os": "linux", "variant": evil, "os.version": evil, "os.features": [evil]}
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{oci}.manifest.v1+json",
        "config": _described(config, f"{oci}.config.v1+json", blobs, annotations=notes),
        "layers": [layer],
        "annotations": notes,
        evil: evil,
    }
    artifact = {**manifest, "artifactType": typed, "config": odd, "layers": [odd], "annotations": notes}
    entries = [
        _described(manifest, f"{oci}.manifest.v1+json", blobs, platform=platform, annotations=notes),
        _described(artifact, f"{oci}.manifest.v1+json", blobs, artifactType=typed, annotations=notes),
        {"mediaType": typed, "digest": f"sha256:{'0' * 64}", "size": 1, "platform": {"os": evil, "architecture": evil}},
    ]
    index = {"schemaVersion": 2, "mediaType": f"{oci}.index.v1+json", "manifests": entries, "annotations": notes}
    named = {"org.opencontainers.image.ref.name": evil, "io.containerd.image.name": evil, **notes}
    root = _described(index, f"{oci}.index.v1+json", blobs, annotations=named)
    top = {
        "schemaVersion": 2,
        "manifests": [root, *(entries[:2] if lawful else entries)],
        "annotations": notes,
        evil: evil,
    }
    saved = [{"Config": evil, "RepoTags": [evil], "Layers": [evil]}]
    version = "1.0.0" if lawful else f"1.0.0{evil}"
    strays = [] if lawful else [symlink(f"blobs/{NAME}", f"../../{NAME}")]
    return [
        file("oci-layout", json.dumps({"imageLayoutVersion": version}).encode()),
        file("index.json", json.dumps(top).encode()),
        *([file("manifest.json", json.dumps(saved).encode())] if tail == "save" else []),
        *(file(f"blobs/sha256/{digest.partition(':')[2]}", raw) for digest, raw in blobs.items()),
        file(f"blobs/sha256/{NAME}", b"stray"),
        *strays,
        file(NAME, b"beside"),
    ]


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    places = {"tail": "", "wild": "1", "save": "save"}
    made = []
    for name, tail in places.items():
        path = tmp_path / f"{name}-{NAME}.tar"
        path.write_bytes(tar(evil_layout(tail=tail, lawful=name != "save")))
        made.append(path)
    (tmp_path / "worse.tar").write_bytes(tar(evil_layout(evil=WORSE)))
    return [*made, write_folder(tmp_path / f"folder-{NAME}", evil_layout()), tmp_path / "worse.tar"]


def harmless(result: Result, what: object) -> None:
    assert result.status in (0, 1, 2), (what, result.stderr)
    assert "fault in ociarchive" not in result.stderr, (what, result.stderr)
    for text in (result.stdout, result.stderr):
        plain = text
        for style in ("\x1b[0m", "\x1b[1m", "\x1b[22m", *(f"\x1b[{number}m" for number in range(30, 38))):
            plain = plain.replace(style, "")
        odd = sorted({ascii(char) for char in plain if not char.isprintable() and char not in "\n\t"})
        assert odd == [], (what, odd)
        assert "\x1b[95m" not in text


def calls(sources: list[Path], place: Path) -> Iterator[tuple[str | Path, ...]]:
    first, second, *_ = sources
    for source in sources:
        for form in ("table", "json", "sarif", "junit", "codequality", "html"):
            yield "audit", source, "--format", form
            yield "audit", source, "--format", form, "--image", EVIL
        yield "audit", source, "--recursive"
        for form in ("table", "json"):
            yield "inspect", source, "--format", form
            yield "inspect", source, "--format", form, "--verify"
        for number, form in enumerate(("oci-layout", "docker-archive", "dir", "registry-storage")):
            yield "convert", source, place / f"{source.name[:6]}-{number}", "--to", form, "--no-sync", "--receipt", "-"
    for form in ("table", "json", "html"):
        for pair in ((first, second), (second, sources[3])):
            yield "diff", *pair, "--format", form, "--files"
    yield "audit", first.parent / NAME
    yield "convert", first, first, "--to", NAME
    yield "audit", first, "--ignore", NAME
    yield "audit", first, f"--{NAME}"
    yield "rules", NAME


@pytest.mark.parametrize("options", [(), ("-v",), ("-vv", "--color", "always"), ("-q",)], ids=" ".join)
def test_no_text_of_an_archive_acts_on_a_terminal(
    options: tuple[str, ...], sources: list[Path], tmp_path: Path, cli_call: Call
) -> None:
    (tmp_path / "made").mkdir()
    count, done = 0, set()
    for call in calls(sources, tmp_path / "made"):
        result = cli_call(*call, *options)
        harmless(result, call)
        count += "owned" in result.stdout + result.stderr
        done |= {(call[0], result.status)}
    assert count > 40, "the texts are shown, or nothing was tried"
    assert done >= {("convert", 0), ("diff", 1), ("inspect", 0), ("audit", 1)}


@pytest.mark.parametrize("members", [0, 3, 40])
def test_a_damaged_archive_has_no_say_either(members: int, tmp_path: Path, cli_call: Call) -> None:
    whole = tar(evil_layout())
    path = tmp_path / f"{NAME}.tar"
    path.write_bytes(whole[: 700 + members * 700])
    for call in (("audit", path, "-v"), ("inspect", path), ("convert", path, tmp_path / "d", "--to", "dir")):
        harmless(cli_call(*call), call)


def test_a_text_that_was_forgotten_is_caught_on_its_way_out(tmp_path: Path, cli_call: Call) -> None:
    from ociarchive.report.shared.text import harmless as passed  # noqa: PLC0415  beside the helper of this name

    assert passed("a\x1b[31m\n\tb\u202e") == "a\\x1b[31m\n\tb\\u202e"
    assert passed("\x1b[31ma\x1b[0m\x1b]0;t\x07", styled=True) == "\x1b[31ma\x1b[0m\\x1b]0;t\\x07"
    harmless(cli_call("audit", tmp_path / EVIL), "no such file")
