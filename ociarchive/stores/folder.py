"""The storage folder of an engine: what the readers of its formats need beside named files."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from ociarchive.container import DirectoryContainer
from ociarchive.errors import ContentError, some
from ociarchive.stores.bounds import Bounds
from ociarchive.stores.rebuilt import Rebuilt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.container import Container
    from ociarchive.flaws import Flaws
    from ociarchive.values import Digest

#: Names that engines give to what they make: hex, sometimes with `-init` or other words behind it.
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}\Z")
#: Where each driver keeps a layer, below the folder of the driver's name: vfs, btrfs and zfs the whole tree up to the
#: layer, the others what it changes (moby, daemon/graphdriver; containers/storage, drivers).
_TREES: Final = {
    "overlay2": "{}/diff",
    "overlay": "{}/diff",
    "fuse-overlayfs": "{}/diff",
    "vfs": "dir/{}",
    "btrfs": "subvolumes/{}",
    "aufs": "diff/{}",
}
DRIVERS: Final = (*_TREES, "zfs", "devicemapper")
#: Beside the folder of a layer that was pulled in pieces for composefs (containers/storage, drivers/overlay/overlay.go,
#: DifferOutputFormatFlat).
_COMPOSEFS: Final = "composefs-data"
#: The longest small file: a digest, or a name.
_SHORT: Final = 1024


class Store:
    """The storage folder of an engine as the origin of an archive. Nothing in it is stored compressed as a whole."""

    kind: Literal["store"] = "store"
    damaged = False

    def __init__(self, container: Container) -> None:
        """`stored_size` is unlimited until a reader knows better: unpacked layers have no ratio to what is stored.

        ContentError: it is a tar, in which no layer can be looked up.
        """
        if not isinstance(container, DirectoryContainer):
            raise ContentError(
                "an engine's storage is read from a folder", where=container.where, hint="unpack the tar"
            )
        self.stored_size = sys.maxsize
        self.files = container
        self._bounds = Bounds(container.limits)
        self._limits = replace(container.limits, allowing=self._bounds.stored)
        self.where = container.where

    @property
    def limits(self) -> Limits:
        """What its readers allow. Unpacked layers have as many headers as what is stored of them allows."""
        return self._limits if self.stored_size == sys.maxsize else self.files.limits

    @property
    def flaws(self) -> Flaws:
        """The flaws found so far."""
        return self.files.flaws

    def close(self) -> None:
        """Close what is open."""
        self.files.close()

    def get(self, name: str) -> ByteSource | None:
        """Return a file, None where there is none."""
        return self.files.get(name)

    def text(self, name: str) -> str | None:
        """Return what a small file says, None where there is none or it is no such file."""
        source = self.files.get(name)
        if source is None or source.size > _SHORT:
            return None
        return b"".join(source.chunks()).decode("utf-8", "replace").strip()

    def layer(
        self, split: str, driver: str, name: str | None, diff_id: Digest, images: Iterable[str]
    ) -> Rebuilt | Absent:
        """Return a layer by the path of its tar-split file and the name of its folder, else why there is none.

        `images` are the names of those that have it, for messages.
        """
        source = self.files.get(split)
        if source is None:
            return Absent("tar-split-missing", f"the storage has no tar-split data of it ({split})")
        tree = _TREES.get(driver)
        if tree is None:
            return Absent("layer-not-rebuilt", f"the layers of the driver {driver} are not kept in folders")
        if name is None or not _PLAIN.match(name):
            return Absent("layer-not-rebuilt", "the storage does not say in which folder it lies")
        if self.files.below(f"{driver}/{name}/{_COMPOSEFS}") is not None:
            return Absent("layer-not-rebuilt", "composefs keeps its files by their digests, not by their names")
        place = f"{driver}/{tree.format(name)}"
        folder = self.files.below(place)
        if folder is None:
            return Absent("layer-not-rebuilt", f"its folder {place} is not in the storage")
        return Rebuilt(source, folder, f"{self.where}: {place}", diff_id, some(images), self.limits, self._bounds)


def layer_place(config: str, number: int) -> str:
    """Return the place in messages of an image's layer, counted from 0: where its config, at `config`, claims it."""
    return f"{config}#/rootfs/diff_ids/{number}"


class Absent:
    """Why a layer cannot be had: the rule that it breaks, and a sentence that says why."""

    __slots__ = ("rule", "why")

    def __init__(self, rule: str, why: str) -> None:
        self.rule, self.why = rule, why
