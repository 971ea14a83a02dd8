"""One pass over a blob finds the facts: its digests, its compression, and what it unpacks to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Final, Protocol

from ociarchive.blobio.codec import MAGIC, NONE, StreamError, sniff
from ociarchive.blobio.hashing import Hashes
from ociarchive.blobio.limits import LimitError
from ociarchive.container.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ociarchive.blobio.codec import Codec
    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.container.walk import Walked
    from ociarchive.values import Digest


#: How many unpacked bytes a measurement keeps: enough to recognise a tar.
FIRST: Final = 512


class Tee(Protocol):
    """Receives the bytes of a measurement: as they are `stored`, or else unpacked.

    `waits` says that taking bytes may wait for other workers. Only the layer's own thread may wait.
    """

    stored: bool
    waits: bool

    def take(self, data: bytes) -> None:
        """Take the next bytes."""


class Progress(Protocol):
    """Receives the progress of reading an archive's blobs. Calls come from several threads."""

    def begin(self, blobs: Sequence[tuple[str, int | None]]) -> None:
        """Receive all blobs that will be read next: their places and sizes in bytes, None where it is unknown.

        Earlier blobs are done.
        """

    def read(self, number: int, count: int) -> None:
        """`count` bytes of a blob were read. The blob is given by its number among those announced."""

    def end(self, number: int) -> None:
        """A blob is done."""


class Lane(Protocol):
    """Makes calls one after another, at once or later (`ociarchive.workers.Lane`)."""

    def do(self, call: Callable[[bytes], object], data: bytes, /) -> None:
        """Call with these bytes; raises what an earlier call raised."""

    def end(self) -> None:
        """Wait until all is done; raises what a call raised."""

    def drop(self) -> None:
        """Cancel the calls that are not done yet."""


class Here:
    """A lane that makes each call at once."""

    def do(self, call: Callable[[bytes], object], data: bytes) -> None:
        """Call."""
        call(data)

    def end(self) -> None:
        """Nothing waits."""

    def drop(self) -> None:
        """Nothing waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The facts of one blob that was read to its end.

    `digests` are of the stored bytes, `diff_ids` of the unpacked bytes, under sha256 and every algorithm that was asked
    for. `compression` is the codec's name. `diff_ids` and `uncompressed_size` (bytes) are None without unpacking, and
    where it did not reach the end; then `damage` or `limit` says why. `padded` says that zeros follow the stream.
    `first` has the first unpacked bytes, one tar block. `header` is the size in bytes of the longest text in headers of
    the stream. `tar` says what is wrong with the unpacked tar. It is None where nothing was unpacked to the end.
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
    header: int = 0
    tar: Walked | None = None

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
    """Whether a claimed digest is among the facts; None where its algorithm cannot be computed here."""
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
    lane: Callable[[], Lane] = Here,
) -> Measured:
    """Read a source once to its end and return the facts. With `unpack` its codec is detected and decoded.

    Hashing runs in a lane of its own, which `lane` makes. The tee has one too if it never waits. All unpacked bytes
    are read as a tar, whatever they are.

    A stream that is damaged, or that has data after its end, is a fact (`damage`). So is one that unpacks to more than
    the limits allow (`limit`). Its stored bytes are still hashed to the end. `tick` receives the size of each chunk in
    bytes, and may raise to end the work. ContentError: the source has fewer bytes than it should. HostError: it cannot
    be read.
    """
    chunks = source.chunks()
    first = next(chunks, b"")  # the first bytes are not read twice
    codec = sniff(first if len(first) >= MAGIC or len(first) == source.size else source.head(MAGIC))
    hashes = Hashes(algorithms)
    plain = codec is NONE  # what is stored plain is hashed as it stands
    unpacked = hashes if plain else Hashes(algorithms)
    stored = _Ear(hashes, lane, tee if tee and tee.stored else None)
    inner = _Ear(None if plain else unpacked, lane, tee if tee and not tee.stored else None)
    walk = Walk(limits, source.where)
    inner.tell(walk.take)
    unpacking = _Unpacking(codec, limits, source.where, inner) if unpack else None
    try:
        size = 0
        for chunk in chain((first,) if first else (), chunks):
            size += len(chunk)
            stored.hear(chunk)
            if unpacking:
                unpacking.feed(chunk)
            if tick:
                tick(len(chunk))
        stored.end()
        inner.end()
        facts = Measured(digests=hashes.digests(), size=size, compression=codec.name)
        if unpacking is None:
            return facts
        facts = unpacking.finish(facts, unpacked)
        return replace(facts, tar=walk.finish()) if facts.diff_ids is not None else facts
    finally:
        stored.drop()
        inner.drop()
        if unpacking:
            unpacking.close()


class _Ear:
    """Receives the bytes of one side, stored or unpacked. Hashes them if needed, and passes them to the tee."""

    def __init__(self, hashes: Hashes | None, lane: Callable[[], Lane], tee: Tee | None) -> None:
        self._calls: list[tuple[Lane, Callable[[bytes], object]]] = []
        if hashes is not None:
            self._calls.append((lane(), hashes.update))
        if tee is not None:
            self._calls.append((Here() if tee.waits else lane(), tee.take))

    def tell(self, call: Callable[[bytes], object]) -> None:
        """Add a receiver that is called at once, in the layer's own thread. It must do little work for each byte."""
        self._calls.append((Here(), call))

    def hear(self, data: bytes) -> None:
        """Take the next bytes."""
        for lane, call in self._calls:
            lane.do(call, data)

    def end(self) -> None:
        """Wait until every byte was taken."""
        for lane, _ in self._calls:
            lane.end()

    def drop(self) -> None:
        """Drop the bytes that were not taken yet."""
        for lane, _ in self._calls:
            lane.drop()


class _Unpacking:
    """One stream that passes through its decoder, until it ends or proves to be no such stream."""

    def __init__(self, codec: Codec, limits: Limits, where: str, ear: _Ear) -> None:
        self._decoder = codec.decoder(limits.window, limits.gzip_header)
        self._guard = limits.guard(where, codec.name)
        self._ear = ear
        self._first = b""
        self._damage: str | None = None
        self._limit: str | None = None

    def feed(self, chunk: bytes) -> None:
        """Take stored bytes."""
        self._guard.stored += len(chunk)
        if self._damage is None and self._limit is None:
            self._take(self._decoder.feed(chunk))

    def finish(self, facts: Measured, hashes: Hashes) -> Measured:
        """End the stream. Return the facts with the hashes of the unpacked bytes, or why it could not be unpacked."""
        if self._damage is None and self._limit is None:
            try:
                self._decoder.finish()
            except StreamError as error:
                self._damage = error.what
        facts = replace(facts, header=self._decoder.header)
        if self._damage is not None or self._limit is not None:
            return replace(facts, damage=self._damage, limit=self._limit, first=self._first)
        return replace(
            facts,
            diff_ids=hashes.digests(),
            uncompressed_size=self._guard.size,
            padded=self._decoder.padded,
            first=self._first,
        )

    def close(self) -> None:
        """Release the decoder."""
        self._decoder.close()

    def _take(self, pieces: Iterable[bytes]) -> None:
        try:
            for piece in pieces:
                self._guard.unpacked(len(piece))
                if len(self._first) < FIRST:
                    self._first += piece[: FIRST - len(self._first)]
                self._ear.hear(piece)
        except StreamError as error:
            self._damage = error.what
        except LimitError as error:
            self._limit = f"{error.what}, {error.hint}"
