"""Strict JSON: what two parsers would read differently is refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ociarchive.blobio.limits import Limits
from ociarchive.documents import Document, DocumentError, dump, make, parse

LIMIT, MAX_DEPTH = 4 << 20, Limits().depth


def read(raw: bytes, *, surrogates: bool = False) -> Document:
    return parse(raw, "a.tar: index.json", limit=LIMIT, surrogates=surrogates)


ACCEPTED: dict[str, tuple[bytes, Any]] = {
    "object": (b'{"a":1}', {"a": 1}),
    "array": (b"[1,2]", [1, 2]),
    "scalar": (b"null", None),
    "whitespace-around": (b" \t\r\n{} \n", {}),
    "least-integer": (b"[-9223372036854775808]", [-(2**63)]),
    "greatest-integer": (b"[9223372036854775807]", [2**63 - 1]),
    "no-double-holds-it": (b"[9007199254740993]", [2**53 + 1]),
    "fraction": (b"[1.5e3]", [1500.0]),
    "greatest-double": (b"[1.7976931348623157e308]", [1.7976931348623157e308]),
    "underflow": (b"[1e-999]", [0.0]),
    "escapes": (rb'["\"\\\/\b\f\n\r\t\u00e9"]', ['"\\/\b\f\n\r\té']),
    "surrogate-pair": (rb'["\ud83d\ude00"]', ["\U0001f600"]),
    "utf-8": ('["é\U0001f600"]'.encode(), ["é\U0001f600"]),
    "same-key-in-two-objects": (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
    "keys-that-differ-by-case": (b'{"a":1,"A":2}', {"a": 1, "A": 2}),
    "empty-key": (b'{"":1}', {"": 1}),
    "deepest": (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
    "brackets-in-strings": (b'["' + b"[{" * 200 + b'"]', ["[{" * 200]),
    "brackets-behind-escaped-quotes": (rb'["\"' + b"[" * 200 + rb'\\"]', ['"' + "[" * 200 + "\\"]),
    "many-side-by-side": (b"[" + b",".join([b"[[]]"] * 200) + b"]", [[[]]] * 200),
    "many-objects-side-by-side": (b"[" + b",".join([b'{"a":{}}'] * 200) + b"]", [{"a": {}}] * 200),
}
REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not JSON"),
    "whitespace-alone": (b" \n", "not JSON"),
    "word": (b"hello", "not JSON"),
    "single-quotes": (b"{'a':1}", "not JSON"),
    "trailing-comma": (b"[1,]", "not JSON"),
    "trailing-comma-in-an-object": (b'{"a":1,}', "not JSON"),
    "comment": (b"{} // no", "text after its end"),
    "leading-zero": (b"[01]", "not JSON"),
    "plus": (b"[+1]", "not JSON"),
    "control-character-in-a-string": (b'["\x01"]', "not JSON"),
    "newline-in-a-string": (b'["\n"]', "not JSON"),
    "malformed-escape": (rb'["\x41"]', "not JSON"),
    "open-string": (b'["abc', "not JSON"),
    "open-object": (b'{"a":1', "not JSON"),
    "two-documents": (b"{}{}", "text after its end"),
    "text-behind": (b"{} x", "text after its end"),
    "nul-behind": (b"{}\0", "text after its end"),
    "doubled-key": (b'{"a":1,"a":1}', "the key 'a' twice"),
    "doubled-key-below": (b'[{"b":{"a":1,"c":2,"a":3}}]', "the key 'a' twice"),
    "doubled-key-by-escape": (rb'{"a":1,"\u0061":2}', "the key 'a' twice"),
    "not-a-number": (b"[NaN]", "NaN, which is no JSON"),
    "infinity": (b"[Infinity]", "Infinity, which is no JSON"),
    "minus-infinity": (b"[-Infinity]", "-Infinity, which is no JSON"),
    "integer-above-64-bits": (b"[9223372036854775808]", "a number beyond 64 bits"),
    "integer-below-64-bits": (b"[-9223372036854775809]", "a number beyond 64 bits"),
    "integer-of-many-digits": (b"[" + b"9" * 5000 + b"]", "a number beyond 64 bits: 9999"),
    "double-too-large": (b"[1e999]", "a number beyond a double: 1e999"),
    "double-too-small": (b"[-1e999]", "a number beyond a double: -1e999"),
    "byte-order-mark": (b"\xef\xbb\xbf{}", "byte order mark"),
    "utf-16": ('{"a":1}'.encode("utf-16"), "not UTF-8 from byte 0"),
    "latin-1": (b'["\xe9"]', "not UTF-8 from byte 2"),
    "surrogate-as-utf-8": (b'["\xed\xa0\x80"]', "not UTF-8 from byte 2"),
    "cut-character": (b'["\xc3', "not UTF-8 from byte 2"),
    "first-half-of-a-pair": (rb'["\ud83d"]', "half of a surrogate pair"),
    "second-half-of-a-pair": (rb'["\ude00"]', "half of a surrogate pair"),
    "pair-the-wrong-way-round": (rb'["\ude00\ud83d"]', "half of a surrogate pair"),
    "half-of-a-pair-in-a-key": (rb'{"a":{"\ud83d":1}}', "half of a surrogate pair"),
    "half-of-a-pair-below": (rb'{"a":[1,{"b":"x\udfffy"}]}', "half of a surrogate pair"),
    "too-deep": (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nests more than 100 deep"),
    "objects-too-deep": (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "nests more than 100 deep"),
    "too-deep-and-open": (b"[" * 100_000, "nests more than 100 deep"),
    "deep-behind-much-that-closes": (b"[[]," * 150, "nests more than 100 deep"),
    "deep-behind-strings-with-brackets": (b'["]]]]",' * 150, "nests more than 100 deep"),
}


# What a message says: the audit's rule for it.
RULES = {
    "which is no JSON": "json-number",
    "not JSON": "json-invalid",
    "text after its end": "json-trailing",
    "twice": "json-duplicate-key",
    "beyond": "json-number",
    "byte order mark": "json-bom",
    "not UTF-8": "json-encoding",
    "surrogate pair": "json-surrogate",
    "deep": "limit-depth",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    raw, expected = ACCEPTED[name]
    document = read(raw)
    assert document.raw == raw
    if name != "deepest":
        assert document.value == expected


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    raw, message = REFUSED[name]
    with pytest.raises(DocumentError) as caught:
        read(raw)
    assert message in str(caught.value)
    assert caught.value.where == "a.tar: index.json"
    assert caught.value.status == 1
    assert caught.value.rule == next(rule for text, rule in RULES.items() if text in message)
    assert len(str(caught.value)) < 300


def test_the_place_of_an_error_is_in_bytes() -> None:
    with pytest.raises(DocumentError, match="at byte 9"):
        read('["éé", x]'.encode())


def test_size() -> None:
    assert parse(b"{}       ", "here", limit=9).value == {}
    with pytest.raises(DocumentError) as caught:
        parse(b"{}        ", "here", limit=9)
    assert (caught.value.expected, caught.value.found) == ("9 bytes at most", "10 bytes")
    assert caught.value.rule == "limit-document"


def test_depth_that_was_asked_for() -> None:
    assert parse(b"[[1]]", "here", limit=9, depth=2).value == [[1]]
    with pytest.raises(DocumentError, match="more than 1 deep"):
        parse(b"[[1]]", "here", limit=9, depth=1)
    assert parse(b"[" * 200 + b"]" * 200, "here", limit=999, depth=200).value


def test_halves_of_pairs_pass_where_they_are_let() -> None:
    raw = rb'{"author":"\ud83d"}'
    assert read(raw, surrogates=True).members == {"author": "\ud83d"}
    with pytest.raises(DocumentError, match="twice"):
        read(rb'{"\ud83d":1,"\ud83d":2}', surrogates=True)


def test_members_of_what_is_no_object() -> None:
    assert read(b"[1]").members == {}
    assert read(b'{"a":1}').members == {"a": 1}


# Each of these takes minutes where the work grows with the square of the length; the timeout of the run tells.
SLOW: dict[str, Callable[[int], bytes]] = {
    "escaped-quotes": lambda size: rb"\"" * (size // 2),
    "quoted-escaped-quotes": lambda size: b'"' + rb"\"" * (size // 2),
    "opened-strings-of-escaped-quotes": lambda size: b"[" * 101 + b'"' + rb"\"" * (size // 2),
    "backslashes": lambda size: b"[" * 101 + b'"' + b"\\" * size,
    "quotes": lambda size: b"[" * 101 + b'"' * size,
    "quotes-and-backslashes": lambda size: b"[" * 101 + rb'"\\' * (size // 3),
    "brackets-in-an-open-string": lambda size: b"[" * 100 + b'"' + b"[" * size,
    "keys": lambda size: b"{" + b",".join(b'"%x":0' % number for number in range(size // 10)),
    "digits": lambda size: b"[" + b"1" * size + b"]",
    "fraction-digits": lambda size: b"[1." + b"1" * size + b"e999]",
    "closing-brackets": lambda size: b"]" * size + b"[" * 101,
    "escapes": lambda size: b'["' + rb"\ud83d" * (size // 6) + b'"]',
    "commas": lambda size: b"[" + b"," * size,
    "whitespace": lambda size: b"[" + b" " * size,
}


@pytest.mark.parametrize("name", SLOW)
def test_work_does_not_grow_with_the_square_of_the_length(name: str) -> None:
    with pytest.raises(DocumentError):
        read(SLOW[name](1 << 20))


def test_two_equal_keys_far_apart_are_found_at_once() -> None:
    keys = [b'"%x":0' % number for number in range(100_000)]
    with pytest.raises(DocumentError, match="the key '1869f' twice"):
        read(b"{" + b",".join([*keys, keys[-1]]) + b"}")


def test_dump_is_compact_and_keeps_the_order() -> None:
    assert (
        dump({"b": [1, None, True], "a": "é\u2028<&>\U0001f600"})
        == '{"b":[1,null,true],"a":"é\u2028<&>\U0001f600"}'.encode()
    )
    assert make({"z": 1, "a": 2}).raw == b'{"z":1,"a":2}'
    assert make([1]).value == [1]
    with pytest.raises(ValueError, match="JSON compliant"):
        dump(float("nan"))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_dumped_is_read_back(value: Any) -> None:  # noqa: ANN401  any JSON
    found = read(dump(value))
    assert found.value == value
    assert dump(found.value) == found.raw


@given(st.binary(max_size=40) | st.text('[]{}",:0eE-.\\ud8 ntf', max_size=40).map(str.encode))
def test_what_is_accepted_means_the_same_to_json(raw: bytes) -> None:
    try:
        found = read(raw)
    except DocumentError:
        return
    assert found.value == json.loads(raw)
