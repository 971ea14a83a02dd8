"""What a delta leaves out: the list of it, and the engines that can do without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive.elsewhere import Elsewhere
from ociarchive.formats import writable
from ociarchive.formats.format import LeftOut
from ociarchive.mediatypes import look_up
from ociarchive.model import images
from ociarchive.transform.rewrite import Arrived, Placed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ociarchive.formats.format import Format
    from ociarchive.gap.held import Held
    from ociarchive.model import Root
    from ociarchive.transform.omitting import By
    from ociarchive.transform.plan import Move, Plan
    from ociarchive.values import Descriptor, Digest

_WHY: Final[Mapping[By, str]] = {
    "blob": "the other side has this blob",
    "chain": "the other side has an image with this layer and all below it",
    "both": "the other side has this blob, and an image with this layer and all below it",
}
_CHAINS: Final = "Docker's classic store and podman, which look layers up by chain ID"
_BLOBS: Final = "Docker's containerd store and containerd, which look blobs up by digest"
_ASK: Final = "`ctr -n moby content ls -q` lists the blobs of Docker's containerd store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Omitted:
    """A layer that DEST leaves out, and how the other side has it."""

    elsewhere: Elsewhere
    by: By

    @property
    def left_out(self) -> LeftOut:
        """The layer and the reason, for the receipt."""
        return LeftOut(what=f"layer {self.elsewhere.descriptor.digest}", why=_WHY[self.by])


def known_as(descriptor: Descriptor) -> Placed:
    """Return the blob that the other side has, by the descriptor that it has there."""
    told = look_up(descriptor.media_type)
    codec = told.codec if told is not None else None
    return Placed(digest=descriptor.digest, size=descriptor.size, compression=codec or "none")


def omissions(roots: Sequence[Root], plan: Plan, arrived: Mapping[Move, Placed]) -> tuple[Omitted, ...]:
    """Return the layers of DEST that are left out, each once, in the order of the graph."""
    how: dict[Digest, By] = {}
    there: set[Digest] = set()
    for move, one in arrived.items():
        by = one.left_out if isinstance(one, Arrived) else _expected(move, one, plan)
        if by is None:
            there.add(one.digest)
        else:
            how.setdefault(one.digest, by)
    found: dict[Digest, Omitted] = {}
    for image in images(roots):
        for layer in image.layers:
            descriptor = layer.descriptor
            # One blob may be left out in one place and be needed in another. Then it is there.
            if descriptor is not None and descriptor.digest in how and descriptor.digest not in there:
                by = how[descriptor.digest]
                elsewhere = Elsewhere(
                    descriptor=descriptor, diff_id=layer.diff_id, why=_WHY[by], by_chain=by == "chain"
                )
                found.setdefault(descriptor.digest, Omitted(elsewhere=elsewhere, by=by))
    return tuple(found.values())


def _expected(move: Move, placed: Placed, plan: Plan) -> By | None:
    return plan.omitting.by(move, placed.digest) if plan.omitting.omits(move) else None


def engines(omitted: Sequence[Omitted], roots: Sequence[Root], fmt: Format, held: Held) -> Iterator[str]:
    """Say which engines load the delta of these roots, or why there is none."""
    by = {one.by for one in omitted}
    if not omitted:
        yield f"nothing is left out: the other side has no layer of it{_way_out(fmt, held)}"
    elif not writable(fmt).finds_chains:
        yield f"this is a delta for engines that have the rest: {_BLOBS}; podman loads it where it has these layers"
    elif by == {"both"}:
        yield "this is a delta for engines that have the rest: Docker, podman and containerd"
    elif "blob" not in by:
        yield f"this is a delta for engines that have the rest: {_CHAINS}; for others: {_ASK}"
    elif "chain" not in by:
        yield f"this is a delta for engines that have the rest: {_BLOBS}; other engines have not all layers in place"
    else:
        yield (
            "this is a delta that no one engine may be able to load: some layers are found by chain ID alone (Docker's"
            " classic store, podman), others by blob alone (containerd); make it of an inventory of one engine"
        )
    if omitted and sum(max(len(root.names), 1) for root in roots) > 1:
        packed = "" if fmt.layout is not None and fmt.layout.kind == "directory" else "-archive"
        yield f"`podman load` takes no delta of several names; `podman pull oci{packed}:DELTA:NAME` takes each of them"


def _way_out(fmt: Format, held: Held) -> str:
    if held.chains and not held.blobs and not writable(fmt).finds_chains:
        return "; `image inspect` lists no blobs, and only a docker-archive leaves layers out by it"
    return ""
