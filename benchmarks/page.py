"""The page docs/performance.md: text that people write, with parts between markers that programs write.

A program replaces its own part and nothing else, so the parts can be measured at different times.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SKELETON = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.md")


def put(page: str, part: str, text: str) -> None:
    """Replace one part of the page at a path, which is made from the skeleton where it is not there yet.

    ValueError: the page has no such part.
    """
    new = replaced(read(page), part, text)
    with open(page, "w", encoding="utf-8") as file:
        file.write(new)


def read(page: str) -> str:
    """Return the page as it is now, or as it begins."""
    with open(page if os.path.exists(page) else _SKELETON, encoding="utf-8") as file:
        return file.read()


def replaced(page: str, part: str, text: str) -> str:
    """Return the page with another text between the markers of a part. ValueError: it has none, or several."""
    begin, end = f"<!-- measured: {part} -->", f"<!-- end: {part} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if len(pattern.findall(page)) != 1:
        raise ValueError(f"the page has not one part between {begin} and {end}")
    return pattern.sub(lambda _: f"{begin}\n\n{text.strip()}\n\n{end}", page)


#: Stands in a table for what was not measured.
NONE = "-"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column is of words, the others are of figures."""
    lines = [header, ["---", *("--:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measured_on(date: str, machine: Mapping[str, str]) -> str:
    """Return the sentence that figures cannot do without."""
    return f"Measured on {date}: " + "; ".join(f"{key} {value}" for key, value in machine.items()) + "."
