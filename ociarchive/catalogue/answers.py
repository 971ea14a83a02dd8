"""What a catalogue answers: which archives failed and why, and which of them hold something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from ociarchive.catalogue.database import open_to_read
from ociarchive.catalogue.guard import reported
from ociarchive.catalogue.rows import text_again
from ociarchive.values import Digest, Reference

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The rules for which an archive failed: those of its errors, else, in a strict audit, those of its warnings.
_WHY: Final = """SELECT DISTINCT archive, rule FROM findings f WHERE NOT waived AND (severity = 'error' OR
    (severity = 'warning' AND (SELECT errors FROM archives WHERE id = f.archive) = 0))"""
_ENTRIES: Final = """SELECT a.id, a.path, a.format, a.verdict, a.errors, a.warnings, a.notes, a.images, a.blobs,
    a.bytes, a.audited, t.tool, {held} FROM archives a JOIN terms t ON t.id = a.terms"""
#: A name stands for the images that any archive has under it. They are the same images in archives that name them
#: otherwise, or not at all.
_NAMED: Final = """SELECT archive FROM images WHERE image_id IN (SELECT i.image_id FROM names n
    JOIN images i ON i.archive = n.archive AND i.number = n.image WHERE n.name IN ({names}))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An archive in a catalogue. `source` is its absolute path or its address, `rules` are why it failed.

    `audited` is the time, in UTC, and `tool` the version that audited it. `bytes` were read. `held_as` says, where it
    was asked what holds something, what that is in this archive: `image`, `manifest`, `layer`, `blob`, `diff_id` or
    `name`. It is `image` too where an image that has the name elsewhere is here under another one.
    """

    source: str
    format: str | None
    passed: bool
    errors: int
    warnings: int
    notes: int
    rules: tuple[str, ...]
    images: int
    blobs: int
    bytes: int
    audited: str
    tool: str
    held_as: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Totals of a catalogue. `reasons` has each rule for which archives failed and their number, most first.

    `first` and `last` are the times of the earliest and the latest audit, None where there is none.
    """

    passed: int
    failed: int
    reasons: tuple[tuple[str, int], ...]
    first: str | None
    last: str | None


class Catalogue:
    """A catalogue that is read, also while an audit writes it. Use it in a `with`, or close it.

    UsageError: no such file, no catalogue, or one of another version. HostError: it is damaged or cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._connection = open_to_read(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def summary(self) -> Summary:
        """Return the totals. HostError: the catalogue is damaged."""
        with reported(self.path):
            execute = self._connection.execute
            row = execute(
                "SELECT count(*) FILTER (WHERE verdict = 'passed'), count(*) FILTER (WHERE verdict = 'failed'),"
                " min(audited), max(audited) FROM archives"
            ).fetchone()
            reasons = execute(
                f"SELECT w.rule, count(*) FROM ({_WHY}) w JOIN archives a ON a.id = w.archive"  # noqa: S608  a constant
                " WHERE a.verdict = 'failed' GROUP BY w.rule ORDER BY count(*) DESC, w.rule"
            ).fetchall()
            return Summary(
                passed=row[0],
                failed=row[1],
                reasons=tuple((str(rule), n) for rule, n in reasons),
                first=_time(row[2]),
                last=_time(row[3]),
            )

    def archives(self, *, failed: bool = False, holds: str | None = None) -> Iterator[Entry]:
        """Give the archives by path: those that failed, or that hold a digest or a name. HostError: as above.

        A digest is that of an image, manifest, blob or layer, or a diff_id. A name is full, or as its archive has it;
        archives that hold an image of this name under another one are given too.
        """
        where: list[str] = []
        names = _spellings(holds) if holds is not None else ()
        marks = ", ".join(f"?{number}" for number in range(1, len(names) + 1))
        if failed:
            where.append("a.verdict = 'failed'")
        if names:
            named = _NAMED.format(names=marks)
            where.append(f"a.id IN (SELECT archive FROM held WHERE what IN ({marks}) UNION {named})")  # noqa: S608  numbers
        held = f"(SELECT kind FROM held WHERE archive = a.id AND what IN ({marks}) LIMIT 1)" if names else "NULL"  # noqa: S608  as above
        asked = f" WHERE {' AND '.join(where)}" if where else ""
        with reported(self.path):
            for row in self._connection.execute(f"{_ENTRIES.format(held=held)}{asked} ORDER BY a.path", names):
                yield self._entry(row, asked=bool(names))

    def _entry(self, row: tuple[object, ...], *, asked: bool) -> Entry:
        number, path, form, verdict, errors, warnings, notes, images, blobs, read, audited, tool, kind = row
        rules: tuple[str, ...] = ()
        if verdict == "failed":
            # not from `_WHY`, which would be made anew for each archive
            told = self._connection.execute(
                "SELECT DISTINCT rule FROM findings WHERE archive = ? AND NOT waived AND severity = ? ORDER BY rule",
                (number, "error" if errors else "warning"),
            )
            rules = tuple(str(rule) for (rule,) in told)
        return Entry(
            source=text_again(path),
            format=None if form is None else str(form),
            passed=verdict == "passed",
            errors=_count(errors),
            warnings=_count(warnings),
            notes=_count(notes),
            rules=rules,
            images=_count(images),
            blobs=_count(blobs),
            bytes=_count(read),
            audited=str(audited),
            tool=str(tool),
            held_as=str(kind or "image") if asked else None,
        )


def _time(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"no time: {str(value)[:80]}")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"no number: {str(value)[:80]}")
    return value


def _spellings(text: str) -> tuple[str, ...]:
    """Return how a catalogue may spell a digest or a name."""
    digest = Digest.maybe(text) or Digest.maybe(f"sha256:{text}")
    if digest is not None:
        return (str(digest),)
    name = Reference.maybe(text)
    return tuple(dict.fromkeys((text, *([str(name)] if name is not None else []))))
