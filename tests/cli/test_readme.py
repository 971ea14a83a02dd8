"""What the README shows is what its commands print."""

from tests.support.readme import README, examples, rewritten


def test_the_examples_print_what_they_show() -> None:
    text = README.read_text()
    assert len(examples(text)) >= 5
    assert rewritten(text) == text
