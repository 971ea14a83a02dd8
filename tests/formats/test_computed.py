"""A format of one module that can only be read, with a layer that is computed as it is read and has no known size.

It is registered through the tuple alone. Whatever can be done with an archive can be done with it.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

import ociarchive
from ociarchive.blobio import spool
from ociarchive.blobio.source import CHUNK, Bytes, ByteSource, FileRange, Sliceable, counted, read_all
from ociarchive.blobio.tarwriter import END, header, padding
from ociarchive.cli.progress import Bars, Lines
from ociarchive.container import Container
from ociarchive.errors import ContentError, HostError
from ociarchive.formats import FORMATS, FormatName
from ociarchive.formats.format import Format
from ociarchive.graph import GraphReader
from ociarchive.model import Archive, Blob, Root, images
from ociarchive.report.shared.text import total
from ociarchive.transform import preflight
from ociarchive.transform.plan import Compression, Move
from ociarchive.values import Reference
from tests.support.call import Call, told

# The format


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A layer that is stored as the file in it. Its tar is made anew each time that it is read."""

    file: Sliceable
    where: str = field(compare=False)
    size: None = None

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        yield header("greeting", self.file.size)
        yield from self.file.chunks(size)
        yield padding(self.file.size) + END

    def head(self, size: int) -> bytes:
        return b"".join(self.chunks())[:size]


class ToyReader:
    documents = ("toy.json",)
    marker = None

    def owns(self, name: str) -> bool:
        return name in ("toy.json", "greeting")

    def probe(self, container: Container) -> bool:
        return container.get("toy.json") is not None

    def read(self, container: Container) -> Archive:
        config, file = container.get("toy.json"), container.get("greeting")
        layer = Rebuilt(file, f"{container.where}: layer") if file is not None else None
        graph = GraphReader(lambda _: None, container.where, container.limits)
        image = graph.image_of(Blob(descriptor=None, source=config, name="toy.json"), ((None, layer, "layer"),))
        root = Root(descriptor=None, node=image, names=(Reference.parse("docker.io/corpus/toy:1"),))
        return Archive(format="toy", origin=container, roots=(root,), flaws=graph.flaws)


TOY = Format(name="toy", reader=ToyReader())

# What is done with it

CONTENT = b"rebuilt " * 40_000
LAYER = header("greeting", len(CONTENT)) + CONTENT + padding(len(CONTENT)) + END
DIFF_ID = f"sha256:{hashlib.sha256(LAYER).hexdigest()}"


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("ociarchive.formats.FORMATS", (*FORMATS, TOY))
    folder = tmp_path / "toy"
    folder.mkdir()
    rootfs = {"type": "layers", "diff_ids": [DIFF_ID]}
    (folder / "toy.json").write_text(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}))
    (folder / "greeting").write_bytes(CONTENT)
    return folder


@pytest.mark.parametrize("compression", ["auto", "none", "zstd"])
@pytest.mark.parametrize("known", [one for one in FORMATS if one.layout is not None], ids=lambda known: known.name)
def test_converts_to_every_format(known: Format, compression: str, toy: Path, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    ociarchive.convert(toy, dest, to=cast("FormatName", known.name), compression=cast("Compression", compression))
    assert ociarchive.audit(dest).findings == ()
    with ociarchive.open_archive(str(dest)) as archive:
        assert [list(map(str, image.diff_ids)) for image in images(archive.roots)] == [[DIFF_ID]]
    assert ociarchive.diff(toy, dest, ignore=["names"]).same


def test_audit_measures_what_it_counts(toy: Path) -> None:
    report = ociarchive.audit(toy)
    assert report.findings == ()
    assert report.bytes == len(LAYER) + (toy / "toy.json").stat().st_size


def test_a_wrong_layer_is_found_and_goes_nowhere(toy: Path, tmp_path: Path) -> None:
    (toy / "greeting").write_bytes(CONTENT + b"changed")
    assert [finding.rule for finding in ociarchive.audit(toy).findings] == ["diff-id-mismatch"]
    with pytest.raises(ContentError):
        ociarchive.convert(toy, tmp_path / "dest", to="oci-archive")
    assert not (tmp_path / "dest").exists()


def test_reports_say_what_is_unknown(toy: Path, tmp_path: Path, cli_call: Call) -> None:
    shown = told(cli_call("inspect", toy)).stdout
    assert "1 layer of ?, as stored" in shown
    facts = json.loads(told(cli_call("inspect", toy, "--format", "json")).stdout)
    assert facts["archives"][0]["images"][0]["layers"][0]["size"] is None
    audited = json.loads(told(cli_call("audit", toy, "--format", "json")).stdout)
    assert audited["archives"][0]["images"][0]["layers"][0]["size"] == len(LAYER)
    dry = told(cli_call("convert", toy, tmp_path / "dest", "--to", "oci-archive", "--compression", "none", "--dry-run"))
    assert "2 blobs of at least" in dry.stdout
    assert (
        "1 layer of ? stored as gzip"
        in told(
            cli_call("convert", toy, tmp_path / "dest", "--to", "oci-archive", "--compression", "gzip", "--dry-run")
        ).stdout
    )
    assert not (tmp_path / "dest").exists()


# Who needs a size before


def computed(content: bytes) -> ByteSource:
    return Rebuilt(Bytes(content, "here"), "layer")


def test_what_must_be_small_is_read_no_further_than_that() -> None:
    source = computed(CONTENT)
    assert counted(source, len(LAYER)) == len(LAYER)
    assert len(END) < counted(source, 600) < len(LAYER) + 1
    with pytest.raises(ContentError, match="too large") as error:
        read_all(source, len(LAYER) - 1)
    assert error.value.found == "more"
    assert read_all(source, len(LAYER)) == LAYER


def test_parts_are_read_from_a_copy() -> None:
    with spool.sliceable(computed(CONTENT)) as copy:
        assert isinstance(copy, FileRange)
        assert copy.size == len(LAYER)
        assert b"".join(copy.part(512, 8).chunks()) == b"rebuilt "
    known = Bytes(b"x", "here")
    with spool.sliceable(known) as same:
        assert same is known


def test_an_unknown_size_needs_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_free", lambda _: 0)
    preflight.require([Move(computed(CONTENT))], str(tmp_path), "dest", one_file=True)
    with pytest.raises(HostError, match="not enough space"):
        preflight.require([Move(Bytes(LAYER, "here"))], str(tmp_path), "dest", one_file=True)


def test_progress_says_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    lines: list[str] = []
    hears = Lines(lines.append)
    hears.begin([("a", 4 << 20), ("b", None)])
    for now[0] in (101.0, 112.0):
        hears.read(0, 1 << 20)
    assert lines == [
        "reading 2 blobs, at least 4.0 MiB",
        "2.0 MiB of at least 4.0 MiB read, 0 of 2 blobs done, 170.7 KiB/s",
    ]
    assert (total([]), total([None]), total([1, 2])) == ("0 B", "?", "3 B")


def test_bars_without_an_end(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    bars = Bars(colours=False)
    bars.begin([("a", 4 << 20)])
    now[0] += 3
    bars.read(0, 1 << 20)
    bars.end(0)
    bars.begin([("b", None)])
    bars.read(0, 2 << 20)
    bars.stop()
    shown = capsys.readouterr().err
    assert "3.0 MiB" in shown
    assert "3.0/" not in shown
