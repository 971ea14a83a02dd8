"""Config values, pairing of images, paths of layers: each against cases that can be read at a glance."""

import io
import tarfile
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ociarchive.blobio.limits import LimitError, Limits
from ociarchive.blobio.source import Bytes
from ociarchive.comparison import files
from ociarchive.comparison.difference import FileChange, Files
from ociarchive.comparison.members import Values, changes
from ociarchive.comparison.pairing import couples
from ociarchive.comparison.units import Unit
from ociarchive.comparison.work import Listing, Work
from ociarchive.values import Platform
from tests.support.build import gzipped, zstded
from tests.support.tar import Kind, Member, Style, file, folder, hardlink, header, pax, symlink, tar

Json = Any


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        pytest.param({"a": 1, "b": 2}, {"b": 2, "a": 1}, [], id="order-of-members"),
        pytest.param({"a": 1}, {"a": True}, [("/a", "changed", 1, True)], id="one-is-not-true"),
        pytest.param({"a": 1}, {"a": 1.0}, [("/a", "changed", 1, 1.0)], id="one-is-not-1.0"),
        pytest.param({"a": None}, {}, [("/a", "removed", None, None)], id="null-is-there"),
        pytest.param({}, {"a/b~c": None}, [("/a~1b~0c", "added", None, None)], id="escaped-pointer"),
        pytest.param({"E": ["A=1", "B=1"]}, {"E": ["X=0", "A=1", "B=2"]},
                     [("/E/0", "added", None, "X=0"), ("/E/2", "changed", "B=1", "B=2")], id="environment"),
        pytest.param([{"created_by": "x", "t": 1}, {"created_by": "y", "t": 1}],
                     [{"created_by": "w"}, {"created_by": "x", "t": 2}, {"created_by": "y", "t": 2}],
                     [("/0", "added", None, {"created_by": "w"}), ("/1/t", "changed", 1, 2), ("/2/t", "changed", 1, 2)],
                     id="history"),
        pytest.param({"a": []}, {"a": {}}, [("/a", "changed", [], {})], id="other-type"),
        pytest.param([1, 2, 3], [1, 3], [("/1", "removed", 2, None)], id="entry-removed"),
    ],
)  # fmt: skip
def test_values(old: Json, new: Json, wanted: list[tuple[str, str, Json, Json]]) -> None:
    assert [(one.pointer, one.kind, one.old, one.new) for one in changes(old, new)] == wanted


def test_values_that_meet_again_and_again_are_too_much_work() -> None:
    """What is large in one archive may be held against what is small in many images of the other."""
    large: Json = {"a": [str(number) for number in range(1000)]}
    values = Values(Work(Limits(compared=10_000, listed=1_000_000), "here"))
    with pytest.raises(LimitError, match="more than 10000 steps") as caught:
        deque(found for number in range(100) for found in values.changes(large, {"a": [str(number)]}))
    assert "--limit compared=N" in str(caught.value)


def test_differences_are_as_many_as_a_report_has_room_for() -> None:
    values = Values(Work(Limits(listed=50), "here"))
    assert len(list(values.changes({}, {str(number): number for number in range(90)}))) == 90
    with pytest.raises(LimitError, match="more than 100 lines"):
        list(values.changes({}, {str(number): number for number in range(20)}))
    with pytest.raises(LimitError, match="more than 100 lines"):
        list(Values(Work(Limits(listed=50), "here")).changes({}, {"a": ["x" * 50_000]}))


@given(counts=st.lists(st.integers(0, 9), max_size=9), data=st.data())
def test_which_lists_have_room_depends_on_no_order_of_work(counts: list[int], data: st.DataObject) -> None:
    listing = Listing(20)
    for place in data.draw(st.permutations(range(len(counts)))):
        if not listing.add(place, counts[place]):
            assert sum(counts[: place + 1]) > 20
    assert listing.fitting() == {place: sum(counts[: place + 1]) <= 20 for place in range(len(counts))}


