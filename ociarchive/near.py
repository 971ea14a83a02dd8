"""Similar words: what a person meant who wrote a name that does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.late import Late

if TYPE_CHECKING:
    import difflib
    from collections.abc import Iterable, Mapping
else:
    difflib = Late("difflib")

#: How alike two words have to be, 0 to 1: a letter too few, too many or out of place in a word of five.
_ALIKE: Final = 0.65
#: How much less alike than the nearest name another may be, to be offered beside it.
_BESIDE: Final = 0.1
_OFFERED: Final = 3


def nearest(word: str, names: Iterable[str], meant: Mapping[str, str] | None = None) -> list[str]:
    """Return the names that `word` may stand for, the likeliest first; empty where none is near.

    `meant` says of words that other programs have which names of ours do the same; it goes before likeness.
    """
    small = word.lower()
    if meant and small in meant:
        return [meant[small]]
    small = small.lstrip("-")
    by_small = {name.lower().lstrip("-"): name for name in names}
    found = difflib.get_close_matches(small, by_small, _OFFERED, _ALIKE)
    alike = [difflib.SequenceMatcher(None, one, small).ratio() for one in found]
    return [by_small[one] for one, ratio in zip(found, alike, strict=True) if ratio >= alike[0] - _BESIDE]


def repeat(option: str, text: str) -> str | None:
    """Return that an option is repeated, for a text that lists several values with commas; else None."""
    values = [one.strip() for one in text.split(",")]
    if len(values) < 2 or not all(values):  # noqa: PLR2004  one value is no list
        return None
    return f"{option} is repeated, once for each: {' '.join(f'{option} {one}' for one in values)}"


def hint(word: str, names: Iterable[str], meant: Mapping[str, str] | None = None) -> str | None:
    """Return `did you mean A or B?` for a word, None where nothing is near."""
    found = nearest(word, names, meant)
    return f"did you mean {' or '.join(found)}?" if found else None
