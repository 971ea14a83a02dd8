"""docs/rules.md and `ociarchive rules` say what the rules say."""

import re
from pathlib import Path

from ociarchive.auditing import RULES
from tests.support.call import Call, told
from tests.support.rules_doc import COMMAND, grouped, page

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), f"run {COMMAND}"


def test_every_rule_has_one_section() -> None:
    sections = re.findall(r"^### (.+)$", PAGE.read_text(), re.MULTILINE)
    assert sections == [rule.id for rule in grouped()] == [rule.id for rule in RULES]
    assert len(set(sections)) == len(sections)


def test_links_lead_to_sections() -> None:
    text = PAGE.read_text()
    assert set(re.findall(r"\(#(.+?)\)", text)) == set(re.findall(r"^### (.+)$", text, re.MULTILINE))


def test_rules_have_words_for_people() -> None:
    for rule in RULES:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.id)
        assert rule.summary.endswith(".")
        assert rule.advice.endswith((".", "!"))
        assert rule.spec


def test_the_command_says_the_same(cli_call: Call) -> None:
    for rule in RULES:
        shown = " ".join(told(cli_call("rules", rule.id)).stdout.split())
        assert all(text in shown for text in (rule.id, rule.severity, rule.summary, rule.advice, rule.spec))
    listed = " ".join(told(cli_call("rules")).stdout.split())
    assert all(rule.id in listed and rule.summary in listed for rule in RULES)
    told(cli_call("rules", "no-such-rule"), 2)
