"""Random examples are the same each time, whatever else is run beside them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers


@pytest.mark.skipif(settings.get_current_profile_name() != "fixed", reason="chance looks everywhere")
def test_no_example_is_made_of_what_happens_to_be_imported() -> None:
    drawn: list[int] = []

    @given(st.integers())
    def draw(number: int) -> None:
        drawn.append(number)

    draw()
    assert drawn
    assert providers._seen_modules == set()
