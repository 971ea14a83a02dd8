"""delta.json: the list of layers that a delta leaves out, beside index.json.

A layout may lack blobs that it refers to (image-spec, image-layout.md, Blobs). The list says which of them are absent
on purpose. Whatever it does not list is missing as in any other archive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive import documents, schema
from ociarchive.elsewhere import Delta, Elsewhere
from ociarchive.errors import ContentError
from ociarchive.schema import Malformed
from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ociarchive.container import Container
    from ociarchive.graph import GraphReader
    from ociarchive.values import JSON

NAME: Final = "delta.json"
_VERSION: Final = 1
#: Why a layer was left out, where its blob is not known to be on the other side.
_CHAIN: Final = "chain"
_WHY: Final = "was left out of this delta, for the other side has it"


def read(container: Container, graph: GraphReader) -> Delta | None:
    """Return what an archive says that it leaves out, None where it says nothing. The graph's layers learn of it.

    A list that cannot be read is a flaw, and leaves nothing out. A JSON object of other members is no such list.
    """
    source = container.get(NAME)
    if source is None:
        return None
    where = f"{container.where}: {NAME}"
    before = graph.incomplete
    try:
        document = graph.read_document(source, container.limits.manifest_size)
        if not {"schema_version", "left_out"} <= document.members.keys():
            return None
        graph.elsewhere = _left_out(document.members)
    except (ContentError, Malformed) as error:
        graph.failed(error, where, NAME)
        graph.incomplete = before  # the list leads to no blob
        return None
    return Delta(where=where, left_out=graph.elsewhere)


def _left_out(members: dict[str, JSON]) -> dict[Digest, Elsewhere]:
    version = members["schema_version"]
    if not documents.is_whole(version) or version != _VERSION:
        what = "schema_version of a delta's list has the wrong value"
        raise Malformed(what, "/schema_version", expected=str(_VERSION), found=schema.shown(version))
    found: dict[Digest, Elsewhere] = {}
    for number, entry in enumerate(schema.list_in(members, "left_out")):
        pointer = f"/left_out/{number}"
        told = schema.object_in(entry, "what is left out", pointer)
        spelled = {"mediaType": told.get("media_type"), "digest": told.get("digest"), "size": told.get("size")}
        descriptor = schema.descriptor_in(spelled, pointer)
        diff_id = Digest.maybe(told.get("diff_id"))
        if diff_id is None and told.get("diff_id") is not None:
            shown = schema.shown(told["diff_id"])
            raise Malformed("diff_id is no digest", f"{pointer}/diff_id", expected="ALGORITHM:HEX or null", found=shown)
        by_chain = told.get("by") == _CHAIN
        elsewhere = Elsewhere(descriptor=descriptor, diff_id=diff_id, why=_WHY, by_chain=by_chain)
        found.setdefault(descriptor.digest, elsewhere)
    return found


def written(left_out: Iterable[Elsewhere], have: Iterable[tuple[str, str | None]]) -> bytes:
    """Return the list of what is left out. `have` are the inventories that decided, each with its sha256 in hex."""
    entries: list[JSON] = [
        {
            "digest": str(one.descriptor.digest),
            "size": one.descriptor.size,
            "media_type": one.descriptor.media_type,
            "diff_id": str(one.diff_id) if one.diff_id is not None else None,
            **({"by": _CHAIN} if one.by_chain else {}),
        }
        for one in left_out
    ]
    sources: list[JSON] = [{"source": name, "sha256": sha256} for name, sha256 in have]
    return documents.dump({"schema_version": _VERSION, "left_out": entries, "have": sources}) + b"\n"
