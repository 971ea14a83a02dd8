"""JSON in pieces is the JSON of the standard library."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from ociarchive.report.shared.pieces import written

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
)


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_pieces_are_those_of_the_standard_library(value: object) -> None:
    assert "".join(written(value, "\n")) == json.dumps(value, indent=2)


@settings(max_examples=50, deadline=None)
@given(st.lists(VALUES))
def test_what_is_given_one_by_one_is_written_like_a_list(values: list[object]) -> None:
    pieces = written({"first": 1, "all": iter(values), "last": {"a": ()}}, "\n")
    assert "".join(pieces) == json.dumps({"first": 1, "all": values, "last": {"a": ()}}, indent=2)
