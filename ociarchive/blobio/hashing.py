"""Hash functions by the name that digests give them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Hasher(Protocol):
    """What hashlib's objects can do, as far as it is needed here."""

    def update(self, data: bytes | memoryview, /) -> object:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """Return the hash of all bytes so far."""
        ...


def hasher(algorithm: str) -> Hasher | None:
    """Return a new hash object for a digest's algorithm, None where this machine has none for it."""
    make = _maker(algorithm)
    return make() if make else None


def _maker(algorithm: str) -> Callable[[], Hasher] | None:
    if algorithm == "sha256":
        return hashlib.sha256
    if algorithm == "sha512":
        return hashlib.sha512
    if algorithm == "blake3":
        try:
            from blake3 import blake3  # noqa: PLC0415  an extra, and slow to look for where it is not there
        except ImportError:
            return None
        return blake3
    return None


class Hashes:
    """Several hashes of one stream."""

    def __init__(self, algorithms: Iterable[str]) -> None:
        made = ((name, hasher(name)) for name in sorted({"sha256", *algorithms}))
        self._hashers = [(name, one) for name, one in made if one]

    def update(self, data: bytes) -> None:
        """Take more bytes."""
        for _, one in self._hashers:
            one.update(data)

    def digests(self) -> tuple[Digest, ...]:
        """Return the digest of all bytes so far under each algorithm that is known, sha256 among them."""
        return tuple(Digest(name, one.hexdigest()) for name, one in self._hashers)


def digest_of(data: bytes, algorithm: str) -> Digest | None:
    """Return the digest of bytes in memory, None where this machine cannot compute it."""
    one = hasher(algorithm)
    if one is None:
        return None
    one.update(data)
    return Digest(algorithm, one.hexdigest())


def sha256(data: bytes) -> Digest:
    """Return the sha256 digest of bytes in memory."""
    return Digest("sha256", hashlib.sha256(data).hexdigest())
