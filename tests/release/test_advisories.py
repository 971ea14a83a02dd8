"""What is said of advisories, and that what could not be asked is not called good."""

from typing import Any

import pytest

from release.advisories import verdict

GOOD = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "GHSA-x", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("found", "said", "status"),
    [
        ([], "NOT CHECKED: no advisories can be had from here", 0),
        ([UNKNOWN], "NOT CHECKED: no advisories can be had from here", 0),
        ([GOOD, GOOD], "2 of 2 packages were held against advisories: 0 found", 0),
        ([GOOD, UNKNOWN], "1 of 2 packages were held against advisories; nothing is known of c: 0 found", 0),
        ([GOOD, BAD], "b 2: GHSA-x, mended in 3\n2 of 2 packages were held against advisories: 1 found", 1),
    ],
)
def test_verdicts(found: list[dict[str, Any]], said: str, status: int) -> None:
    lines, ended = verdict({"dependencies": found})
    assert ("\n".join(lines), ended) == (said, status)


def test_no_answer_at_all_is_no_verdict() -> None:
    assert verdict({}) == (["NOT CHECKED: no advisories can be had from here"], 0)