def test_paths_of_both_layers_count() -> None:
    raw = tar([file(str(number), b"") for number in range(4)])
    assert listed(raw, raw, Limits(layer_paths=8)).problem is None
    problem = listed(raw, raw, Limits(layer_paths=7)).problem
    assert (
        problem
        == "the layer cannot be read: both layers have more than 7 paths, --limit layer-paths=N lifts this limit"
    )
    with pytest.raises(files.TooManyError):
        files.compared(Bytes(raw, "a"), Bytes(raw, "b"), Limits(), beside=7)


def test_nested_arrays_cost_no_power_of_their_depth() -> None:
    def nested(leaf: str) -> Json:
        value: Json = [leaf] * 1000
        for _ in range(90):
            value = [value, value]
        return value

    found = changes(nested("a"), nested("a"))
    assert found == ()


# Pairing


def unit(image_id: str, names: Sequence[str] = (), platform: str = "linux/amd64") -> Unit:
    runs_on = Platform.parse(platform) if platform else None
    one = Unit(image=cast("Any", None), image_id=image_id, platform=runs_on)
    one.ref_names.update(dict.fromkeys(names))
    return one


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        pytest.param([unit("X", ["a"])], [unit("X", ["a"])], ["X=X name"], id="name"),
        pytest.param([unit("X", ["a"])], [unit("Y", ["a"])], ["X=Y name"], id="moved"),
        pytest.param([unit("X", ["a"]), unit("Y", ["b"])], [unit("Y", ["a"]), unit("X", ["b"])],
                     ["X=Y name", "Y=X name"], id="swapped"),
        pytest.param([unit("X", ["a", "b"])], [unit("X", ["a"]), unit("Y", ["b"])],
                     ["X=X name", "X=Y name"], id="one-of-two-names-moved"),
        pytest.param([unit("X", ["a"]), unit("Y", ["b"])], [unit("Y", ["c"]), unit("X", ["d"])],
                     ["X=X image id", "Y=Y image id"], id="renamed"),
        pytest.param([unit("X", ["a"])], [unit("Y")], ["X=Y platform"], id="one-each"),
        pytest.param([unit("X", ["a"]), unit("Z", ["b"])], [unit("Y")], ["X=- alone", "Z=- alone", "-=Y alone"],
                     id="no-guess-among-several"),
        pytest.param([unit("X", ["a"]), unit("Y", ["a"], "linux/arm64")],
                     [unit("Z", ["b"], "linux/arm64/v8"), unit("X", ["b"])],
                     ["X=X image id", "Y=Z platform"], id="platforms-of-one-index"),
        pytest.param([unit("X", ["a"])], [unit("Y", ["a"], "linux/arm64")], ["X=- alone", "-=Y alone"],
                     id="other-platform"),
        pytest.param([unit("X", ["a"])], [unit("Y", ["a"], "")], ["X=Y name"], id="no-platform"),
        pytest.param([unit("X", ["a"], "linux/arm64")], [unit("Y", ["a"], "linux/arm64/v8")], ["X=Y name"],
                     id="usual-variant"),
        pytest.param([], [unit("X")], ["-=X alone"], id="nothing"),
    ],
)  # fmt: skip
def test_pairing(old: list[Unit], new: list[Unit], wanted: list[str]) -> None:
    found = couples(old, new)
    assert [f"{c.old.image_id if c.old else '-'}={c.new.image_id if c.new else '-'} {c.by}" for c in found] == wanted


# Paths


def listed(old: bytes | None, new: bytes | None, limits: Limits | None = None) -> Files:
    sides = [Bytes(one, "layer") if one is not None else None for one in (old, new)]
    return files.compared(sides[0], sides[1], limits or Limits())


def told(found: Files) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.kind, one.path, one.what) for one in found.changes]


