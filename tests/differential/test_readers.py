"""What passes is read alike by Go, GNU tar, bsdtar and Python; what their writers write passes."""

import io
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.differential import readers
from tests.differential.generate import sequence
from tests.hostile.raw import END, Odd, head, pax, record, whole
from tests.support import gotar
from tests.support.gotar import Seen

COUNT = 1000
DATA = Path(__file__).parent / "data"
CORPUS = Path(__file__).parents[1] / "corpus"
PROGRAMS = readers.programs()


def passing() -> dict[int, tuple[bytes, readers.Listing]]:
    """The sequences that the walker finds no error in, and what it sees of them."""
    found = {}
    for number in range(COUNT):
        errors, ours = readers.walked(raw := sequence(number))
        if not errors:
            found[number] = raw, ours
    return found


def library() -> Callable[[bytes], readers.Listing]:
    try:
        return readers.LibArchive()
    except OSError as error:
        pytest.skip(f"no libarchive: {error}")


def program(name: str) -> str:
    if name not in PROGRAMS:
        pytest.skip(f"{name} tar is not installed")
    return PROGRAMS[name]


@pytest.mark.parametrize("name", ["Go", "tarfile", "libarchive"])
def test_what_passes_is_read_alike(name: str) -> None:
    read = {"Go": lambda: gotar.members, "tarfile": lambda: readers.python, "libarchive": library}[name]()
    sequences = passing()
    assert COUNT / 5 < len(sequences) < COUNT / 2  # enough of both kinds to show something
    assert [number for number, (raw, ours) in sequences.items() if readers.differ(ours, read(raw))] == []


@pytest.mark.interop
@pytest.mark.parametrize("name", ["gnu", "bsd"])
def test_what_passes_is_listed_alike(name: str, tmp_path: Path) -> None:
    path, sequences = program(name), passing()
    listings = readers.listed(name, path, [raw for raw, _ in sequences.values()], tmp_path)
    pairs = zip(sequences.items(), listings, strict=True)
    assert [number for (number, (_, ours)), seen in pairs if readers.differ(ours, seen)] == []


# Found by chance or by hand: what the two readers see, and that the walker calls it an error.

A = whole(b"a", b"x")
LONG = whole(b"././@LongLink", b"long\0", b"L")
DISAGREED: dict[str, bytes] = {
    "two-pax": pax(record(b"path", b"one")) + pax(record(b"uname", b"u")) + A,
    "pax-and-global": pax(record(b"path", b"one")) + pax(record(b"comment", b"c"), flag=b"g") + A,
    "gnu-and-global": LONG + pax(record(b"comment", b"c"), flag=b"g") + A,
    "prefix-of-gnu": whole(b"a", b"x", odd=Odd(magic=b"ustar  \0", prefix=b"00000000000\x0000000000000")),
    "prefix-of-nobody": whole(b"a", b"x", odd=Odd(magic=bytes(8), prefix=b"p")),
    "sparse-name-alone": pax(record(b"GNU.sparse.name", b"index.json")) + A,
    "folder-by-one-of-its-names": pax(record(b"path", b"a")) + whole(b"d/", b"x", b"\0"),
    "records-behind-the-end": head(b"x", 8, b"x") + b"8 uid=1\n11 path=two".ljust(511, b"\0") + b"\n" + A,
    "zeros-behind-the-records": whole(b"x", record(b"path", b"one") + bytes(2), b"x") + A,
    "empty-path": pax(record(b"path", b"")) + A,
    "empty-gnu-name": whole(b"././@LongLink", b"\0", b"L") + A,
    "checksum-behind-a-zero": A[:148] + b"\0" + A[148:154] + b" " + A[156:],
}  # fmt: skip


@pytest.mark.parametrize("name", DISAGREED)
def test_go_and_python_disagree_and_it_is_an_error(name: str) -> None:
    raw = DISAGREED[name] + END
    assert readers.differ(gotar.members(raw), readers.python(raw))
    assert readers.walked(raw)[0]


@pytest.mark.interop
@pytest.mark.parametrize("blank", [b" ", b"\t", b"  "])
def test_gnu_tar_passes_over_blanks_before_a_key_and_it_is_an_error(blank: bytes, tmp_path: Path) -> None:
    raw = pax(record(blank + b"path", b"index.json")) + A + END
    (seen,) = readers.listed("gnu", program("gnu"), [raw], tmp_path)
    assert [one.name for one in seen or ()] == [b"index.json"]
    assert [one.name for one in gotar.members(raw) or ()] == [b"a"]
    assert readers.walked(raw)[0] == ["tar-ambiguous"]


