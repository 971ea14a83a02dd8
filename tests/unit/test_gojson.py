"""JSON and times as Go writes them."""

from typing import Any

import pytest

from ociarchive.oldimages import gojson, gotime
from ociarchive.oldimages.gotypes import (
    BOOL,
    INT,
    SET,
    STR_SLICE,
    STRING,
    STRINGS,
    TEXTS,
    Field,
    GoType,
    Pointer,
    Struct,
)
from ociarchive.schema import Malformed
from ociarchive.values import JSON

STRINGS_AS_WRITTEN = {
    "plain": ("a b", b'"a b"'),
    "html": ("<a> & </a>", rb'"\u003ca\u003e \u0026 \u003c/a\u003e"'),
    "separators": ("\u2028\u2029", rb'"\u2028\u2029"'),
    "short-escapes": ('"\\\n\r\t', rb'"\"\\\n\r\t"'),
    "controls-have-no-short-form-in-go-1.19": ("\b\f\x01\x1f", rb'"\u0008\u000c\u0001\u001f"'),
    "delete-stays": ("\x7f", b'"\x7f"'),
    "utf-8-stays": ("é\U0001f600\ufffd", '"é\U0001f600\ufffd"'.encode()),
    "half-of-a-pair": ("\ud800", '"\ufffd"'.encode()),
}


@pytest.mark.parametrize("name", STRINGS_AS_WRITTEN)
def test_a_string(name: str) -> None:
    text, wanted = STRINGS_AS_WRITTEN[name]
    assert gojson.string(text) == wanted


def test_raw_values_lose_blanks_and_keep_how_they_are_written() -> None:
    raw = '{ "a" : [ 1.50 , 1e3, "\\u0061 b", "<\u2028" ],\n "b":{ } }'.encode()
    assert gojson.compacted(raw) == rb'{"a":[1.50,1e3,"\u0061 b","\u003c\u2028"],"b":{}}'


def test_members_are_taken_as_they_are_written() -> None:
    raw = rb'{"a":1,"b" : [ {"a":2}, "},{" ] ,"\u0063": null,"d":{"e":"\"}"}}'
    assert gojson.members(raw) == {"a": b"1", "b": b'[ {"a":2}, "},{" ]', "c": b"null", "d": rb'{"e":"\"}"}'}
    assert gojson.members(b" { } ") == {}


def test_maps_are_written_in_the_order_of_the_bytes_of_their_keys() -> None:
    keys = {"\U0001f600": b"1", "\uffee": b"2", "Z": b"3", "a": b"4"}
    assert gojson.of_map(keys) == '{"Z":3,"a":4,"\uffee":2,"\U0001f600":1}'.encode()


TIMES = {
    "2015-06-01T12:34:56.123456789Z": "2015-06-01T12:34:56.123456789Z",
    "2015-06-01T12:34:56.120000Z": "2015-06-01T12:34:56.12Z",
    "2015-06-01T12:34:56.000Z": "2015-06-01T12:34:56Z",
    "2015-06-01T12:34:56+00:00": "2015-06-01T12:34:56Z",
    "2015-06-01T12:34:56-00:00": "2015-06-01T12:34:56Z",
    "2015-06-01T12:34:56-07:30": "2015-06-01T12:34:56-07:30",
    "2016-02-29T23:59:59.0000000001Z": "2016-02-29T23:59:59Z",
    "2015-06-01T2:34:56,5Z": "2015-06-01T02:34:56.5Z",
    "2000-02-29T00:00:00Z": "2000-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z": "0000-01-01T00:00:00Z",
    "1900-02-29T00:00:00Z": None,
    "2015-02-29T00:00:00Z": None,
    "2015-04-31T00:00:00Z": None,
    "2015-00-01T00:00:00Z": None,
    "2015-13-01T00:00:00Z": None,
    "2015-01-00T00:00:00Z": None,
    "2015-06-01T24:00:00Z": None,
    "2015-06-01T00:60:00Z": None,
    "2015-06-01T00:00:60Z": None,
    "2015-06-01t00:00:00Z": None,
    "2015-06-01 00:00:00Z": None,
    "2015-06-01T00:00:00": None,
    "": None,
}


@pytest.mark.parametrize("text", TIMES)
def test_a_time(text: str) -> None:
    assert gotime.normal(text) == TIMES[text]


def test_what_a_struct_takes() -> None:
    inner = Struct((Field("Kinds", STRINGS), Field("n", INT, omitempty=True)))
    struct = Struct((Field("id", STRING), Field("Inner", inner), Field("far", Pointer(inner), omitempty=True)))
    zero = struct.zero()
    assert struct.write(zero) == b'{"id":"","Inner":{"Kinds":null}}'
    read = struct.read({"ID": "a", "unknown": 1, "inner": {"\u212aind\u017f": ["x", None]}, "FAR": {}}, zero, "")
    assert struct.write(read) == b'{"id":"a","Inner":{"Kinds":["x",""]},"far":{"Kinds":null}}'
    both = struct.read({"id": "exact", "Id": None, "inner": None, "far": {"n": 1}}, read, "")
    assert struct.write(both) == b'{"id":"exact","Inner":{"Kinds":["x",""]},"far":{"Kinds":null,"n":1}}'


REFUSED: list[tuple[Any, list[Any]]] = [
    (STRING, [1, True, [], {}]),
    (BOOL, [1, "true", []]),
    (INT, [1.0, True, "1", 1 << 63]),
    (STRINGS, ["a", {}, [1]]),
    (STR_SLICE, [5, {}, [["a"]]]),
    (SET, [[], {"a": 1}, {"a": []}]),
    (TEXTS, [[], {"a": 1}]),
]


@pytest.mark.parametrize(("kind", "value"), [(kind, one) for kind, values in REFUSED for one in values])
def test_what_go_refuses(kind: GoType[Any], value: JSON) -> None:
    with pytest.raises(Malformed):
        Struct((Field("x", kind),)).read({"x": value}, {"x": kind.zero()}, "")


def test_one_string_stands_for_a_list_of_it() -> None:
    assert STR_SLICE.write(STR_SLICE.read("echo hi", None, "")) == b'["echo hi"]'
    assert STR_SLICE.write(STR_SLICE.read(None, ["a"], "")) == b"null"
