"""The page of the audit's rules, made from the rules: `python -m tests.support.rules_doc > docs/rules.md`."""

import sys
from collections.abc import Iterator, Sequence

from ociarchive.auditing import RULES, Rule
from ociarchive.auditing.rules import (
    blobs,
    container,
    deltas,
    engines,
    layers,
    metadata,
    oldimages,
    parts,
    platforms,
    references,
    registry,
    signatures,
    stores,
    tars,
)

GROUPS = (
    ("The tar or folder", container),
    ("Archives in parts", parts),
    ("Documents", metadata),
    ("The storage of engines", stores),
    ("Blobs", blobs),
    ("What deltas leave out", deltas),
    ("Configs and layers", layers),
    ("Platforms", platforms),
    ("The tars inside of layers", tars),
    ("Names, signatures and what refers to images", references),
    ("Signatures, where the call asks for them", signatures),
    ("A registry's storage", registry),
    ("Images of Docker's first years", oldimages),
    ("Audits that did not come to their end", engines),
)
COMMAND = "python -m tests.support.rules_doc > docs/rules.md"
HEAD = f"""\
# Rules of the audit

<!-- Made by `{COMMAND}`; change the rules, not this page. -->

Every finding of `ociarchive audit` names one of these rules. `ociarchive rules RULE` prints the same text.

An **error** is a fault in what the archive claims of itself: the audit ends with status 1. A **warning** is what an
auditor must know and an engine survives: status 0, with `--strict` 1. A **note** is a fact and never fails.
`--severity RULE=LEVEL` and `--ignore RULE` judge otherwise; every report shows that they did.
"""


def page() -> str:
    """Give the whole page."""
    return "\n".join((HEAD, *table(), *sections()))


def table() -> Iterator[str]:
    """Give the table of all rules."""
    yield "| rule | severity | what is wrong |"
    yield "|---|---|---|"
    for rule in RULES:
        yield f"| [{rule.id}](#{rule.id}) | {rule.severity} | {escaped(rule.summary)} |"
    yield ""


def sections() -> Iterator[str]:
    """Give a section for each rule, under a heading for each module of rules."""
    for title, module in GROUPS:
        yield f"## {title}\n"
        for rule in module.RULES:
            yield from section(rule)


def section(rule: Rule) -> Iterator[str]:
    """Give the section of one rule."""
    yield f"### {rule.id}\n"
    yield f"- Severity: {rule.severity}"
    yield f"- What is wrong: {escaped(rule.summary)}"
    yield f"- What to do: {escaped(rule.advice)}"
    yield f"- Clause: {escaped(rule.spec)}\n"


def escaped(text: str) -> str:
    """Keep Markdown from taking text for markup."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def grouped() -> Sequence[Rule]:
    """Give all rules that the page has, in its order."""
    return [rule for _, module in GROUPS for rule in module.RULES]


if __name__ == "__main__":
    sys.stdout.write(page())
