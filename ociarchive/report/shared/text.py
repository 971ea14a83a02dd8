"""Words for people: safe text, sizes in one system of units, digests cut to what a table holds."""

from __future__ import annotations

import re
import shlex
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ociarchive.errors import plural

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

_STEP: Final = 1024
_DIGITS: Final = re.compile(r"[0-9a-f]{64,}")
#: Blanks at which a line may end: none between a number and its unit.
_BLANK: Final = re.compile(r"(?<![0-9]) | (?!(?:s|B|[KMGTPE]iB)\b)")
#: Recognises a word that is a digest, and one that is a digest, or a path or name with one or more folders.
_DIGEST: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?:[0-9a-f]{64})?(?![0-9a-f])")
_COPIED: Final = re.compile(r"/|[0-9a-f]{64}")
#: Characters of the longest word that is kept whole for the digest in it.
_KEPT_WHOLE: Final = 160
#: ASCII and what this program itself draws with: one column each.
_NARROW: Final = re.compile("[ -~…─-▟]*")
#: Characters whose columns do not depend on what stands beside them: of Latin, Greek, Cyrillic, of mathematics, of East
#: Asia, punctuation, and what this program draws with. Emoji are none.
_ALONE: Final = re.compile(
    "[ -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0373\u0386-\u0482\u048a-\u052f\u1e00-\u1fff\u2010-\u2027\u2030-\u205e"
    "\u2200-\u22ff\u2500-\u259f\u2e80-\u2fd5\u3001-\u3029\u3030-\u303e\u3041-\u3096\u309b-\u33ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60\uffe0-\uffe6\U00020000-\U0003fffd]"
)
#: Control characters, which no safe text has.
_FILLS, _UNSURE = "\0", "\1"
#: Characters of what is remembered with its columns.
_SHORT: Final = 8
#: Characters that are looked at for each column: marks that take none stand above one another in a few.
_PER_COLUMN: Final = 8
#: Bytes that stand for themselves between the quotes of `$'...'`.
_PLAIN: Final = frozenset(range(0x20, 0x7F)) - frozenset(b"\\'")
#: Colours, as click sets them (ECMA-48, 8.3.117, SGR).
_STYLES: Final = re.compile("(\x1b\\[[0-9;]*m)")
_KEPT: Final = {ord("\n"): None, ord("\t"): None}
#: How many kinds of characters are remembered with what stands for them.
_KINDS: Final = 4096


class _Spelled(dict[int, str]):
    """What stands for each character, by its number: itself where it can be printed, else its escape."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        text = char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        if len(self) < _KINDS:
            self[code] = text
        return text


class _Spread(dict[int, str]):
    """What stands for each character in a text that is spread: itself, with one that fills where it takes two columns.

    A character whose columns depend on others has a mark instead.
    """

    def __missing__(self, code: int) -> str:
        char = chr(code)
        wide = columns(char) if _ALONE.match(char) else 0
        text = char + _FILLS if wide == 2 else char if wide == 1 else _UNSURE  # noqa: PLR2004  a column or two
        if len(self) < _KINDS:
            self[code] = text
        return text


_SPREAD: Final = _Spread()
_SAFE: Final = _Spelled()
#: The same for whole texts, in which lines end and tabs stand.
_HARMLESS: Final = _Spelled({ord(one): one for one in "\n\t"})
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
#: What stands for what this program draws with where there is ASCII alone, a character for each.
_IN_ASCII: Final = str.maketrans("…█▏▎▍▌▋▊▉└├│─", "~########`||-")


def columns(text: str) -> int:
    """Return how many columns a terminal needs for text without control characters."""
    if (text.isascii() and text.isprintable()) or _NARROW.fullmatch(text):
        return len(text)
    return _known(text) if len(text) <= _SHORT else _measured(text)


def _spread(text: str) -> str | None:
    """Return safe text that has as many characters as it takes columns; None where that is not sure."""
    if text.isascii():
        return text
    spread = text.translate(_SPREAD)
    return None if _UNSURE in spread else spread


def _gathered(spread: str) -> str:
    return spread.replace(_FILLS, "")


def _measured(text: str) -> int:
    import wcwidth  # noqa: PLC0415  it takes as long to load as all formats together

    return max(wcwidth.wcswidth(text), 0)


#: The same for characters and short words, which come again and again.
_known = lru_cache(4096)(_measured)


def safe(text: str) -> str:
    """Return text from an archive. Everything is escaped that could move a cursor or reverse the reading direction."""
    return text if text.isprintable() else text.translate(_SAFE)


def size(count: int | None) -> str:
    """Return a number of bytes for people; `?` where it is not known."""
    if count is None:
        return "?"
    value = float(count)
    for unit in _UNITS:
        if value < _STEP or unit == _UNITS[-1]:
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= _STEP
    return f"{count} B"


def images_said(images: int, manifests: int) -> str:
    """Return how many images there are; where one of them stands in several manifests, in how many they stand."""
    told = plural(images, "image")
    return told if images == manifests else f"{told} in {plural(manifests, 'manifest')}"


def total(counts: Iterable[int | None]) -> str:
    """Return the sum of sizes in bytes for people. Where only some are known it is `at least` their sum."""
    found = list(counts)
    known = sum(count for count in found if count is not None)
    if None not in found:
        return size(known)
    return f"at least {size(known)}" if known else size(None)


def portion(done: int, total: int) -> str:
    """Return how much of something is done, in the unit of the whole."""
    power = 0
    while total >= _STEP ** (power + 1) and power < len(_UNITS) - 1:
        power += 1
    if not power:
        return f"{done}/{total} B"
    return f"{done / _STEP**power:.1f}/{total / _STEP**power:.1f} {_UNITS[power]}"


def instruction(created_by: str) -> str:
    """Return what made a layer, without the shell that Docker's builder writes before it."""
    return created_by.removeprefix("/bin/sh -c #(nop) ").removeprefix("/bin/sh -c ").strip()


