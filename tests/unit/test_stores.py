"""The parts of what reads engines' storage: checksums, tar-split files, layers in folders, bbolt databases."""

import base64
import itertools
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ociarchive.blobio.limits import Limits
from ociarchive.blobio.source import Bytes
from ociarchive.blobio.within import Folder
from ociarchive.errors import ContentError
from ociarchive.stores.bolt import Bolt, BoltError, Bucket, varint
from ociarchive.stores.crc64 import crc64
from ociarchive.stores.rebuilt import RebuildError, Rebuilt
from ociarchive.stores.tarsplit import Content, Segment, entries
from ociarchive.values import Digest
from tests.support import stores
from tests.support.build import digest
from tests.support.tar import file, tar

LIMITS = Limits()
PLAIN = tar([file("etc/a", b"first"), file("etc/b", b"second" * 200), file("c", b"third")])


class TestChecksums:
    def test_known_value(self) -> None:
        assert crc64([b"123456789"]).hex() == "b90956c775a41001"

    @pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 63, 64, 65, 1000, 70_000])
    def test_as_bit_by_bit(self, size: int) -> None:
        data = bytes(number * 7 + number // 251 & 0xFF for number in range(size))
        assert crc64([data]) == stores.crc64(data)

    def test_pieces_make_no_difference(self) -> None:
        data = bytes(range(256)) * 3
        for first, second in itertools.combinations((0, 1, 64, 65, 700), 2):
            assert crc64([data[:first], data[first:second], data[second:]]) == stores.crc64(data)


def parsed(listed: list[stores.Entry]) -> list[Segment | Content]:
    return list(entries(Bytes(stores.split_file(listed), "split"), LIMITS))


class TestTarSplit:
    def test_gives_what_it_was_made_of(self) -> None:
        found = parsed(stores.entries(PLAIN))
        files = [(one.name, one.size) for one in found if isinstance(one, Content)]
        assert files == [(b"etc/a", 5), (b"etc/b", 1200), (b"c", 5)]
        assert sum(len(one.payload) for one in found if isinstance(one, Segment)) == len(PLAIN) - 1210

    def test_a_file_without_size_writes_nothing(self) -> None:
        assert parsed([{"position": 0, "type": 1, "name": "dev/null"}, {"position": 1, "type": 2, "payload": ""}]) == []

    def test_a_name_that_is_no_text(self) -> None:
        raw = base64.b64encode(b"caf\xe9").decode()
        (one,) = parsed([{"position": 0, "type": 1, "name_raw": raw, "size": 1}])
        assert isinstance(one, Content)
        assert (one.name, one.shown) == (b"caf\xe9", "caf\\xe9")

    @pytest.mark.parametrize(
        ("listed", "says"),
        [
            ([{"position": 1, "type": 2}], "has a gap"),
            ([{"position": 0, "type": 2}, {"position": 2, "type": 2}], "has a gap"),
            ([{"position": 0, "type": 2}, {"position": 0, "type": 2}], "has a gap"),
            ([{"position": False, "type": 2}], "has a gap"),
            ([{"type": 2}], "has a gap"),
            ([{"position": 0.0, "type": 2}], "has a gap"),
            ([{"position": 0, "type": 2, "payload": "AAAA", "Payload": ""}], "differs from 'payload' in case alone"),
            ([{"position": 0, "type": 3}], "unknown type"),
            ([{"position": 0, "type": 1, "name": "a", "size": -1}], "size"),
            ([{"position": 0, "type": 1, "name": "a", "size": True}], "size"),
            ([{"position": 0, "type": 1, "name": "a", "size": 1 << 63}], "size"),
            ([{"position": 0, "type": 1, "size": 1}], "no name"),
            ([{"position": 0, "type": 1, "name": "a", "size": 1, "payload": 5}], "no base64"),
            ([{"position": 0, "type": 2, "payload": "AA"}], "no base64"),
            ([{"position": 0, "type": 2, "payload": "A-_="}], "no base64"),
        ],
    )
    def test_what_is_wrong_is_named(self, listed: list[stores.Entry], says: str) -> None:
        with pytest.raises(ContentError, match=says):
            parsed(listed)

    @pytest.mark.parametrize("raw", [b"[]\n", b"{\n", b"\xff\n", b"[" * 100_000])
    def test_what_is_no_json(self, raw: bytes) -> None:
        with pytest.raises(ContentError, match="line of the tar-split"):
            list(entries(Bytes(raw, "split"), LIMITS))

    def test_a_line_without_end(self) -> None:
        endless = stores.split_file([{"position": 0, "type": 2, "payload": "A" * (20 << 20)}])
        with pytest.raises(ContentError, match="longer than any"):
            list(entries(Bytes(endless, "split"), LIMITS))

    def test_a_stream_that_is_cut(self) -> None:
        with pytest.raises(ContentError, match="cut short"):
            list(entries(Bytes(stores.split_file(stores.entries(PLAIN))[:-9], "split"), LIMITS))


def layer(folder: Path, listed: list[stores.Entry] | None = None, limits: Limits = LIMITS) -> Rebuilt:
    """Make a layer of files in a folder that are there already."""
    found = stores.entries(PLAIN) if listed is None else listed
    tree = Folder(str(folder.parent)).below([folder.name])
    split = Bytes(stores.split_file(found), "split")
    return Rebuilt(split, tree, str(folder), Digest.parse(digest(PLAIN)), "app:1.0", limits)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for one in stores.content(PLAIN, "tree"):
        path = tmp_path / one.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.data)
    return tmp_path / "tree"