def test_paths_of_two_layers() -> None:
    old = [folder("etc"), file("etc/a", b"one"), file("etc/b", b"same"), symlink("l", "etc/a"), file("gone", b"")]
    new = [folder("etc"), file("etc/a", b"two!"), file("etc/b", b"same"), symlink("l", "etc/b"), file("etc/.wh.x", b"")]
    found = listed(gzipped(tar(old)), zstded(tar(new)))
    assert told(found) == [
        ("added", "etc/x", ()),
        ("changed", "etc/a", ("content",)),
        ("removed", "gone", ()),
        ("changed", "l", ("link",)),
    ]
    assert found.same == 2
    assert [one.new.type for one in found.changes if one.new] == ["whiteout", "file", "symlink"]


def test_the_last_of_doubled_paths_counts() -> None:
    twice = tar([file("a", b"first"), file("a", b"last")])
    assert told(listed(twice, tar([file("./a", b"last")]))) == []
    assert told(listed(twice, tar([file("a", b"first")]))) == [("changed", "a", ("content",))]


def test_opaque_folders_and_all_of_one_layer() -> None:
    found = listed(None, tar([file("var/.wh..wh..opq", b""), file("var/a", b"1")]))
    assert [(one.path, one.new.type) for one in found.changes if one.new] == [("var", "opaque"), ("var/a", "file")]
    assert [one.kind for one in listed(tar([file("a", b"")]), None).changes] == ["removed"]


def test_type_and_hard_links() -> None:
    assert told(listed(tar([file("a", b"")]), tar([folder("a")]))) == [("changed", "a", ("type",))]
    one = tar([file("a", b""), hardlink("b", "a")])
    other = tar([file("a", b""), Member("b", kind=Kind.HARDLINK, target="a", mode=0o600)])
    assert told(listed(one, other)) == []


def test_what_pax_headers_say() -> None:
    def one(**records: str) -> bytes:
        member = file("a", b"")
        names = {key.replace("__", "."): value for key, value in records.items()}
        return pax(names) + header(member, 0) + bytes(1024)

    plain = one()
    assert told(listed(plain, one(mtime="0.000000001"))) == [("changed", "a", ("mtime",))]
    assert told(listed(one(mtime="1.5"), one(mtime="1.50"))) == []
    assert told(listed(plain, one(uid="5000000"))) == [("changed", "a", ("owner",))]
    assert told(listed(plain, one(uname="root"))) == [("changed", "a", ("owner name",))]
    assert told(listed(plain, one(SCHILY__xattr__user__x="1"))) == [("changed", "a", ("xattrs",))]
    assert told(listed(one(mtime="nonsense"), plain)) == []
    (change,) = listed(plain, one(mtime="-1.25")).changes
    assert change.new is not None
    assert change.new.mtime_ns == -1_250_000_000


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        pytest.param(b"no tar at all" * 80, "the layer's tar cannot be read: tar header", id="no-tar"),
        pytest.param(tar([file("a", b"x" * 2000)])[:1500], "cut short inside a member", id="cut"),
        pytest.param(gzipped(tar([file("a", b"x")]))[:40], "the layer cannot be read: gzip stream", id="gzip-cut"),
        pytest.param(tar([file(str(n), b"") for n in range(9)]), "more than 5 paths", id="too-many"),
    ],
)
def test_what_cannot_be_read_is_told(layer: bytes, problem: str) -> None:
    found = listed(layer, None, Limits(members=5))
    assert problem in str(found.problem)
    assert found.changes == ()


@dataclass(frozen=True, slots=True)
class Made:
    """A path as tarfile writes it."""

    type: bytes
    content: bytes
    mode: int
    uid: int
    mtime: int
    target: str
    xattr: str = field(default="")


