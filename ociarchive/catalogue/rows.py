"""Rows of a catalogue from the report of an archive."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ociarchive.auditing.rule import SEVERITIES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from ociarchive.auditing.facts import ImageFacts
    from ociarchive.auditing.report import Report
    from ociarchive.catalogue.recording import Recorded
    from ociarchive.catalogue.stamps import Stamp


def stored_text(path: str) -> str | bytes:
    """Return a path as the catalogue has it: bytes where it is no Unicode."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def text_again(value: object) -> str:
    """Return a path of the catalogue as the system has it. ValueError: it is no path."""
    if isinstance(value, bytes):
        return os.fsdecode(value)
    if not isinstance(value, str):
        raise ValueError(f"no path: {value!r}")
    return value


def insert(
    connection: sqlite3.Connection, state: Stamp, report: Report, kept: Recorded, terms: int | None, when: str
) -> None:
    """Put an archive's rows into the place of those that it has, within the current transaction.

    `terms` is the row of its terms.
    """
    path = stored_text(state.path)
    connection.execute("DELETE FROM archives WHERE path = ?", (path,))
    made = connection.execute(
        f"INSERT INTO archives VALUES (NULL, {', '.join('?' * 17)})",  # noqa: S608  question marks alone
        (
            path,
            stored_text(report.source),
            state.kind,
            state.size,
            state.mtime_ns,
            state.ctime_ns,
            state.digest,
            report.contents.format if report.contents else None,
            "failed" if report.failed else "passed",
            *(report.count(severity) for severity in SEVERITIES),
            report.images,
            report.blobs,
            report.bytes,
            terms,
            when,
        ),
    )
    archive = made.lastrowid
    connection.execute("INSERT INTO reports VALUES (?, ?, ?, ?)", (archive, kept.verdict, kept.listed, kept.proof))
    connection.executemany(f"INSERT INTO findings VALUES ({', '.join('?' * 10)})", _findings(archive, report))  # noqa: S608  as above
    images = report.listed.images if report.listed else ()
    connection.executemany(
        "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?)",
        (
            (archive, number, one["image_id"], one["manifest"], one["index"], _plain(one["platform"]))
            for number, one in enumerate(images)
        ),
    )
    connection.executemany(
        "INSERT INTO names VALUES (?, ?, ?)",
        (
            (archive, number, _plain(name))
            for number, one in enumerate(images)
            for name in dict.fromkeys((*one["references"], *one["ref_names"]))
        ),
    )
    connection.executemany(f"INSERT INTO layers VALUES ({', '.join('?' * 12)})", _layers(archive, images))  # noqa: S608  as above
    connection.executemany("INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)", _blobs(archive, report))


def _findings(archive: int | None, report: Report) -> Iterator[tuple[object, ...]]:
    counted = [(finding, 0) for finding in report.findings] + [(finding, 1) for finding in report.waived]
    for number, (one, waived) in enumerate(counted):
        texts = map(_plain, (one.subject, one.location, one.message, one.expected, one.found))
        yield (archive, number, one.rule, one.severity, waived, *texts)


def _layers(archive: int | None, images: Iterable[ImageFacts]) -> Iterator[tuple[object, ...]]:
    for image, one in enumerate(images):
        for number, layer in enumerate(one["layers"]):
            digests = (layer["digest"], layer["diff_id"], layer["chain_id"])
            sizes = (layer["size"], layer["uncompressed_size"])
            texts = map(_plain, (layer["media_type"], layer["compression"]))
            yield (archive, image, number, *map(_plain, digests), *sizes, *texts, layer["present"], layer["verified"])


def _blobs(archive: int | None, report: Report) -> Iterator[tuple[object, ...]]:
    for row in report.proof.blobs if report.proof else ():
        if row.fact is not None:
            for digest in row.fact.digests:
                yield (archive, str(digest), row.fact.size)


def _plain(value: object) -> object:
    """Return a text without what UTF-8 has no bytes for."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