class TestRebuilt:
    @pytest.mark.parametrize("size", [1, 7, 512, 1000, 1 << 20])
    def test_every_byte_comes_back(self, tree: Path, size: int) -> None:
        pieces = list(layer(tree).chunks(size))
        assert b"".join(pieces) == PLAIN
        assert {len(one) for one in pieces[:-1]} <= {size}
        assert (layer(tree).size, layer(tree).head(600)) == (len(PLAIN), PLAIN[:600])

    def test_links_are_followed_inside(self, tree: Path) -> None:
        (tree / "real").mkdir()
        (tree / "etc").rename(tree / "real" / "etc")
        for target in ("real/etc", "/real/etc", "../../../../real/etc", "./real/../real/etc"):
            (tree / "etc").symlink_to(target)
            assert b"".join(layer(tree).chunks()) == PLAIN
            (tree / "etc").unlink()

    @pytest.mark.parametrize(
        ("spoil", "says"),
        [
            (lambda tree: (tree / "c").unlink(), "file c is not in the storage"),
            (lambda tree: (tree / "c").write_bytes(b"longer"), "file c has 6 bytes instead of 5"),
            (lambda tree: out(tree / "c", "/etc/passwd"), "file c is no regular file"),
            (lambda tree: out(tree / "c", "etc/a"), "file c is no regular file"),
            (lambda tree: stores.linked(tree, "etc", "/etc"), "file etc/a lies behind links that lead in a circle"),
            (lambda tree: stores.linked(tree, "etc", ".."), "file etc/a is not in the storage"),
            (lambda tree: stores.linked(tree, "etc", "nothing"), "file etc/a lies behind a link that leads to nothing"),
            (lambda tree: stores.linked(tree, "etc", "c"), "file etc/a is not in the storage"),
        ],
    )
    def test_what_cannot_come_back_is_named(self, tree: Path, spoil: Callable[[Path], object], says: str) -> None:
        spoil(tree)
        with pytest.raises(RebuildError, match=says) as caught:
            list(layer(tree).chunks())
        assert "app:1.0" in str(caught.value)
        assert digest(PLAIN) in str(caught.value)

    def test_a_device_is_never_opened(self, tree: Path) -> None:
        (tree / "c").unlink()
        # A FIFO blocks, or wakes somebody, when it is opened.
        os.mkfifo(tree / "c")
        with pytest.raises(RebuildError, match="no regular file"):
            list(layer(tree).chunks())

    @pytest.mark.parametrize("name", ["../x", "../../etc/passwd", "a/../../x", "..", "/..", "./", "/", "a\0b"])
    def test_a_name_never_leads_out(self, tree: Path, name: str) -> None:
        (tree.parent / "x").write_bytes(b"x")
        with pytest.raises(RebuildError, match="leads out of the layer"):
            list(layer(tree, [{"position": 0, "type": 1, "name": name, "size": 1}]).chunks())

    @pytest.mark.parametrize("name", ["./c", "/c", "etc/../c", "//c", "/../c"])
    def test_a_name_is_what_the_engines_make_of_it(self, tree: Path, name: str) -> None:
        assert b"".join(layer(tree, [{"position": 0, "type": 1, "name": name, "size": 5}]).chunks()) == b"third"

    def test_many_links_are_bounded(self, tree: Path) -> None:
        for number in range(60):
            (tree / f"d{number}").symlink_to(f"d{number + 1}")
        with pytest.raises(RebuildError, match="in a circle"):
            list(layer(tree, [{"position": 0, "type": 1, "name": "d0/x", "size": 1}]).chunks())
        steps = [{"position": n, "type": 1, "name": f"d40/{'e/../' * n}c", "size": 5} for n in range(70)]
        (tree / "d60").symlink_to(".")
        with pytest.raises(RebuildError, match="more than 5 steps"):
            list(layer(tree, steps, replace(LIMITS, links=5)).chunks())

    def test_a_hole_is_no_way_to_endless_work(self, tree: Path) -> None:
        with (tree / "hole").open("wb") as out:
            out.truncate(1 << 40)
        listed: list[stores.Entry] = [{"position": 0, "type": 1, "name": "hole", "size": 1 << 40}]
        few = replace(LIMITS, ratio_from=1 << 20)
        with pytest.raises(RebuildError, match="more than 250 times its size"):
            for _ in layer(tree, listed, few).chunks():
                pass

    def test_the_file_at_fault_is_found_by_its_checksum(self, tree: Path) -> None:
        (tree / "etc" / "b").write_bytes(b"Second" * 200)
        error = layer(tree).explain([Digest.parse(digest(b"other"))])
        assert "file etc/b has another content" in error.what
        assert (error.expected, error.found) == (digest(PLAIN), digest(b"other"))
        assert error.where is not None
        assert error.where.endswith("tree/etc/b")

    def test_no_file_is_at_fault(self, tree: Path) -> None:
        assert "tar-split data was changed" in layer(tree).explain().what

    def test_a_sparse_file_is_named(self, tree: Path) -> None:
        listed = stores.entries(PLAIN)
        listed[2]["payload"] = base64.b64encode(b"22 GNU.sparse.major=1\n").decode()
        assert "file etc/b is sparse" in layer(tree, listed).explain().what


