"""Challenges: what a server says in WWW-Authenticate about who may ask (RFC 9110, 11.6.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A scheme, or a parameter of the scheme before it: `name=value` or `name="value"`.
_PART: Final = re.compile(
    r"[\s,]*(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<bare>[^\s,\"]*)))?"
)
_ESCAPED: Final = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One challenge. `scheme` and the names of `parameters` are in small letters."""

    scheme: str
    parameters: Mapping[str, str]

    @property
    def scopes(self) -> frozenset[str]:
        """What the server wants a token for (distribution, Token Authentication Specification)."""
        return frozenset(self.parameters.get("scope", "").split())


def challenges(header: str) -> tuple[Challenge, ...]:
    """Return the challenges of a header. What is no challenge is passed over."""
    found: list[tuple[str, dict[str, str]]] = []
    position = 0
    while (part := _PART.match(header, position)) is not None:
        position = part.end()
        quoted, bare = part["quoted"], part["bare"]
        if quoted is None and bare is None:
            found.append((part["name"].lower(), {}))
        elif found:
            found[-1][1].setdefault(part["name"].lower(), _ESCAPED.sub(r"\1", quoted) if quoted is not None else bare)
    return tuple(Challenge(scheme=scheme, parameters=parameters) for scheme, parameters in found)
