"""Archives in which very many things share one large thing: a config, a platform, a history, annotations, a text.

Whatever is done with the large one for each of the many is work that grows with a product.
"""

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.hostile.parts import LAYER
from tests.support.build import (
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Image,
    Json,
    Node,
    artifact,
    digest,
    dumped,
    index,
    layout,
)
from tests.support.tar import Member, file, tar, write_tar

Build = Callable[[Path], None]
_LARGE = "a" * 8_000_000
_WIDE = "\u6f22"


def _tar(make: Callable[[], Iterable[Member]]) -> Build:
    return lambda path: void(write_tar(path, make()))


def _gzip(make: Callable[[], Iterable[Member]]) -> Build:
    return lambda path: void(path.write_bytes(gzip.compress(tar(make()), 6)))


def void(_: object) -> None:
    """Give nothing back."""


# Configs


def _entries_of_one_config(count: int) -> list[Member]:
    """Images without layers that manifest.json lists; all have one config."""
    config = Image(config_members={"author": _LARGE}).config
    return [file("manifest.json", dumped([{"Config": "c", "Layers": []}] * count)), file("c", config)]


def _artifacts_of_one_config(count: int) -> list[Member]:
    """What may be images but for their media types; all have one config, which has to be looked at for that."""
    rootfs = {"type": "layers", "diff_ids": [LAYER.diff_id]}
    config = dumped({"architecture": "amd64", "os": "linux", "author": _LARGE[:4_000_000], "rootfs": rootfs})
    kind = f"{OCI_LAYER}+other"
    held = {"mediaType": kind, "digest": LAYER.digest, "size": len(LAYER.stored)}
    blobs = {digest(config): config, LAYER.digest: LAYER.stored}
    described = {"mediaType": "application/vnd.example.x", "digest": digest(config), "size": len(config)}
    return layout(*(_manifest(described, [held], blobs, n=str(n)) for n in range(count)))


def _manifest(config: Json, layers: list[Json], blobs: dict[str, bytes], **annotations: str) -> Node:
    document = {"schemaVersion": 2, "config": config, "layers": layers, "annotations": annotations}
    raw = dumped(document)
    described = {"mediaType": OCI_MANIFEST, "digest": digest(raw), "size": len(raw)}
    return Node(described, {digest(raw): raw, **blobs})


# What entries share


def _many_times(node: Node, count: int) -> list[Member]:
    return layout(*(node.annotated(n=str(number)) for number in range(count)))


def _annotations(count: int, entries: int) -> list[Member]:
    noted = artifact(b"x", "application/vnd.example.x").annotated(**{f"a{number}": "" for number in range(count)})
    return _many_times(index([noted]), entries)


def _long_types(char: str, types: int, entries: int) -> list[Member]:
    """An artifact of very many long types, which stand in for its own."""
    name = digest(b"{}")
    empty = {"digest": name, "size": 2}
    held = [{"mediaType": f"{number}{char * 490}", **empty} for number in range(types)]
    return _many_times(_manifest({"mediaType": OCI_CONFIG, **empty}, held, {name: b"{}"}), entries)


#: By name: how it is built, the rule that refuses it, what it is compared with, and the calls that it aims at.
BUILT: dict[str, tuple[Build, str, Build | None, tuple[str, ...]]] = {
    "entries-20-000-of-one-large-config": (
        _gzip(lambda: _entries_of_one_config(20_000)), "", None, ("audit-json", "inspect", "convert-docker"),
    ),
    "artifacts-4-900-of-one-config": (
        _gzip(lambda: _artifacts_of_one_config(4900)), "", None, ("audit-json", "inspect"),
    ),
    "annotations-80-000-of-15-000-entries": (
        _tar(lambda: _annotations(80_000, 15_000)), "", None, ("inspect",),
    ),
    "layers-9-900-of-5-entries": (
        _tar(lambda: _many_times(Image(layers=[LAYER] * 9900).node(), 5)), "", None, ("inspect", "inspect-json"),
    ),
    "types-1-900-of-25-entries": (
        _gzip(lambda: _long_types(_WIDE, 1900, 25)), "", None, ("inspect", "inspect-verbose"),
    ),
}  # fmt: skip
