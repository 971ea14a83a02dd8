"""What an archive's receipt proved, as plain values for reports."""

from __future__ import annotations

from dataclasses import dataclass

from ociarchive.errors import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of the things that a receipt lists hold in the archive."""

    held: int
    listed: int

    def __str__(self) -> str:
        return f"{self.held} of {self.listed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptProof:
    """A receipt against which an archive was held, and what that proved.

    `path` is the file of the call, `sha256` the digest of its bytes (`sha256:...`). `by` says whose signature it has,
    None where it has none. Of the `names`, the `manifests` (with indexes) and the `blobs` (configs, layers and others)
    that the receipt lists some hold; None: it binds none, as receipts of older versions do not bind names. `file` says
    whether the archive's own digest, of its file or folder, is the one in the receipt; None: that was not compared.
    `unbound` says, in words, what the receipt does not bind or what could not be compared.
    """

    path: str
    sha256: str
    by: str | None = None
    names: Share | None = None
    manifests: Share | None = None
    blobs: Share | None = None
    file: bool | None = None
    unbound: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """What was proved, as one clause for people: `2 of 2 names, 3 of 3 manifests and 9 of 9 blobs hold`."""
        shares = (("name", self.names), ("manifest", self.manifests), ("blob", self.blobs))
        told = [f"{share.held} of {plural(share.listed, what)}" for what, share in shares if share is not None]
        first = f"{', '.join(told[:-1])} and {told[-1]} hold" if len(told) > 1 else f"{told[0]} hold" if told else ""
        if self.file is not None:
            file = f"the archive's own digest {'agrees' if self.file else 'is another'}"
            return f"{first}; {file}" if first else file
        return first or "it proves nothing"
