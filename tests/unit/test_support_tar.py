"""The byte-wise tar writer against tarfile and GNU tar: a builder that is wrong would blame the reader."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.support.tar import (
    GNU_RECORD,
    Kind,
    Member,
    Style,
    file,
    folder,
    hardlink,
    pax,
    renamed,
    symlink,
    tar,
    write_sparse,
    write_tar,
)

SHORT = [folder("d"), file("d/a", b"x" * 700), symlink("d/s", "a"), hardlink("d/h", "d/a"), file("empty", b"")]
DEEP = [file("folder/" * 14 + "f" * 60, b"deep")]
LONG = [file("n" * 240, b"long"), symlink("l" * 240, "t" * 240)]
ACCENTS = [file("naïve/ü", b"accents")]


@pytest.mark.parametrize(
    ("style", "members"),
    [
        pytest.param(Style.USTAR, SHORT + DEEP, id="ustar"),
        pytest.param(Style.GNU, SHORT + DEEP + LONG + ACCENTS, id="gnu"),
        pytest.param(Style.PAX, SHORT + DEEP + LONG + ACCENTS, id="pax"),
    ],
)
@pytest.mark.parametrize("base256", [False, True])
def test_tarfile_reads_every_style(style: Style, members: list[Member], base256: bool) -> None:
    data = tar(members, style=style, base256=base256)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = list(archive)
        kinds = {tarfile.REGTYPE: Kind.FILE, tarfile.DIRTYPE: Kind.FOLDER}
        kinds |= {tarfile.SYMTYPE: Kind.SYMLINK, tarfile.LNKTYPE: Kind.HARDLINK}
        assert [(m.name, kinds[m.type], m.linkname) for m in found] == [
            (m.name.rstrip("/"), m.kind, m.target) for m in members
        ]
        for member, expected in zip(found, members, strict=True):
            if expected.kind is Kind.FILE:
                content = archive.extractfile(member)
                assert content is not None
                assert content.read() == expected.data


def test_gnu_tar_lists_it(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", SHORT + LONG, style=Style.GNU, record=GNU_RECORD)
    assert path.stat().st_size % GNU_RECORD == 0
    listed = subprocess.run(["tar", "-tf", path], check=True, capture_output=True, text=True)
    assert listed.stdout.split() == [m.name for m in SHORT + LONG]
    assert listed.stderr == ""


def test_pax_records_count_themselves() -> None:
    body = pax({"path": "x" * 91})[512:]  # two digits would say 100, which has three
    assert body.startswith(b"101 path=xxx")
    assert body[100:102] == b"\n\0"


@pytest.mark.parametrize("style", [Style.GNU, Style.PAX])
def test_a_sparse_member_is_as_large_as_it_says(style: Style, tmp_path: Path) -> None:
    size = 9 * 1024**3 + 5
    path = write_sparse(tmp_path / "big.tar", "big", size, [file("after", b"end")], style=style)
    assert path.stat().st_blocks * 512 < 1024**2
    with tarfile.open(path) as archive:
        assert [(m.name, m.size) for m in archive] == [("big", size), ("after", 3)]


def test_renamed_prefixes_names_and_hard_links() -> None:
    assert [(m.name, m.target) for m in renamed(SHORT[1:4], "./")] == [
        ("./d/a", ""),
        ("./d/s", "a"),
        ("./d/h", "./d/a"),
    ]
