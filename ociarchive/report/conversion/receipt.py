"""The receipt of a conversion: what every manifest, index, config and layer was and what it is now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import deflate
import zstandard

from ociarchive import documents
from ociarchive.auditing import Finding
from ociarchive.blobio.source import read_named
from ociarchive.errors import ContentError
from ociarchive.values import Digest
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing import Report
    from ociarchive.blobio.codec import Level
    from ociarchive.report.shared.facts import Object
    from ociarchive.transform.convert import Conversion
    from ociarchive.transform.plan import Storage
    from ociarchive.transform.rewrite import Change
    from ociarchive.values import JSON, Descriptor


#: What a receipt lists, each entry with its descriptor before and after.
KINDS: Final = ("manifests", "indexes", "configs", "layers")
#: A receipt has a few hundred bytes for each blob: this is one of some hundred thousand blobs.
MAX_RECEIPT: Final = 64 << 20


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
        },
        "manifests": _changes(conversion, "manifest"),
        "indexes": _changes(conversion, "index"),
        "configs": _changes(conversion, "config"),
        "layers": _changes(conversion, "layer"),
        "left_out": [{"what": left.what, "why": left.why} for left in conversion.left_out],
        "notices": [*conversion.notices],
    }
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def _levels(conversion: Conversion, asked: Level | None) -> JSON:
    """Return the level of each codec that was used; none where nothing was compressed anew."""
    used = {move.codec.name: move.codec.level(asked) for move in conversion.arrived if move.codec and move.codec.levels}
    return {**used} or None


def load_receipt(path: str) -> Object:
    """Return the receipt in a file. UsageError: there is none. ContentError: it is no receipt."""
    raw = read_named(path, "a receipt", MAX_RECEIPT)
    members = documents.parse(raw, path, limit=MAX_RECEIPT).members
    wrong = _wrong(members)
    if wrong is not None:
        raise ContentError(f"not a conversion's receipt: {wrong}", where=path)
    return members


def _wrong(members: Object) -> str | None:
    """Return what keeps a document from being a receipt, in the terms of `receipt.schema.json`; None where it is one.

    What is no receipt, or one of nothing, would hold for every archive.
    """
    tool, version = members.get("tool"), members.get("schema_version")
    if not isinstance(tool, dict) or tool.get("name") != "ociarchive":
        return "its tool is not ociarchive"
    if version is True or version != 1:
        return "its schema_version is not 1"
    if not isinstance(members.get("sources"), list) or not isinstance(members.get("destination"), dict):
        return "it does not name sources and a destination"
    count = 0
    for kind in KINDS:
        listed = members.get(kind)
        if not isinstance(listed, list):
            return f"{kind} is not a list"
        for number, entry in enumerate(listed):
            if not _is_change(entry, kind):
                return f"{kind}[{number}] does not say what a descriptor was and is"
        count += len(listed)
    return None if count else "it lists nothing that was converted"


def _is_change(entry: JSON, kind: str) -> bool:
    if not isinstance(entry, dict) or not _is_descriptor(entry.get("new")):
        return False
    if entry.get("old") is not None and not _is_descriptor(entry["old"]):
        return False
    diff_id = entry.get("diff_id")
    return kind != "layers" or diff_id is None or (isinstance(diff_id, str) and Digest.maybe(diff_id) is not None)


def _is_descriptor(value: JSON) -> bool:
    if not isinstance(value, dict):
        return False
    digest, size = value.get("digest"), value.get("size")
    return (
        isinstance(value.get("mediaType"), str)
        and isinstance(digest, str)
        and Digest.maybe(digest) is not None
        and isinstance(size, int)
        and not isinstance(size, bool)
        and size >= 0
    )


def check_receipt(receipt: Object, report: Report, path: str) -> Iterator[Finding]:
    """Give what a receipt says is in an archive and is not: manifests, indexes, configs and layers by their digests."""
    if report.evidence is None:
        return
    present: dict[str, set[str]] = {}
    for claim in report.evidence.claims:
        fact = report.evidence.fact(claim.source)
        if fact is not None:
            present.setdefault(str(claim.digest), set()).update(map(str, fact.diff_ids or ()))
    for kind in KINDS:
        listed = receipt.get(kind)
        for entry in listed if isinstance(listed, list) else []:
            new = entry.get("new") if isinstance(entry, dict) else None
            digest = new.get("digest") if isinstance(new, dict) else None
            diff_id = entry.get("diff_id") if isinstance(entry, dict) else None
            if not isinstance(digest, str) or not isinstance(entry, dict):
                continue
            gone = digest not in present
            changed = not gone and isinstance(diff_id, str) and bool(present[digest]) and diff_id not in present[digest]
            if gone or changed:
                yield Finding(
                    rule="receipt-mismatch",
                    severity="error",
                    message=f"the receipt lists {kind[:-1]} {digest}, which is not in the archive"
                    if gone
                    else f"the receipt gives layer {digest} another diff_id than it has",
                    location=report.source,
                    subject=digest,
                    expected=diff_id if changed and isinstance(diff_id, str) else digest,
                    found=path,
                )


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
    return entry


def _descriptor(descriptor: Descriptor | None) -> JSON:
    if descriptor is None:
        return None
    return {"mediaType": descriptor.media_type, "digest": str(descriptor.digest), "size": descriptor.size}
