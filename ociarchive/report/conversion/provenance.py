"""The signed provenance of a conversion: SLSA provenance v1 in a DSSE envelope, with the receipt inside.

Source: slsa.dev, spec/v1.1/provenance.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ociarchive.auditing.provenance import BUILD_TYPE, as_byproduct
from ociarchive.auditing.receipts import receipt_of
from ociarchive.model import Image
from ociarchive.report.shared.surroundings import utc
from ociarchive.report.shared.versions import versions
from ociarchive.signing.predicates import SLSA
from ociarchive.signing.statement import signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ociarchive.auditing.listing import Object
    from ociarchive.report.shared.surroundings import Now
    from ociarchive.signing.private import Signer
    from ociarchive.transform.convert import Conversion
    from ociarchive.transform.sources import Gathered
    from ociarchive.values import JSON

#: Who made DEST, for `builder.id`: this program, run by whoever signs.
_BUILDER = "urn:ociarchive:convert"


def provenance(
    conversion: Conversion, receipt: str, digests: Mapping[str, str | None], times: tuple[Now, Now], signer: Signer
) -> bytes:
    """Return the envelope. `digests` has the sha256 of each source that is a file, by its path.

    `times` are when the conversion began and when it ended.
    """
    raw = receipt.encode("utf-8")
    members = json.loads(raw)
    made = receipt_of(members, raw, conversion.dest)
    sources: list[JSON] = [one for source in conversion.sources for one in _dependencies(source, digests)]
    known = {source.archive.where for source in conversion.sources}
    others = [(path, digest) for path, digest in digests.items() if path not in known and digest is not None]
    sources += [{"name": path, "digest": {"sha256": digest.partition(":")[2]}} for path, digest in others]
    began, ended = (utc(one.time) for one in times)
    predicate: Object = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "sources": [source.archive.where for source in conversion.sources],
                "destination": {key: members["destination"][key] for key in ("path", "format")},
                "options": members["options"],
            },
            "internalParameters": {"codecs": members["codecs"]},
            "resolvedDependencies": sources,
        },
        "runDetails": {
            "builder": {"id": _BUILDER, "version": {**versions()}},
            "metadata": {"startedOn": began, "finishedOn": ended},
            "byproducts": [as_byproduct(raw)],
        },
    }
    return signed(made.subjects, SLSA, predicate, signer)


def _dependencies(source: Gathered, digests: Mapping[str, str | None]) -> Iterator[Object]:
    """Give what a source is: a file by its digest; a folder or a registry, which is no file, by its manifests."""
    where = source.archive.where
    digest = digests.get(where)
    if digest is not None:
        yield {"name": where, "digest": {"sha256": digest.partition(":")[2]}}
        return
    for root in source.roots:
        found = root.descriptor.digest if root.descriptor is not None else None
        if found is None and isinstance(root.node, Image):
            found = root.node.image_id
        if found is not None:
            yield {"name": f"{where}#{root.label}", "digest": {found.algorithm: found.hex}}