def shortened(text: str) -> str:
    """Return text with the digests in it cut to their first twelve digits."""
    return _DIGITS.sub(lambda found: found[0][:12], text)


def short(digest: str | None, *, whole: bool = False) -> str:
    """Return the first twelve digits of a digest, all of it where it is asked for; `-` for none."""
    if not digest:
        return "-"
    return digest if whole else digest.partition(":")[2][:12] or digest[:12]


def wrapped(text: str, width: int, indent: str, *, whole: bool = False) -> list[str]:
    """Return text in lines of at most `width` columns, broken at blanks where it can be, the later ones indented.

    A digest is never broken, with `whole` a path or name neither, so that it can be copied: its line may be wider.
    """
    text = safe(text)
    spread = _spread(text)
    if spread is not None and len(indent) < width:
        return _spread_in_lines(spread, width, indent, whole=whole)
    lines: list[str] = []
    line, words = "", list[str]()  # what a line begins with, and the words behind that
    used, size, gap = 0, 0, 0  # columns and characters of all that: nothing is measured again for each word
    for word in _BLANK.split(text):
        if size + gap + len(word) <= width * _PER_COLUMN and used + gap + (wide := columns(word)) <= width:
            if word or gap:
                words.append(word)
                used, size, gap = used + gap + wide, size + gap + len(word), 1
            continue
        line = _on(_line(line, words), word, width, indent, lines, whole=whole)
        words = []
        used, size, gap = columns(line), len(line), 1 if line.strip() else 0
    return [*lines, _line(line, words)]


def _spread_in_lines(text: str, width: int, indent: str, *, whole: bool) -> list[str]:
    """Return the lines of a text that is spread, as `wrapped` does: all words of a line are found at once."""
    lines: list[str] = []
    line, at = "", 0  # a line, and where the next word begins
    while at <= len(text):
        gap = 1 if line.strip() else 0
        while not gap and text.startswith(" ", at):
            at += 1
        most = at + width - columns(line) - gap
        end = len(text) if len(text) <= most else _last_blank(text, at, most)
        if end >= at:
            line = _line(line, [_gathered(text[at:end])]) if end > at or gap else line
            at = end + 1
        if at <= len(text):
            blank = _BLANK.search(text, at)
            end = blank.start() if blank else len(text)
            line = _on(line, _gathered(text[at:end]), width, indent, lines, whole=whole)
            at = end + 1
    return [*lines, line]


def _last_blank(text: str, start: int, last: int) -> int:
    """Return the last place at which a line may end, from `start` to `last`; a lower number where there is none."""
    while start <= last:
        last = text.rfind(" ", start, last + 1)
        if last < 0 or _BLANK.match(text, last):
            return last
        last -= 1
    return -1


def _on(line: str, word: str, width: int, indent: str, lines: list[str], *, whole: bool) -> str:
    """End a line before a word that does not fit in it any more, and return the next one, which has that word."""
    if line.strip():
        lines.append(line)
        line = indent
    if _COPIED.search(word) if whole else len(word) <= _KEPT_WHOLE and _DIGEST.search(word):
        rest = line + word
        return word if columns(rest) > width else rest
    return _broken(line + word, width, indent, lines)


def _line(line: str, words: Sequence[str]) -> str:
    """Return a line with words behind what it begins with."""
    if not words:
        return line
    return f"{line}{' ' if line.strip() else ''}{' '.join(words)}"


def _broken(word: str, width: int, indent: str, lines: list[str]) -> str:
    """Add a word that is too wide to lines, in pieces; return the last piece."""
    place, before = 0, ""
    while place < len(word):
        room = width - len(before)
        piece = word[place : place + width + 1]
        taken = cut_hard(piece, room)
        if len(taken) == len(piece) and place + len(piece) == len(word):
            break
        if not taken:  # nothing fits: too wide is better than an endless loop
            break
        lines.append(before + taken)
        place += len(taken)
        before = indent
    return before + word[place:]


