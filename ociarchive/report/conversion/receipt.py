"""The receipt of a conversion: every manifest, index, config and layer, before and after."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import deflate
import zstandard

from ociarchive.version import VERSION

if TYPE_CHECKING:
    from ociarchive.auditing.listing import Object
    from ociarchive.blobio.codec import Level
    from ociarchive.transform.convert import Conversion
    from ociarchive.transform.plan import Storage
    from ociarchive.transform.rewrite import Change
    from ociarchive.values import JSON, Descriptor


def receipt_json(conversion: Conversion, storage: Storage, digests: dict[str, str | None]) -> str:
    """Return the receipt. `digests` has the sha256 of each source that is a file, by its path."""
    value: Object = {
        "schema_version": 1,
        "tool": {"name": "ociarchive", "version": VERSION},
        "codecs": {
            "gzip": {"library": "libdeflate", "module": f"deflate {deflate.__version__}"},
            "zstd": {
                "library": f"zstd {'.'.join(map(str, zstandard.ZSTD_VERSION))}",
                "module": f"zstandard {zstandard.__version__}",
            },
        },
        "options": {
            "compression": storage.compression,
            "level": storage.level if isinstance(storage.level, int) else _levels(conversion, storage.level),
            "media_types": storage.media_types,
            "preserve_digests": storage.preserve_digests,
        },
        "sources": [
            {
                "path": one.archive.where,
                "format": one.archive.format,
                "names": [str(name) for root in one.archive.roots for name in root.names],
                "sha256": digests.get(one.archive.where),
            }
            for one in conversion.sources
        ],
        "destination": {
            "path": conversion.dest,
            "format": conversion.format,
            "names": list(dict.fromkeys(str(name) for root in conversion.new_roots for name in root.names)),
            **_of_dest(conversion),
        },
        "manifests": _changes(conversion, "manifest"),
        "indexes": _changes(conversion, "index"),
        "configs": _changes(conversion, "config"),
        "layers": _changes(conversion, "layer"),
        "renames": [{"old": one.old, "new": str(one.new), "source": one.where} for one in conversion.renames],
        "left_out": [{"what": left.what, "why": left.why} for left in conversion.left_out],
        "notices": [*conversion.notices],
    }
    if conversion.written is not None:
        value["holds"] = conversion.written.holding.as_json()
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def _of_dest(conversion: Conversion) -> Object:
    """Return DEST's own digest and its parts, where it has them."""
    written = conversion.written
    made: Object = {}
    if written is not None and written.identity is not None:
        key = "sha256" if written.identity.algorithm == "sha256" else "dir_hash"
        made[key] = f"sha256:{written.identity.value}"
    if written is not None and written.parts is not None:
        made["parts"] = [
            {"name": part.name, "size": part.size, "sha256": f"sha256:{part.sha256}"} for part in written.parts.files
        ]
    return made


def _levels(conversion: Conversion, asked: Level | None) -> JSON:
    """Return the level of each codec that was used; none where nothing was compressed anew."""
    used = {move.codec.name: move.codec.level(asked) for move in conversion.arrived if move.codec and move.codec.levels}
    return {**used} or None


def _changes(conversion: Conversion, kind: str) -> list[JSON]:
    seen: dict[object, Change] = {}
    for change in conversion.changes:
        if change.kind == kind:
            seen.setdefault((change.old, change.new, change.diff_id, change.dropped), change)
    return [_change(change) for change in seen.values()]


def _change(change: Change) -> JSON:
    entry: Object = {"old": _descriptor(change.old), "new": _descriptor(change.new)}
    if change.kind == "layer":
        entry["diff_id"] = str(change.diff_id) if change.diff_id else None
        if change.dropped:
            entry["dropped"] = [*change.dropped]
    if change.made is not None:
        entry["made"] = f"the image ID is new: {change.made}"
    return entry


def _descriptor(descriptor: Descriptor | None) -> JSON:
    if descriptor is None:
        return None
    return {"mediaType": descriptor.media_type, "digest": str(descriptor.digest), "size": descriptor.size}
