"""What README and docs show is what their commands print."""

from pathlib import Path

import pytest

from tests.support.readme import DOCUMENTS, README, ROOT, examples, rewritten

SHOWING = [path for path in DOCUMENTS if examples(path.read_text())]


def test_the_readme_has_examples() -> None:
    assert len(examples(README.read_text())) >= 5


@pytest.mark.parametrize("path", SHOWING, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_begins_with_a_command(path: Path) -> None:
    assert [block for block in examples(path.read_text()) if not block.startswith("$ ")] == []


@pytest.mark.parametrize("path", SHOWING, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_print_what_they_show(path: Path) -> None:
    text = path.read_text()
    assert rewritten(text) == text, "run `python -m tests.support.readme` and look at what changes"
