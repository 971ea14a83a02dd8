"""Sizes as people write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ociarchive.late import Late

if TYPE_CHECKING:
    import fractions
else:
    fractions = Late("fractions")

#: `i` makes the steps 1,024; so does a letter alone, as for dd, docker and podman; `kB`, `MB` are of 1,000 (SI).
_SIZE: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?(?:([kmgt])(ib|b)?|b)?", re.IGNORECASE | re.ASCII)
_POWERS: Final = {"k": 1, "m": 2, "g": 3, "t": 4}


def parse(text: str) -> int:
    """Return the bytes that a text spells, `10GiB`, `1.5 GB`, `64M`, `512`; ValueError where it spells no size."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        msg = f"{text!r} is no size, such as 500MB, 10GiB or a number of bytes"
        raise ValueError(msg)
    number, letter, unit = found.groups()
    if not letter:
        if "." in number:
            msg = f"{text!r} is no whole number of bytes"
            raise ValueError(msg)
        return int(number)
    step = 1000 if unit is not None and unit.lower() == "b" else 1024
    return int(fractions.Fraction(number) * step ** _POWERS[letter.lower()])
