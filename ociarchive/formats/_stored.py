"""Shared by the formats of engines that keep layers unpacked: the layers of images, each looked up once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ociarchive.stores.folder import Absent, layer_place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ociarchive.graph import Found, GraphReader
    from ociarchive.model import Image
    from ociarchive.stores.folder import Store
    from ociarchive.stores.rebuilt import Rebuilt
    from ociarchive.values import Digest

#: What has a layer that no image of the storage has.
_OTHERS: Final = "an image in another storage"


@dataclass(slots=True)
class Chains:
    """The layers of a storage by the names that it has for them. `users` are the images that have each layer."""

    store: Store
    graph: GraphReader
    users: Mapping[str, Sequence[str]]
    _found: dict[str, Rebuilt | Absent] = field(default_factory=dict)

    def layer(self, key: str, split: str, driver: str, folder: str | None, diff_id: Digest) -> Rebuilt | Absent:
        """Return the layer that the storage calls `key`, else why there is none. Perhaps no image here has it."""
        if key not in self._found:
            users = dict.fromkeys(self.users.get(key, (_OTHERS,)))
            self._found[key] = self.store.layer(split, driver, folder, diff_id, users)
        return self._found[key]

    def image(self, bare: Image, found: Sequence[Rebuilt | Absent | None], label: str) -> Image:
        """Return an image with these layers. What is wrong with one of them is a flaw at the image's config."""
        where = bare.config.source.where if bare.config.source is not None else self.store.where
        layers: list[Found] = []
        for number, one in enumerate(found):
            diff_id = str(bare.diff_ids[number]) if number < len(bare.diff_ids) else f"layer {number + 1}"
            if isinstance(one, Absent):
                what = f"layer {number + 1} of {label} cannot be rebuilt: {one.why}"
                self.graph.flaw(one.rule, what, layer_place(where, number), diff_id)
            layers.append((None, None if isinstance(one, Absent) else one, diff_id))
        return self.graph.image_of(bare.config, tuple(layers))
