"""What every format keeps to, whoever wrote it: made from the tuple of formats, so that a new one is tested too."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

import ociarchive
from ociarchive.errors import UsageError
from ociarchive.formats import FORMATS, FormatName, by_name, detect, entry_documents, format_of, written
from ociarchive.formats.format import Content, Format
from ociarchive.model import Archive, Image, images, walk
from ociarchive.opening import open_archive
from tests.support import build, tar
from tests.support.call import Call, refused, told

LAYERS = (build.layer({"etc/name": b"contract"}, "gzip"), build.layer({"etc/other": b"of all formats"}, "gzip"))
IMAGE = build.Image(layers=LAYERS)
NAME = "docker.io/corpus/contract:1.0"
WRITTEN = [known for known in FORMATS if known.layout is not None]
SOURCES_ALONE = [known for known in FORMATS if known.layout is None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a reader says of an image: nothing of how it is packed."""

    names: tuple[str, ...]
    image_id: str
    diff_ids: tuple[str, ...]
    contents: tuple[bytes, ...]


def seen(archive: Archive) -> Iterator[Seen]:
    for root in archive.roots:
        for edge in walk([root]):
            if isinstance(edge.node, Image):
                yield Seen(
                    tuple(map(str, root.names)),
                    str(edge.node.image_id),
                    tuple(map(str, edge.node.diff_ids)),
                    tuple(b"".join(layer.source.chunks()) for layer in edge.node.layers if layer.source is not None),
                )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One named image in a layout, built byte by byte."""
    path = tmp_path_factory.mktemp("contract") / "source"
    path.write_bytes(tar.tar(build.layout(IMAGE.node().named(NAME, "1.0"))))
    return path


def made(source: Path, folder: Path, known: Format, name: str = "dest") -> Path:
    ociarchive.convert(source, folder / name, to=cast("FormatName", known.name), sync=False)
    return folder / name


@pytest.mark.parametrize("known", WRITTEN, ids=lambda known: known.name)
class TestWritten:
    def test_what_is_written_is_read_as_that_format_alone(self, known: Format, source: Path, tmp_path: Path) -> None:
        archive = open_archive(str(made(source, tmp_path, known)))
        try:
            assert archive.format == known.name
        finally:
            archive.close()

    def test_reading_gives_what_was_written(self, known: Format, source: Path, tmp_path: Path) -> None:
        before, after = open_archive(str(source)), open_archive(str(made(source, tmp_path, known)))
        try:
            (old,), (new,) = seen(before), seen(after)
            assert (new.image_id, new.diff_ids, new.contents) == (old.image_id, old.diff_ids, old.contents)
            assert new.names == (() if known.alone else old.names)
            assert not list(after.noticed)
            assert next(images(after.roots)).image_id is not None
        finally:
            before.close()
            after.close()

    def test_two_runs_give_the_same_bytes(self, known: Format, source: Path, tmp_path: Path) -> None:
        assert content(made(source, tmp_path, known, "one")) == content(made(source, tmp_path, known, "two"))

    def test_what_it_wrote_passes_its_audit(self, known: Format, source: Path, tmp_path: Path) -> None:
        assert ociarchive.audit(made(source, tmp_path, known)).findings == ()

    def test_it_goes_into_every_other_and_back(self, known: Format, source: Path, tmp_path: Path) -> None:
        first = made(source, tmp_path, known)
        for number, other in enumerate(WRITTEN):
            if other.layout is None or (known.alone and not other.alone and needs_name(other)):
                continue
            there = made(first, tmp_path, other, f"there-{number}")
            assert ociarchive.diff(first, there, ignore=["names"]).same

    def test_the_entry_document_comes_last(self, known: Format) -> None:
        assert known.layout is not None
        names = [name for name, _ in known.layout.metadata(Content(roots=()))]
        assert names[-1:] == [name for name in names if name in known.reader.documents][-1:]

    def test_its_name_is_offered(self, known: Format, cli_call: Call) -> None:
        assert known.name in written()
        assert by_name(known.name) is format_of(known.name) is known
        assert known.name in told(cli_call("convert", "--help")).stdout.replace("\n", " ")


def test_sources_alone_are_not_offered_to_write(cli_call: Call, source: Path, tmp_path: Path) -> None:
    for known in SOURCES_ALONE:
        assert known.name not in written()
        line = refused(cli_call("convert", source, tmp_path / "dest", "--to", known.name), 2, tmp_path / "dest")
        assert "can be read, not written" in line


def test_a_format_without_a_layout_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = Format(name="read-only", reader=WRITTEN[0].reader)
    monkeypatch.setattr("ociarchive.formats.FORMATS", (*FORMATS, alone))
    assert "read-only" not in written()
    with pytest.raises(UsageError, match="can be read, not written"):
        by_name("read-only")


def test_nothing_is_two_formats_at_once(source: Path, tmp_path: Path) -> None:
    for known in WRITTEN:
        archive = open_archive(str(made(source, tmp_path, known, known.name)))
        try:
            claimed = [one.name for one in FORMATS if one.reader.probe(archive.origin)]  # type: ignore[arg-type]
            assert claimed == [known.name]
            assert detect(archive.origin) is known  # type: ignore[arg-type]
        finally:
            archive.close()


def test_names_of_formats_and_documents_are_distinct() -> None:
    names = [known.name for known in FORMATS]
    assert len(set(names)) == len(names)
    assert "" not in entry_documents()


def needs_name(known: Format) -> bool:
    """Whether a format keeps nothing that has no name."""
    return not known.hosts


def content(path: Path) -> dict[str, bytes] | bytes:
    """Give every file with its bytes."""
    if path.is_file():
        return path.read_bytes()
    return {str(one.relative_to(path)): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}
