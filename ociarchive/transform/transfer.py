"""Transfer: every blob of a plan is measured on its way into DEST, and the result is compared with the claims."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.codec import MAGIC, NONE, sniff
from ociarchive.blobio.files import Aborted
from ociarchive.errors import ContentError, HostError, plural
from ociarchive.late import Late
from ociarchive.measure import Measured, measure
from ociarchive.remote.blob import Reading
from ociarchive.stores.rebuilt import Rebuilt
from ociarchive.transform.encode import Copier, Encoder
from ociarchive.transform.omitted import known_as
from ociarchive.transform.rewrite import Arrived
from ociarchive.values import Descriptor
from ociarchive.workers import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ociarchive.blobio.limits import Limits
    from ociarchive.measure import Progress
    from ociarchive.remote import upload
    from ociarchive.transform.judging import Judging
    from ociarchive.transform.options import Options
    from ociarchive.transform.plan import Move, Plan
    from ociarchive.transform.sink import Sink
    from ociarchive.values import Digest
    from ociarchive.workers import Workers
else:
    upload = Late("ociarchive.remote.upload")

#: How often a blob is sent again from its first byte, after a registry lost it.
_RESENT: Final = 3
#: Configs, and what else is as small: read although DEST has it, because what was read from it has to be proved.
_SMALL: Final = 4 << 20


class MisledError(Exception):
    """A layer is stored otherwise than its media type claims, so that the plan has to be made again from its bytes."""


class Moving:
    """The moves of one conversion and their results."""

    def __init__(
        self,
        plan: Plan,
        options: Options,
        judging: Judging,
        workers: Workers,
        progress: Progress | None,
    ) -> None:
        self._plan, self._options, self._judging = plan, options, judging
        self._workers, self._progress = workers, progress

    def run(self, sink: Sink) -> dict[Move, Arrived]:
        """Move every blob into the sink and return what it is there. ContentError: a claim is false.

        MisledError: the plan believed one that is false, and nothing else is wrong with it.
        """
        moves = self._plan.moves
        turns = {move: number for number, move in enumerate(self._plan.kept)}
        if self._progress:
            self._progress.begin([(move.source.where, move.source.size) for move in moves])

        order = _order([move.source.size or 0 for move in moves], self._workers.jobs)
        sources = [moves[number].source for number in order]
        # What is pushed to a registry is not read where the registry has it.
        with Reading(sources, sources if self._options.format.remote is None else ()) as reading:

            def call(number: int) -> Callable[[], Arrived]:
                return lambda: self._one(moves[number], number, turns.get(moves[number]), sink, reading)

            def given_up() -> None:
                sink.abort()
                reading.abort()

            try:
                results = self._workers.run([call(number) for number in order], given_up)
            except (Aborted, Cancelled) as error:
                raise HostError("the work was given up") from error
        found = dict(zip(order, results, strict=True))
        return {move: found[number] for number, move in enumerate(moves)}

    def _one(self, move: Move, number: int, turn: int | None, sink: Sink, reading: Reading) -> Arrived:
        """Move a blob, if DEST lacks it. What a registry lost on the way is read and sent again."""
        arrived = self._present(move, sink)
        tried = 0
        while arrived is None:
            try:
                arrived = self._moved(move, number, turn, sink)
            except upload.Resend:
                tried += 1
                if tried > _RESENT:
                    raise
        reading.done(move.source)
        if self._progress:
            self._progress.end(number)
        return arrived

    def _present(self, move: Move, sink: Sink) -> Arrived | None:
        """Return what a blob is that DEST has already, None where it lacks it. What claims contradict is not there.

        A layer is not read then. Small blobs are, because documents are read from them.
        """
        size = move.source.size
        if move.codec is not None or move.digest is None or size is None:
            return None
        how = self._judging.claimed(move.source)
        if move.digest not in how.digests or how.sizes - {size}:
            return None
        if not sink.exists(Descriptor.make("", move.digest, size)):
            return None
        if how.unpack or size > _SMALL:
            stored = sniff(move.source.head(MAGIC)).name
            fact = Measured(digests=(move.digest,), size=size, compression=stored)
        else:
            fact = measure(move.source, limits=how.limits, unpack=False, algorithms=how.algorithms)
            self._judging.learn(move.source, fact)
            self._require_uncontradicted(move)
        return Arrived(digest=move.digest, size=fact.size, compression=fact.compression, fact=fact, present=True)

    def _require_uncontradicted(self, move: Move) -> None:
        if self._judging.contradicted(move.source):
            self._judging.check()
            raise ContentError("content is not what is claimed of it", where=move.source.where)

    def _moved(self, move: Move, number: int, turn: int | None, sink: Sink) -> Arrived:
        """Move a blob. Without a turn it is left out: it is read and proved, and compressed only for its digest."""
        how = self._judging.claimed(move.source)
        slot = sink.blob(turn, move.digest) if turn is not None else _Nowhere()
        encoder = None
        if move.codec is not None and move.codec.encode:
            level = move.codec.level(self._options.storage.level)
            prove = move.source.where if self._options.audit else None
            encoder = Encoder(slot, move.codec, level, self._workers, prove=prove)

        def tick(count: int) -> None:
            self._workers.check()
            if self._progress:
                self._progress.read(number, count)

        try:
            # What is only copied was unpacked when the archive was opened, or is unpacked now.
            before = how.fact if move.codec is None and how.fact is not None and how.knows(how.fact) else None
            fact = measure(
                move.source,
                limits=how.limits,
                unpack=how.unpack and before is None,
                algorithms=how.algorithms,
                tee=encoder or Copier(slot, stored=move.codec is None),
                tick=tick,
                lane=self._workers.lane,
            )
            if before is not None and before.digests == fact.digests:
                fact = before
            self._judging.learn(move.source, fact)
            if isinstance(move.source, Rebuilt) and not move.source.proved_by(fact.diff_ids):
                raise move.source.explain(fact.diff_ids)
            self._require_uncontradicted(move)
            if self._plan.claimed.get(move.source, fact.compression) != fact.compression:
                raise MisledError
            arrived = _arrived(move, fact, encoder)
            left_out = self._plan.omitting.by(move, arrived.digest)
        except BaseException:
            slot.abandon()
            raise
        if left_out is None:
            slot.commit(arrived.digest)
            self._judging.prove(_of_dest(arrived, move, encoder))
        else:
            slot.discard()
            arrived = replace(arrived, left_out=left_out)
        return arrived


class _Nowhere:
    """The slot of a blob that is left out."""

    def write(self, data: bytes) -> None:
        """Write nothing."""

    def commit(self, digest: Digest) -> None:
        """It has no place."""
        raise RuntimeError(f"{digest} is left out")

    def discard(self) -> None:
        """Nothing was written."""

    def abandon(self) -> None:
        """Nothing is open."""


def _order(sizes: Sequence[int], jobs: int) -> list[int]:
    """Return the order in which blobs of these sizes are started.

    All workers but one start with the largest blobs, so that none of these is left for the end. The other blobs follow
    in their order, which is that of a tar's members. So most blobs are written in their turn and need not wait on the
    shelf.
    """
    largest = sorted(range(len(sizes)), key=lambda number: -sizes[number])[: jobs - 1]
    first = frozenset(largest)
    return [*largest, *(number for number in range(len(sizes)) if number not in first)]


def _arrived(move: Move, fact: Measured, encoder: Encoder | None) -> Arrived:
    """Return what a blob is in DEST: recompressed, unchanged, or unpacked."""
    if move.known is not None:
        there = known_as(move.known)
        return Arrived(digest=there.digest, size=there.size, compression=there.compression, fact=fact)
    if encoder is not None:
        return Arrived(digest=encoder.finish(), size=encoder.size, compression=encoder.codec.name, fact=fact)
    if move.codec is None:
        return Arrived(digest=move.digest or fact.digest, size=fact.size, compression=fact.compression, fact=fact)
    if fact.diff_id is None or fact.uncompressed_size is None:
        raise ContentError("layer does not unpack to its end", where=move.source.where)
    return Arrived(digest=fact.diff_id, size=fact.uncompressed_size, compression=move.codec.name, fact=fact)


def _of_dest(arrived: Arrived, move: Move, encoder: Encoder | None) -> Measured | None:
    """Return the facts of a blob in DEST as far as they are proved: by its blocks, by its digest, or as it is kept.

    DEST has still to be hashed: these are the facts of the bytes that were written.
    """
    fact = arrived.fact
    if fact.diff_ids is None or move.known is not None:
        return None
    if move.codec is None:
        return fact
    made = replace(fact, compression=arrived.compression, size=arrived.size, padded=False, header=0)
    if encoder is not None:
        return replace(made, digests=(arrived.digest,)) if encoder.proved else None
    # What was unpacked may itself be compressed: a reader unpacks it then.
    return replace(made, digests=fact.diff_ids) if sniff(fact.first) is NONE else None


def like_bombs(arrived: Iterable[Arrived], limits: Limits) -> Iterator[str]:
    """Give, in words, each blob of DEST whose compression ratio exceeds the limits for other people's archives."""
    for one in arrived:
        size = one.fact.uncompressed_size or 0
        if (
            one.left_out is None
            and one.compression != "none"
            and size > limits.ratio_from
            and size > limits.ratio * max(one.size, 1)
        ):
            times = -(-size // max(one.size, 1))
            yield (
                f"{one.digest}: it unpacks to {plural(times, 'time')} its size, and ociarchive reads archives of others"
                f" up to {plural(limits.ratio, 'time')}; who reads DEST with it needs --max-ratio {times}"
            )
