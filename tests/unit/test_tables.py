"""Reading tables of contents: lists in pieces, times, numbers of tar headers."""

import json

import pytest

from ociarchive import documents
from ociarchive.blobio.limits import Limits
from ociarchive.container.stream import Tar
from ociarchive.documents import DocumentError
from ociarchive.toc import tables
from ociarchive.toc.locate import Table
from ociarchive.toc.mismatches import TableError
from ociarchive.toc.tables import nanoseconds
from tests.support.tar import file, pax, tar

TEXTS = (
    b'{"entries":[{"a":1},2,[3]],"b":{"c":null}}',
    b' {\n"b" : "\\u00e9" , "entries" : [ ] }\n',
    b'{"entries":null}',
    b"{}",
    b'{ "entries": [ "[,]}" , {} ] }',
)
BROKEN = (
    b"", b"[", b"[]", b"{", b"5", b'{"entries"', b'{"entries":', b'{"entries":[', b'{"entries":[1', b'{"entries":[1,',
    b'{"entries":[1}', b'{"entries":[1]', b'{"entries":[1]]', b'{"entries":[1],}', b'{"entries":[1,]}', b"{,}",
    b'{"entries":[1 2]}', b"{1:2}", b'{"entries":[NaN]}', b'{"entries":[{"a":1,"a":2}]}', b'{"a":1,"a":2}', b"{} {}",
    b'{"entries":[18446744073709551616]}', b"\xef\xbb\xbf{}", b'{"a":"\xff"}', b'{"a" 1}',
)  # fmt: skip


def listed(raw: bytes) -> list[tuple[str, object]]:
    return list(documents.parse_list(raw, "here", "entries", limit=1 << 20))


@pytest.mark.parametrize("raw", TEXTS)
def test_a_list_in_pieces_is_the_list(raw: bytes) -> None:
    whole = json.loads(raw)
    entries = whole.pop("entries", None)
    found = listed(raw)
    assert [value for key, value in found if key == "entries"] == (entries if isinstance(entries, list) else [None])[
        : None if b"entries" in raw else 0
    ]
    assert {key: value for key, value in found if key != "entries"} == whole


@pytest.mark.parametrize("raw", BROKEN)
def test_a_broken_list_is_refused_as_a_broken_document_is(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        listed(raw)


@pytest.mark.parametrize("raw", [one for one in BROKEN if one not in (b"[]", b"5")])
def test_the_rule_is_that_of_the_document(raw: bytes) -> None:
    with pytest.raises(DocumentError) as whole:
        documents.parse(raw, "here", limit=1 << 20)
    with pytest.raises(DocumentError) as pieces:
        listed(raw)
    assert pieces.value.rule == whole.value.rule


def test_a_table_has_a_limit() -> None:
    with pytest.raises(DocumentError, match="too large"):
        list(documents.parse_list(b"{}" + b" " * 100, "here", "entries", limit=10))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2023-11-14T22:13:20Z", 1_700_000_000),
        ("2023-11-15T00:13:20.5+02:00", 1_700_000_000.5),
        ("2023-11-14T20:13:20-02:00", 1_700_000_000),
        ("1969-12-31T23:59:59.25Z", -0.75),
        ("0001-01-01T00:00:00Z", 0),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert nanoseconds(text) == seconds * 10**9


@pytest.mark.parametrize("text", ["", "yesterday", "2023-13-01T00:00:00Z", "2023-11-14T22:13:20", "2023-11-14"])
def test_no_time(text: str) -> None:
    assert nanoseconds(text) is None


@pytest.mark.parametrize("size", [1, 7, 512, 1000, 1 << 20])
def test_members_come_whole_from_pieces_of_any_size(size: int) -> None:
    records = {"SCHILY.xattr.user.a": "b", "mtime": "-1.5", "uid": "5000000", "comment": "x" * 600}
    data = tar([file("first", b"1" * 700)], end=0) + pax(records) + tar([file("./second", b"2")])
    found = Tar([data[at : at + size] for at in range(0, len(data), size)], Limits())
    members = [(one, b"".join(found.data())) for one in found.members()]
    (first, content), (second, _) = members
    assert (first.name, first.kind, first.size, content) == ("first", "reg", 700, b"1" * 700)
    assert (second.name, second.uid, second.mtime) == ("second", 5_000_000, -1_500_000_000)
    assert second.xattrs == {"user.a": b"b"}


def test_data_that_nobody_takes_is_passed_over() -> None:
    data = tar([file("first", b"1" * 700), file("second", b"2")])
    assert [one.name for one in Tar([data], Limits()).members()] == ["first", "second"]


def test_a_table_may_have_so_many_entries() -> None:
    raw = json.dumps({"version": 1, "entries": [{"name": f"f{number}", "type": "dir"} for number in range(9)]}).encode()
    table = Table(raw=raw, offset=0, gzip=True, split=None)
    assert len(tables.read(table, "here", Limits(toc_entries=9)).files) == 9
    with pytest.raises(TableError, match=r"more than 8 entries, --limit toc-entries=N lifts"):
        tables.read(table, "here", Limits(toc_entries=8))
