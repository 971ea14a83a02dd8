"""What a conversion is made from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One SOURCE of the call: a path and the selectors after it."""

    path: str
    images: tuple[str, ...] = ()