def placed(lines: Iterable[str], margin: int, width: int) -> list[str]:
    """Return lines behind a margin, which is smaller where a line that cannot be broken needs the columns."""
    return [" " * min(margin, max(width - columns(line), 0)) + line for line in lines]


def command(words: str, call: Sequence[str], width: int, margin: int = 0) -> list[str]:
    """Return words that lead to a command, and the command in the spelling of a shell, which is never broken."""
    spelled = shell(call)
    line = f"{' ' * margin}{words} {spelled}"
    if columns(line) <= width:
        return [line]
    return [*placed(wrapped(words, width - margin, ""), margin, width), *placed([spelled], margin + 2, width)]


def shell(words: Iterable[str]) -> str:
    """Return words as a shell takes them; what cannot be printed is spelled in `$'...'`."""
    return " ".join(shlex.quote(word) if word.isprintable() else _dollar(word) for word in words)


def _dollar(word: str) -> str:
    raw = word.encode("utf-8", "surrogateescape")
    return "$'" + "".join(chr(byte) if byte in _PLAIN else f"\\x{byte:02x}" for byte in raw) + "'"


def cut_hard(text: str, width: int) -> str:
    """Return as many of the first characters as take at most `width` columns; marks stay with what they stand on."""
    if _NARROW.fullmatch(text):
        return text[: max(width, 0)]
    used, end = 0, 0
    for cluster in _clusters(text):
        used += columns(cluster)
        if used > width:
            return text[:end]
        end += len(cluster)
    return text


def _clusters(text: str) -> Iterator[str]:
    """Give characters with the marks behind them, which take no column of their own and may widen what they follow."""
    start = 0
    for number, char in enumerate(text):
        if number > start and (char.isascii() or columns(char)):
            yield text[start:number]
            start = number
    if text[start:]:
        yield text[start:]


def tail(text: str, width: int) -> str:
    """Return the end of a path in at most `width` columns, an ellipsis before it where something is left out."""
    longest = max(width, 1) * _PER_COLUMN
    text = safe(text[-longest - 1 :])
    if len(text) <= longest and columns(text) <= width:
        return text
    text = text[-longest:]
    used, start = 0, len(text)
    for cluster in reversed([*_clusters(text)]):
        used += columns(cluster)
        if used > width - 1:
            return "…" + text[start:]
        start -= len(cluster)
    return "…" + text


def cut(text: str, width: int) -> str:
    """Return text that takes at most `width` columns, an ellipsis where something was cut off."""
    longest = max(width, 1) * _PER_COLUMN
    text = safe(text[: longest + 1])
    if len(text) <= longest and columns(text) <= width:
        return text
    return cut_hard(text[:longest], width - 1) + "…"


def pad(text: str, width: int) -> str:
    """Return text filled up to `width` columns, wide characters counted as two."""
    return text + " " * max(width - columns(text), 0)


def widths(rows: Iterable[Sequence[str]]) -> list[int]:
    """Return how wide the columns of a table are, the last one apart."""
    found: list[int] = []
    for row in rows:
        cells = [columns(cell) for cell in row[:-1]]
        found = [max(pair) for pair in zip(found, cells, strict=True)] if found else cells
    return found


def aligned(row: Sequence[str], across: Sequence[int], right: Container[int] = ()) -> str:
    """Return a row of a table whose columns are so wide; those of `right` are aligned to the right.

    Nothing is filled up behind the last column, which may hold colours.
    """
    cells = [
        " " * (width - columns(cell)) + cell if number in right else pad(cell, width)
        for number, (cell, width) in enumerate(zip(row, across, strict=False))
    ]
    return "  ".join([*cells, row[-1]])


def bar(part: int, whole: int, width: int) -> str:
    """Return a bar of up to `width` columns, in eighths of a column."""
    if whole <= 0 or part <= 0:
        return ""
    eighths = round(part * width * 8 / whole)
    return "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")


def drawn(text: str, encoding: str | None) -> str:
    """Return text for a stream of an encoding, where that has no boxes and no ellipsis with what stands for them."""
    return text if (encoding or "ascii").lower().startswith("utf") else text.translate(_IN_ASCII)


def harmless(text: str, *, styled: bool = False) -> str:
    """Return a whole text, of lines, without anything that could control a terminal. `styled` keeps colours.

    Reports pass text from archives through `safe`. All output also passes through here, so that a forgotten `safe` does
    no harm.
    """
    parts = _STYLES.split(text) if styled else [text]
    return "".join(part if number % 2 else _lines(part) for number, part in enumerate(parts))


def _lines(text: str) -> str:
    if text.translate(_KEPT).isprintable():
        return text
    return text.translate(_HARMLESS)
