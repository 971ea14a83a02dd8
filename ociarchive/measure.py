"""One pass over a blob makes the facts: what its bytes hash to, how they are stored, what they unpack to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ociarchive.bytes.codec import MAGIC, StreamError, sniff
from ociarchive.bytes.hashing import Hashes
from ociarchive.bytes.limits import LimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ociarchive.bytes.limits import Limits
    from ociarchive.bytes.source import ByteSource
    from ociarchive.values import Digest


class Tee(Protocol):
    """Who listens to a measurement: `stored` gets the bytes as they are, `unpacked` what they unpack to."""

    def stored(self, data: bytes) -> None:
        """Take bytes as they stand."""

    def unpacked(self, data: bytes) -> None:
        """Take unpacked bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The facts of one blob that was read to its end.

    `digests` are of the bytes as stored, `diff_ids` of what they unpack to, under every algorithm that was asked for
    and sha256. `compression` is the codec's name; `diff_ids` and `uncompressed_size` (bytes) are None where nothing
    was unpacked, or could not be to the end: then `damage` says why.
    """

    digests: tuple[Digest, ...]
    size: int
    compression: str
    diff_ids: tuple[Digest, ...] | None = None
    uncompressed_size: int | None = None
    damage: str | None = None
    limit: str | None = None

    @property
    def digest(self) -> Digest:
        """The sha256 digest of the bytes as stored."""
        return _sha256(self.digests)

    @property
    def diff_id(self) -> Digest | None:
        """The sha256 digest of the unpacked bytes."""
        return _sha256(self.diff_ids) if self.diff_ids is not None else None


def _sha256(digests: tuple[Digest, ...]) -> Digest:
    return next(digest for digest in digests if digest.algorithm == "sha256")


def agrees(claim: Digest, facts: tuple[Digest, ...]) -> bool | None:
    """Whether a claimed digest is among the facts; None where its algorithm is one that nobody here can compute."""
    found = [fact for fact in facts if fact.algorithm == claim.algorithm]
    return claim in found if found else None


def measure(
    source: ByteSource,
    *,
    limits: Limits,
    unpack: bool,
    algorithms: Iterable[str] = (),
    tee: Tee | None = None,
    tick: Callable[[int], None] | None = None,
) -> Measured:
    """Read a source once to its end and return the facts. With `unpack` its codec is sniffed and undone.

    A stream that is damaged, or goes on behind its end, is a fact (`damage`), and so is one that unpacks to more than
    the limits allow (`limit`): its stored bytes are hashed to the end all the same. `tick` hears of each chunk read,
    in bytes, and may raise to end the work. ContentError: the source has fewer bytes than it should. HostError: it
    cannot be read.
    """
    head = source.head(MAGIC)
    codec = sniff(head)
    stored = Hashes(algorithms)
    if not unpack or codec.decoder is None:
        for chunk in source.chunks():
            stored.update(chunk)
            if tee:
                tee.stored(chunk)
            if tick:
                tick(len(chunk))
        return Measured(digests=stored.digests(), size=source.size, compression=codec.name)
    if codec.name == "none":
        for chunk in source.chunks():
            stored.update(chunk)
            if tee:
                tee.stored(chunk)
                tee.unpacked(chunk)
            if tick:
                tick(len(chunk))
        digests = stored.digests()
        return Measured(
            digests=digests, size=source.size, compression="none", diff_ids=digests, uncompressed_size=source.size
        )
    decoder = codec.decoder()
    unpacked = Hashes(algorithms)
    guard = limits.guard(source.where)
    damage = limit = None
    for chunk in source.chunks():
        stored.update(chunk)
        if tee:
            tee.stored(chunk)
        if damage is None and limit is None:
            guard.stored += len(chunk)
            try:
                for piece in decoder.feed(chunk):
                    guard.unpacked(len(piece))
                    unpacked.update(piece)
                    if tee:
                        tee.unpacked(piece)
            except StreamError as error:
                damage = error.what
            except LimitError as error:
                limit = f"{error.what}, {error.hint}"
        if tick:
            tick(len(chunk))
    if damage is None and limit is None:
        try:
            for piece in decoder.finish():
                unpacked.update(piece)
                if tee:
                    tee.unpacked(piece)
        except StreamError as error:
            damage = error.what
    whole = damage is None and limit is None
    return Measured(
        digests=stored.digests(),
        size=source.size,
        compression=codec.name,
        diff_ids=unpacked.digests() if whole else None,
        uncompressed_size=guard.size if whole else None,
        damage=damage,
        limit=limit,
    )
