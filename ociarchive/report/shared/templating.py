"""Shared by the HTML reports: templates that escape every text, one style sheet, command lines for a shell."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from ociarchive.errors import plural
from ociarchive.report.shared.text import safe, shell, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LOADER: Final = PackageLoader("ociarchive.report")


@cache
def environment() -> Environment:
    """Return the template environment. It escapes all values, for readers and for HTML.

    It is one for all reports of a process: it keeps its templates, and compiling one takes longer than most reports.
    """
    made = Environment(
        loader=_LOADER,
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(size=size, plural=plural, ticks=_ticks)
    return made


def page_pieces(made: Environment, template: str, style: str, **facts: object) -> Iterator[str]:
    """Give a page with its style sheet, in ASCII only, so that no transport can damage it.

    It comes in pieces, as what the facts hold gives them.
    """
    pieces = made.get_template(template).generate(
        **facts,
        style=Markup(style),  # noqa: S704  # our own CSS, and digests in hex
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )
    begun = False
    for piece in pieces:
        text = piece if begun else piece.lstrip()
        if text:
            begun = True
            yield in_ascii(text)


def in_ascii(text: str) -> str:
    """Return a piece of a page in ASCII only."""
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")


def again(command: Sequence[str], name: str) -> str:
    """Return the command line that makes the JSON report of the same call of the command `name`, and its digest."""
    words: list[str] = []
    skip = False
    for word in command:
        if skip or word.startswith(("--format=", "--output=", "--report=")):
            skip = False
        elif word in ("--format", "--output", "--report"):
            skip = True
        else:
            words.append(word)
    at = words.index(name) + 1 if name in words else len(words)
    return f"{shell([*words[:at], '--format', 'json', *words[at:]])} | sha256sum"


def quoted(*words: str) -> str:
    """Return words as one command line for a shell."""
    return shell(words)


def _shown(value: object) -> object:
    """Make every text that a template shows safe to read, before Jinja escapes it."""
    return safe(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _ticks(text: str) -> Markup:
    """Return text in which the words between two backticks are set as code."""
    parts = safe(text).split("`")
    odd = len(parts) % 2 == 1  # else one backtick has no partner, and none is replaced
    return Markup("" if odd else "`").join(  # noqa: S704  # a separator of our own
        Markup("<code>{}</code>").format(part) if odd and number % 2 else escape(part)
        for number, part in enumerate(parts)
    )