PATHS = st.sampled_from(["a", "b/c", "b/d", "long/" * 40 + "name", "é"])
STATES = st.builds(
    Made,
    type=st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]),
    content=st.sampled_from([b"", b"1", b"2" * 600]),
    mode=st.sampled_from([0o644, 0o755, 0o4755]),
    uid=st.sampled_from([0, 1000, 3_000_000]),
    mtime=st.sampled_from([0, 1_700_000_000]),
    target=st.sampled_from(["x", "y" * 150]),
)
LAYERS = st.dictionaries(PATHS, STATES, max_size=5)


def by_tarfile(paths: dict[str, Made], form: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as writer:
        for name, made in paths.items():
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.uid, info.mtime = made.type, made.mode, made.uid, made.mtime
            info.linkname = made.target if made.type == tarfile.SYMTYPE else ""
            content = made.content if made.type == tarfile.REGTYPE else b""
            info.size = len(content)
            writer.addfile(info, io.BytesIO(content))
    return out.getvalue()


@settings(max_examples=150, deadline=None)
@given(
    old=LAYERS,
    new=LAYERS,
    forms=st.lists(st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]), min_size=2, max_size=2),
)
def test_paths_agree_with_tarfile(old: dict[str, Made], new: dict[str, Made], forms: list[int]) -> None:
    layers = [by_tarfile(paths, form) for paths, form in zip((old, new), forms, strict=True)]
    read = []
    for raw in layers:
        with tarfile.open(fileobj=io.BytesIO(raw)) as reader:
            read.append({one.name: (one, contents(reader, one)) for one in reader})
    found = {one.path: one for one in listed(layers[0], layers[1]).changes}
    assert set(found) == {
        path for path in read[0].keys() | read[1].keys() if different(read[0].get(path), read[1].get(path))
    }
    for path, change in found.items():
        check(change, read[0].get(path), read[1].get(path))


Read = tuple[tarfile.TarInfo, bytes]


def contents(reader: tarfile.TarFile, one: tarfile.TarInfo) -> bytes:
    taken = reader.extractfile(one) if one.isreg() else None
    return taken.read() if taken else b""


def facts(one: Read) -> dict[str, object]:
    info, content = one
    return {
        "type": info.type,
        "content": content,
        "link": info.linkname,
        "mode": info.mode,
        "owner": (info.uid, info.gid),
        "mtime": info.mtime,
    }


def different(old: Read | None, new: Read | None) -> bool:
    return old is None or new is None or facts(old) != facts(new)


def check(change: FileChange, old: Read | None, new: Read | None) -> None:
    if old is None or new is None:
        assert change.kind == ("added" if old is None else "removed")
        return
    before, after = facts(old), facts(new)
    wanted = {key for key in before if before[key] != after[key]}
    assert set(change.what) == ({"type"} if "type" in wanted else wanted)


def test_names_of_a_layer_have_limits() -> None:
    long = tar([file("n" * 300, b"x")], style=Style.PAX)
    assert "--limit name=N" in str(listed(long, None, Limits(name=200)).problem)
    assert "--limit names-size=N" in str(listed(long, None, Limits(names_size=300)).problem)
    assert listed(long, None).problem is None


def test_what_no_header_field_says_counts_too() -> None:
    for key in ("LIBARCHIVE.xattr.user.a", "SCHILY.acl.access", "SCHILY.xattr.user.a"):
        found = listed(pax({key: "one"}) + tar([file("f", b"x")]), pax({key: "two"}) + tar([file("f", b"x")]))
        assert told(found) == [("changed", "f", ("xattrs",))], key


def test_a_hard_link_leads_to_a_path_however_it_is_written() -> None:
    found = listed(tar([file("a", b"x"), hardlink("b", "a")]), tar([file("./a", b"x"), hardlink("./b", "./a")]))
    assert (told(found), found.same) == ([], 2)


def test_what_cannot_be_printed_counts_with_its_escapes() -> None:
    work = Work(Limits(listed=5), "two archives")
    work.list("a" * 1000)
    with pytest.raises(LimitError, match="more than 10 lines"):
        work.list("\U000e0001" * 300)
