"""One pass over a blob makes the facts: what its bytes hash to, how they are stored, what they unpack to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from ociarchive.bytes.codec import MAGIC, NONE, StreamError, sniff
from ociarchive.bytes.hashing import Hashes
from ociarchive.bytes.limits import LimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ociarchive.bytes.codec import Codec
    from ociarchive.bytes.limits import Limits
    from ociarchive.bytes.source import ByteSource
    from ociarchive.values import Digest


#: How many unpacked bytes a measurement keeps: what it takes to know a tar.
FIRST: Final = 512


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
    was unpacked, or could not be to the end: then `damage` or `limit` says why. `padded` tells of zeros behind the
    stream; `first` has what the unpacked bytes begin with, a tar's block of them.
    """

    digests: tuple[Digest, ...]
    size: int
    compression: str
    diff_ids: tuple[Digest, ...] | None = None
    uncompressed_size: int | None = None
    damage: str | None = None
    limit: str | None = None
    padded: bool = False
    first: bytes = b""

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
    codec = sniff(source.head(MAGIC))
    stored = Hashes(algorithms)
    unpacking = _Unpacking(codec, limits, source.where, stored, algorithms, tee) if unpack and codec.decoder else None
    try:
        for chunk in source.chunks():
            stored.update(chunk)
            if tee:
                tee.stored(chunk)
            if unpacking:
                unpacking.feed(chunk)
            if tick:
                tick(len(chunk))
        facts = Measured(digests=stored.digests(), size=source.size, compression=codec.name)
        return unpacking.finish(facts) if unpacking else facts
    finally:
        if unpacking:
            unpacking.close()


class _Unpacking:
    """One stream on its way through its decoder, until it ends or shows that it is none."""

    def __init__(
        self, codec: Codec, limits: Limits, where: str, stored: Hashes, algorithms: Iterable[str], tee: Tee | None
    ) -> None:
        self._plain = codec is NONE
        self._decoder = codec.decoder(limits.window) if codec.decoder else None
        self._guard = limits.guard(where)
        self._hashes = stored if self._plain else Hashes(algorithms)
        self._tee = tee
        self._first = b""
        self._damage: str | None = None
        self._limit: str | None = None

    def feed(self, chunk: bytes) -> None:
        """Take stored bytes."""
        self._guard.stored += len(chunk)
        if self._decoder and self._damage is None and self._limit is None:
            self._take(self._decoder.feed(chunk))

    def finish(self, facts: Measured) -> Measured:
        """End the stream; return the facts with what it unpacked to, or why it did not."""
        if self._decoder and self._damage is None and self._limit is None:
            try:
                self._decoder.finish()
            except StreamError as error:
                self._damage = error.what
        if self._damage is not None or self._limit is not None:
            return replace(facts, damage=self._damage, limit=self._limit, first=self._first)
        return replace(
            facts,
            diff_ids=self._hashes.digests(),
            uncompressed_size=self._guard.size,
            padded=self._decoder is not None and self._decoder.padded,
            first=self._first,
        )

    def close(self) -> None:
        """Let go of the decoder."""
        if self._decoder:
            self._decoder.close()

    def _take(self, pieces: Iterable[bytes]) -> None:
        try:
            for piece in pieces:
                self._guard.unpacked(len(piece))
                if len(self._first) < FIRST:
                    self._first += piece[: FIRST - len(self._first)]
                if not self._plain:  # what is stored plain was hashed as it stands
                    self._hashes.update(piece)
                if self._tee:
                    self._tee.unpacked(piece)
        except StreamError as error:
            self._damage = error.what
        except LimitError as error:
            self._limit = f"{error.what}, {error.hint}"