#: What Go's own archive/tar of 1.19 answered.
OF_GO: dict[str, tuple[bytes, list[Seen] | None]] = {
    "two-pax": (DISAGREED["two-pax"] + END, [Seen("file", b"a", 1, b"", b"x")]),
    "pax-and-global": (DISAGREED["pax-and-global"] + END, [Seen("file", b"a", 1, b"", b"x")]),
    "gnu-wins-over-pax": (LONG + pax(record(b"path", b"one")) + A + END, [Seen("file", b"long", 1, b"", b"x")]),
    "times-that-are-none": (
        whole(b"a", b"x", odd=Odd(magic=b"ustar  \0", prefix=b"p")) + END, [Seen("file", b"p/a", 1, b"", b"x")]
    ),
    "no-end": (A, [Seen("file", b"a", 1, b"", b"x")]),
    "lone-block-of-zeros": (A + bytes(512) + A, None),
    "owner-in-words": (pax(record(b"uid", b"root")) + A + END, None),
    "fraction-alone": (pax(record(b"mtime", b".5")) + A + END, None),
    "zeros-behind-the-records": (DISAGREED["zeros-behind-the-records"] + END, None),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_GO)
def test_the_model_answers_as_go_did(name: str) -> None:
    raw, expected = OF_GO[name]
    assert gotar.members(raw) == expected


# Real writers: no error, and what they wrote is read alike.


def sound(raw: bytes) -> None:
    errors, ours = readers.walked(raw)
    assert errors == []
    assert ours
    for read in (gotar.members, readers.python):
        assert not readers.differ(ours, read(raw))
    try:
        alike = readers.LibArchive()
    except OSError:
        return
    assert not readers.differ(ours, alike(raw))


def tree(folder: Path, *, long: bool) -> list[str]:
    """Make files, folders and links as archives have them, and what only some formats can name."""
    (folder / "blobs/sha256").mkdir(parents=True)
    (folder / "blobs/sha256" / ("0" * 64)).write_bytes(b"layer" * 300)
    (folder / "index.json").write_bytes(b"{}")
    (folder / "empty").write_bytes(b"")
    (folder / "link").symlink_to("index.json")
    (folder / "same.json").hardlink_to(folder / "index.json")
    (folder / ("n" * 97)).write_bytes(b"x")
    if long:
        deep = folder / "/".join(["folder" * 8] * 6)
        deep.mkdir(parents=True)
        (deep / "größe").write_bytes(b"x" * 513)
        (folder / "far").symlink_to("/".join(["folder" * 8] * 6) + "/größe")
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.interop
@pytest.mark.parametrize("style", ["v7", "oldgnu", "gnu", "ustar", "posix"])
def test_gnu_tar_writes(style: str, tmp_path: Path) -> None:
    path = program("gnu")
    tree(tmp_path / "d", long=style not in {"v7", "ustar"})
    for name in (".", *(["blobs", "index.json", "same.json"] if style == "v7" else [])):
        command = [path, f"--format={style}", "-C", str(tmp_path / "d"), "-cf", "-", name]
        sound(subprocess.run(command, check=True, capture_output=True).stdout)


@pytest.mark.interop
@pytest.mark.parametrize("style", ["v7tar", "oldtar", "gnutar", "ustar", "pax", "posix", "paxr"])
def test_bsdtar_writes(style: str, tmp_path: Path) -> None:
    path = program("bsd")
    tree(tmp_path / "d", long=style in {"gnutar", "pax", "posix", "paxr"})
    command = [path, f"--format={style}", "-C", str(tmp_path / "d"), "-cf", "-", "."]
    sound(subprocess.run(command, check=True, capture_output=True, env={"LC_ALL": "C.UTF-8"}).stdout)


@pytest.mark.parametrize("style", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tarfile_writes(style: int, tmp_path: Path) -> None:
    names = tree(tmp_path / "d", long=style != tarfile.USTAR_FORMAT)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=style, encoding="utf-8") as made:
        for name in names:
            made.add(tmp_path / "d" / name, name)
    sound(out.getvalue())


@pytest.mark.parametrize("path", sorted(DATA.glob("*.tar")), ids=lambda path: path.name)
def test_go_writes(path: Path) -> None:
    sound(path.read_bytes())


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.tar")), ids=lambda path: path.name)
def test_image_tools_write(path: Path) -> None:
    sound(path.read_bytes())
