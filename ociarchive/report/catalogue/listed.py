"""The answers of a catalogue as JSON (schema_version 1), CSV and HTML."""

from __future__ import annotations

import csv
import html
import io
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from ociarchive.catalogue.answers import Entry
from ociarchive.errors import plural
from ociarchive.report.shared.pieces import written
from ociarchive.report.shared.text import safe, size
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.catalogue.answers import Summary

_COLUMNS: Final = tuple(field.name for field in fields(Entry))
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color:#1a1a1a}"
    "table{border-collapse:collapse;width:100%;margin:1em 0}th,td{text-align:left;padding:.3em .8em .3em 0;"
    "border-bottom:1px solid #ccc;vertical-align:top;overflow-wrap:anywhere}.num{text-align:right}"
    ".fail{color:#a40000;font-weight:bold}@media print{body{margin:0;max-width:none}thead{display:table-header-group}}"
)


def catalogue_json(path: str, summary: Summary, entries: Iterable[Entry]) -> Iterator[str]:
    """Give the totals of a catalogue and the archives that were asked for."""
    value = {
        "schema_version": 1,
        "tool": {"name": "ociarchive", "version": VERSION},
        "catalogue": path,
        "summary": {
            "archives": summary.passed + summary.failed,
            "passed": summary.passed,
            "failed": summary.failed,
            "reasons": [{"rule": rule, "archives": count} for rule, count in summary.reasons],
            "first": summary.first,
            "last": summary.last,
        },
        "archives": ({name: _plain(getattr(one, name)) for name in _COLUMNS} for one in entries),
    }
    yield from written(value, "\n")
    yield "\n"


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def catalogue_csv(entries: Iterable[Entry]) -> Iterator[str]:
    """Give a line of names, then one for each archive (RFC 4180, with line feeds alone). Rules have blanks between."""
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in entries:
        yield _taken(held)
        values = {name: getattr(one, name) for name in _COLUMNS}
        told = {"source": safe(one.source), "rules": " ".join(one.rules), "passed": "yes" if one.passed else "no"}
        writer.writerow((values | told).values())
    yield _taken(held)


def _taken(held: io.StringIO) -> str:
    text = held.getvalue()
    held.seek(0)
    held.truncate()
    return text


def catalogue_html(path: str, summary: Summary, entries: Iterable[Entry]) -> Iterator[str]:
    """Give one page in ASCII: the totals, why archives failed, and the archives. No script, no request to anywhere."""
    total = summary.passed + summary.failed
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="generator" content="ociarchive {VERSION}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Catalogue of {plural(total, 'archive')}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>Catalogue of {plural(total, 'archive')}</h1>\n<p>{summary.passed} passed, {summary.failed} failed; "
        f"audited from {summary.first or '-'} to {summary.last or '-'}: <code>{_text(path)}</code></p>\n"
    )
    if summary.reasons:
        yield "<h2>Why archives failed</h2>\n"
        yield _head("rule", "archives")
        for rule, count in summary.reasons:
            yield f'<tr><td><code>{_text(rule)}</code></td><td class="num">{count}</td></tr>\n'
        yield "</tbody></table>\n"
    yield "<h2>Archives</h2>\n"
    yield _head("archive", "verdict", "why", "images", "read", "audited")
    for one in entries:
        word = "PASS" if one.passed else "FAIL"
        yield (
            f'<tr><td>{_text(one.source)}</td><td class="{word.lower()}">{word}</td><td>{_text(", ".join(one.rules))}'
            f'</td><td class="num">{one.images}</td><td class="num">{size(one.bytes)}</td>'
            f"<td>{_text(one.audited)}</td></tr>\n"
        )
    yield "</tbody></table>\n</main>\n</body>\n</html>\n"


def _head(*names: str) -> str:
    cells = "".join(f'<th scope="col">{name}</th>' for name in names)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>\n"


def _text(value: str) -> str:
    return html.escape(safe(value)).encode("ascii", "xmlcharrefreplace").decode()
