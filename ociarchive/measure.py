"""One pass over a blob makes the facts: what its bytes hash to, how they are stored, what they unpack to."""

from __future__ import annotations

from dataclasses import dataclass, replace
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


#: How many unpacked bytes a measurement keeps: what it takes to know a tar.
FIRST: Final = 512


class Tee(Protocol):
    """Who listens to a measurement, to the bytes as they are `stored` or else to what they unpack to.

    `waits` tells that taking bytes may wait for other workers, which only the layer's own thread may do.
    """

    stored: bool
    waits: bool

    def take(self, data: bytes) -> None:
        """Take the next bytes."""


class Progress(Protocol):
    """Who hears how the blobs of an archive are read. Calls come from several threads."""

    def begin(self, blobs: Sequence[tuple[str, int]]) -> None:
        """Hear of all blobs that will be read next: their places and sizes in bytes. Those of before are done."""

    def read(self, number: int, count: int) -> None:
        """Hear that `count` bytes of a blob, by its number among these, were read."""

    def end(self, number: int) -> None:
        """Hear that a blob is done."""


class Lane(Protocol):
    """Who makes calls one after another, at once or later (`ociarchive.workers.Lane`)."""

    def do(self, call: Callable[[bytes], object], data: bytes, /) -> None:
        """Call with these bytes; raises what an earlier call raised."""

    def end(self) -> None:
        """Wait until all is done; raises what a call raised."""

    def drop(self) -> None:
        """Give up what is not done yet."""


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

    `digests` are of the bytes as stored, `diff_ids` of what they unpack to, under every algorithm that was asked for
    and sha256. `compression` is the codec's name; `diff_ids` and `uncompressed_size` (bytes) are None where nothing
    was unpacked, or could not be to the end: then `damage` or `limit` says why. `padded` tells of zeros behind the
    stream; `first` has what the unpacked bytes begin with, a tar's block of them; `header` is the size in bytes of the
    longest text in the stream's headers. `tar` tells what is wrong with the tar that they are, or are to be; None where
    nothing was unpacked to its end.
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
    lane: Callable[[], Lane] = Here,
) -> Measured:
    """Read a source once to its end and return the facts. With `unpack` its codec is sniffed and undone.

    Hashing and, where it waits for nobody, the tee go through lanes of their own, which `lane` makes. What is unpacked
    is walked over as a tar, whatever it is.

    A stream that is damaged, or goes on behind its end, is a fact (`damage`), and so is one that unpacks to more than
    the limits allow (`limit`): its stored bytes are hashed to the end all the same. `tick` hears of each chunk read,
    in bytes, and may raise to end the work. ContentError: the source has fewer bytes than it should. HostError: it
    cannot be read.
    """
    codec = sniff(source.head(MAGIC))
    hashes = Hashes(algorithms)
    plain = codec is NONE  # what is stored plain is hashed as it stands
    unpacked = hashes if plain else Hashes(algorithms)
    stored = _Ear(hashes, lane, tee if tee and tee.stored else None)
    inner = _Ear(None if plain else unpacked, lane, tee if tee and not tee.stored else None)
    walk = Walk(limits)
    inner.tell(walk.take)
    unpacking = _Unpacking(codec, limits, source.where, inner) if unpack else None
    try:
        for chunk in source.chunks():
            stored.hear(chunk)
            if unpacking:
                unpacking.feed(chunk)
            if tick:
                tick(len(chunk))
        stored.end()
        inner.end()
        facts = Measured(digests=hashes.digests(), size=source.size, compression=codec.name)
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
    """Hears the bytes of one side, stored or unpacked: hashes them, where they are to be, and hands them to the tee."""

    def __init__(self, hashes: Hashes | None, lane: Callable[[], Lane], tee: Tee | None) -> None:
        self._calls: list[tuple[Lane, Callable[[bytes], object]]] = []
        if hashes is not None:
            self._calls.append((lane(), hashes.update))
        if tee is not None:
            self._calls.append((Here() if tee.waits else lane(), tee.take))

    def tell(self, call: Callable[[bytes], object]) -> None:
        """Have somebody hear the bytes at once, in the layer's own thread: who has little to do with each of them."""
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
        """Let go of what was not taken yet."""
        for lane, _ in self._calls:
            lane.drop()


class _Unpacking:
    """One stream on its way through its decoder, until it ends or shows that it is none."""

    def __init__(self, codec: Codec, limits: Limits, where: str, ear: _Ear) -> None:
        self._decoder = codec.decoder(limits.window, limits.gzip_header)
        self._guard = limits.guard(where)
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
        """End the stream; return the facts with what it unpacked to, by its hashes, or why it did not."""
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
        """Let go of the decoder."""
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
