"""A comparison as JSON (schema_version 1, `schemas/diff.schema.json`)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ociarchive.comparison.difference import ASPECTS
from ociarchive.report.comparison.diff_words import sentence, word
from ociarchive.report.shared.pieces import written
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing.listing import Object
    from ociarchive.comparison.difference import (
        ArchiveSide,
        Difference,
        FileChange,
        Files,
        ImagePair,
        ImageSide,
        LayerPair,
        LayerSide,
    )
    from ociarchive.values import JSON


def diff_json(difference: Difference) -> Iterator[str]:
    """Give a comparison, in pieces. It depends on the archives and options alone, not on time or machine."""
    kept = [pair for pair in difference.images if pair.old is not None and pair.new is not None]
    listed = [layer.files for pair in kept for layer in pair.layers if layer.files is not None]
    files: JSON = {kind: sum(one.count(kind) for one in listed) for kind in ("added", "removed", "changed")}
    summary: Object = {
        "images": {kind: difference.count(kind) for kind in ("same", "changed", "added", "removed")},
        **{aspect: difference.found(aspect) for aspect in ASPECTS},
        "files": files if listed else None,
    }
    document: dict[str, object] = {
        "schema_version": 1,
        "tool": {"name": "ociarchive", "version": VERSION},
        "same": difference.same,
        "verdict": f"{word(difference)}: {sentence(difference)}",
        "ignored": [*sorted(difference.ignored)],
        "old": _archive(difference.old),
        "new": _archive(difference.new),
        "images": map(_pair, difference.images),
        "artifacts": [asdict(one) for one in difference.artifacts],
        "notes": [*difference.notes],
        "summary": summary,
    }
    yield from written(document, "\n")
    yield "\n"


def _archive(side: ArchiveSide) -> Object:
    return {
        "source": side.source,
        "selectors": [*side.selectors],
        "format": side.format,
        "images": side.images,
        "manifests": side.manifests,
        "layers": side.layers,
        "proved": side.proved,
        "compression": dict(side.codecs),
        "stored": side.stored,
        "blobs": side.blobs,
        "bytes": side.bytes,
    }


def _pair(pair: ImagePair) -> dict[str, object]:
    return {
        "kind": pair.kind,
        "matched_by": None if pair.by == "alone" else pair.by,
        "names_differ": pair.names,
        "repacked": pair.repacked,
        "old": _image(pair.old),
        "new": _image(pair.new),
        "layers": map(_layer_pair, pair.layers),
        "config": [asdict(change) for change in pair.config],
        "annotations": [asdict(change) for change in pair.annotations],
        "attestations": [asdict(one) for one in pair.attestations],
    }


def _image(side: ImageSide | None) -> Object | None:
    if side is None:
        return None
    return {
        "references": [*side.names],
        "ref_names": [*side.ref_names],
        "platform": side.platform,
        "os_version": side.os_version,
        "image_id": side.image_id,
        "manifests": [*side.manifests],
        "index": side.index,
        "media_type": side.media_type,
    }


def _layer_pair(pair: LayerPair) -> dict[str, object]:
    return {
        "kind": pair.kind,
        "old": _layer(pair.old),
        "new": _layer(pair.new),
        "files": _files(pair.files) if pair.files is not None else None,
    }


def _layer(side: LayerSide | None) -> Object | None:
    if side is None:
        return None
    facts: Object = asdict(side)
    facts["verified"] = facts.pop("proved")
    return facts


def _files(files: Files) -> dict[str, object]:
    return {"problem": files.problem, "same": files.same, "changes": map(_file, files.changes)}


def _file(change: FileChange) -> Object:
    return {
        "path": change.path,
        "kind": change.kind,
        "what": [*change.what],
        "old": asdict(change.old) if change.old is not None else None,
        "new": asdict(change.new) if change.new is not None else None,
    }
