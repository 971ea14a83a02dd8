"""Times as Go's package time reads them from JSON and writes them into it (Go 1.19)."""

from __future__ import annotations

import re
from typing import Final

#: What an absent time is.
ZERO: Final = "0001-01-01T00:00:00Z"
#: time.Parse with RFC3339 as its layout takes an hour of one digit, and a comma before the fraction.
_TIME: Final = re.compile(
    r"([0-9]{4}-([0-9]{2})-([0-9]{2})T)([0-9]{1,2})(:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]+))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))\Z"
)
_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_NANOSECONDS: Final = 9


def normal(text: str) -> str | None:
    """Return a time of RFC 3339 as Go writes it again, None where Go reads none.

    The offset stays, but none is `Z`. A fraction has no zeros at its end, and nine digits at most.
    """
    found = _TIME.match(text)
    if found is None:
        return None
    date, month, day, hour, rest, fraction, sign, hours, minutes = found.groups()
    if not _exists(int(date[:4]), int(month), int(day)) or not _is_clock(int(hour), rest):
        return None
    fraction = (fraction or "")[:_NANOSECONDS].rstrip("0")
    offset = 60 * int(hours or 0) + int(minutes or 0)
    zone = f"{sign}{offset // 60:02}:{offset % 60:02}" if offset else "Z"
    return f"{date}{int(hour):02}{rest}{'.' if fraction else ''}{fraction}{zone}"


def _exists(year: int, month: int, day: int) -> bool:
    if not 1 <= month <= len(_DAYS) or not 1 <= day <= _DAYS[month - 1]:
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return leap or (month, day) != (2, 29)


def _is_clock(hour: int, rest: str) -> bool:
    return hour < 24 and int(rest[1:3]) < 60 and int(rest[4:6]) < 60  # noqa: PLR2004  of a day, an hour, a minute