def out(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def database(raw: bytes) -> Bolt:
    return Bolt(Bytes(raw, "meta.db"), len(raw), lambda offset, size: raw[offset : offset + size])


def page(raw: bytes, number: int, new: bytes) -> bytes:
    """Exchange a page."""
    return raw[: number * stores.PAGE] + new.ljust(stores.PAGE, b"\0") + raw[(number + 1) * stores.PAGE :]


TREE: stores.Tree = {b"a": b"1", b"b": {b"c": b"2", b"d": {b"e": b"3"}}}


class TestBolt:
    def test_looks_up(self) -> None:
        found = database(stores.bolt(TREE))
        assert found.get(found.root, b"a") == b"1"
        assert found.get(found.root, b"b", b"c") == b"2"
        assert found.get(found.root, b"b", b"d", b"e") == b"3"
        assert found.get(found.root, b"a", b"x") is None
        assert found.get(found.root, b"z") is None
        assert isinstance(found.bucket(found.root, b"b"), Bucket)

    def test_pages_with_overflow(self) -> None:
        many = {f"{number:05}".encode(): b"x" * 50 for number in range(1000)}
        assert dict(database(stores.bolt(many)).items(Bucket(3))) == many

    def test_branches(self) -> None:
        raw = stores.bolt({})
        leaves = [stores.leaf(4, {b"a": b"1"}), stores.leaf(5, {b"b": b"2"})]
        raw = page(raw, 3, stores.branch(3, [4, 5])) + b"".join(one.ljust(stores.PAGE, b"\0") for one in leaves)
        assert dict(database(raw).items(Bucket(3))) == {b"a": b"1", b"b": b"2"}

    @pytest.mark.parametrize(("first", "second"), [(True, True), (False, True), (True, False)])
    def test_the_valid_meta_page_of_the_later_transaction_counts(self, first: bool, second: bool) -> None:
        raw = stores.bolt(TREE) + stores.leaf(4, {b"late": b"r"}).ljust(stores.PAGE, b"\0")
        raw = page(raw, 0, stores.meta(0, 3, transaction=4, valid=first))
        raw = page(raw, 1, stores.meta(1, 4, transaction=5, valid=second))
        assert database(raw).get(database(raw).root, b"late") == (b"r" if second else None)

    @pytest.mark.parametrize(
        "change",
        [
            lambda _: b"",
            lambda raw: raw[:60],
            lambda raw: page(page(raw, 0, stores.meta(0, 3, valid=False)), 1, stores.meta(1, 3, valid=False)),
            lambda raw: b"x" * len(raw),
        ],
    )
    def test_what_is_no_database(self, change: Callable[[bytes], bytes]) -> None:
        with pytest.raises(BoltError, match="no bbolt database"):
            database(change(stores.bolt(TREE)))

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda raw: raw[: 3 * stores.PAGE], "outside of the file"),
            (lambda raw: raw[: 3 * stores.PAGE + 100], "outside of the file"),
            (lambda raw: page(raw, 3, stores.branch(3, [1 << 60])), "outside of the file"),
            (lambda raw: page(raw, 3, stores.branch(3, [0])), "outside of the file"),
            (lambda raw: page(raw, 3, stores.branch(3, [3])), "reached twice"),
            (lambda raw: page(raw, 3, stores.branch(3, [])), "leads to nothing"),
            (lambda raw: page(raw, 3, stores.leaf(9, {})), "says that it is page 9"),
            (lambda raw: page(raw, 3, struct.pack("<QHHI", 3, 2, 60_000, 0)), "fewer elements"),
            (lambda raw: page(raw, 3, struct.pack("<QHHI", 3, 2, 0, 1 << 31)), "longer than it can be"),
            (lambda raw: page(raw, 3, struct.pack("<QHHI", 3, 16, 0, 0)), "neither a branch nor a leaf"),
            (
                lambda raw: page(raw, 3, struct.pack("<QHHI", 3, 2, 1, 0) + struct.pack("<IIII", 0, 1 << 31, 1, 1)),
                "outside of its page",
            ),
            (
                lambda raw: page(raw, 3, struct.pack("<QHHI", 3, 2, 1, 0) + struct.pack("<IIII", 1, 16, 1, 3)),
                "shorter than its header",
            ),
        ],
    )
    def test_what_is_damaged_is_said(self, change: Callable[[bytes], bytes], says: str) -> None:
        found = database(change(stores.bolt(TREE)))
        with pytest.raises(BoltError, match=says):
            list(found.items(found.root))

    def test_pages_that_lead_to_each_other_end(self) -> None:
        raw = page(stores.bolt({}), 3, stores.leaf(3, {}))
        found = database(raw)
        with pytest.raises(BoltError, match="again and again"):
            list(itertools.chain.from_iterable(found.items(Bucket(3)) for _ in range(20_000)))

    @pytest.mark.parametrize("cut", range(0, 4 * stores.PAGE, 97))
    def test_a_cut_file_never_raises_anything_else(self, cut: int) -> None:
        raw = stores.bolt(TREE)[:cut]
        with pytest.raises(BoltError):
            list(database(raw).items(Bucket(3)))

    @pytest.mark.parametrize("value", [0, 1, 63, 64, 300, 1 << 40])
    def test_numbers(self, value: int) -> None:
        assert varint(stores.varint(value)) == value

    @pytest.mark.parametrize("raw", [b"", b"\x80", b"\x00\x00", b"\xff" * 11])
    def test_what_is_no_number(self, raw: bytes) -> None:
        assert varint(raw) is None
