"""Image manifest schema 1: what it says, and which bytes its digest is of.

Sources: distribution 2.8, docs/spec/manifest-v2-1.md and manifest/schema1; docker/libtrust, jsonsign.go
(ParsePrettySignature); moby 20.10, distribution/pull_v2.go (verifySchema1Manifest, fixManifestLayers, pullSchema1).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.blobio.hashing import sha256
from ociarchive.errors import plural
from ociarchive.late import Late
from ociarchive.mediatypes import SCHEMA1, SCHEMA1_SIGNED
from ociarchive.schema import Malformed, list_in, object_in, shown
from ociarchive.values import JSON, Descriptor, Digest, WrongValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ociarchive.documents import Document
    from ociarchive.oldimages import v1image
    from ociarchive.oldimages.v1image import V1
else:
    v1image = Late("ociarchive.oldimages.v1image")

#: Rules of the audit, by what is wrong.
_SIGNED: Final = "schema1-payload"
_CHAIN: Final = "schema1-chain"
_COUNT: Final = "schema1-history"
_SIGNATURES: Final = "signatures"
_BASE64: Final = re.compile(r"[A-Za-z0-9_-]*={0,2}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema1:
    """What a manifest says. `history` and `layers` begin with the base; `layers` are those that the image has.

    `top` is the v1 image whose config is the image's. `thrown` are blobs of steps without a layer: they are named, and
    no engine fetches them. `signatures` is the number of signatures, which nobody vouches for.
    """

    top: Document
    history: tuple[V1, ...]
    layers: tuple[Digest, ...]
    thrown: tuple[Digest, ...]
    signatures: int

    def config(self, diff_ids: Sequence[Digest]) -> bytes:
        """Return the config that Docker makes of the manifest when its layers unpack to these."""
        return v1image.config(self.top, diff_ids, self.history)


def is_one(members: dict[str, JSON]) -> bool:
    """Whether a document's members are those of a manifest of schema 1."""
    return "fsLayers" in members


def named(members: dict[str, JSON]) -> Iterator[Digest]:
    """Give the digests of the blobs that a manifest names, as far as they are digests."""
    listed = members.get("fsLayers")
    for one in listed if isinstance(listed, list) else ():
        digest = Digest.maybe(one.get("blobSum")) if isinstance(one, dict) else None
        if digest is not None:
            yield digest


def described(document: Document, media_type: str | None = None) -> Descriptor:
    """Return the descriptor of a manifest that is known by its bytes alone. Its digest is that of the `payload`.

    Where the payload cannot be found, it is of the bytes as they stand. `media_type` is what a server says, else the
    document's own, else the one that its members imply.
    """
    told = document.members.get("mediaType")
    implied = SCHEMA1_SIGNED if _SIGNATURES in document.members else SCHEMA1
    try:
        raw = payload(document)
    except Malformed:
        raw = document.raw
    return Descriptor.make(media_type or (told if isinstance(told, str) else implied), sha256(raw), len(raw))


def payload(document: Document) -> bytes:
    """Return the bytes that the digest of a manifest is of: of a signed one, what was signed (a JWS's payload).

    Each signature's protected header says how many bytes of the document are of it, and what follows these.
    Malformed: a signature does not say so, or two say different things, so that Docker refuses the manifest.
    """
    if _SIGNATURES not in document.members:
        return document.raw
    found: dict[tuple[int, bytes], None] = {}
    for number, one in enumerate(list_in(document.members, _SIGNATURES)):
        pointer = f"/{_SIGNATURES}/{number}"
        members = object_in(one, "a signature", pointer)
        found[_signed(members.get("protected"), document.raw, f"{pointer}/protected")] = None
    if len(found) != 1:
        what = "the signatures of the manifest are of different payloads" if found else "the manifest has no signature"
        raise Malformed(what, f"/{_SIGNATURES}", _SIGNED)
    ((length, tail),) = found
    return document.raw[:length] + tail


def _signed(protected: JSON, raw: bytes, pointer: str) -> tuple[int, bytes]:
    """Return how many bytes of the document were signed, and what follows them."""
    header = _decoded(protected, pointer)
    try:
        value = documents.parse(header, "the protected header of a signature", limit=len(header)).members
    except documents.DocumentError as error:
        raise Malformed(f"the protected header of a signature: {error.what}", pointer, _SIGNED) from None
    length = value.get("formatLength")
    if not documents.is_whole(length) or not 0 < length <= len(raw):
        what = "a signature does not say of how many bytes of the document it is"
        raise Malformed(what, pointer, _SIGNED, expected=f"formatLength up to {len(raw)}", found=shown(length))
    return length, _decoded(value.get("formatTail"), pointer)


def _decoded(text: JSON, pointer: str) -> bytes:
    if isinstance(text, str) and _BASE64.match(text):
        try:
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except binascii.Error:
            pass
    raise Malformed("a part of a signature is no base64url", pointer, _SIGNED, found=shown(text))


def read(document: Document, where: str, parse: Callable[[bytes, str], Document]) -> Schema1:
    """Return what a manifest says. `parse` reads the documents in it, each with its place.

    Malformed: Docker 20.10 does not take it. DocumentError: a document in it is not strict JSON.
    """
    raw = payload(document)
    said = document.members
    signatures = 0
    if raw != document.raw:
        signatures = len(list_in(document.members, _SIGNATURES))
        said = parse(raw, where).members
        if said != {key: value for key, value in document.members.items() if key != _SIGNATURES}:
            what = "what was signed is another manifest than the document around it"
            raise Malformed(what, rule="document-ambiguous")
    version = said.get("schemaVersion")
    if not documents.is_whole(version) or version != 1:
        raise Malformed("schemaVersion has the wrong value", "/schemaVersion", expected="1", found=shown(version))
    sums, compatible = list_in(said, "fsLayers"), list_in(said, "history")
    if len(sums) != len(compatible) or not sums:
        raise Malformed(
            "a manifest of schema 1 has one entry of history for each layer", "/history", _COUNT,
            expected=plural(len(sums), "entry", "entries") if sums else "some entries", found=str(len(compatible)),
        )  # fmt: skip
    history = [_v1(_document(one, number, where, parse), number) for number, one in enumerate(compatible)]
    kept = _chain(history)
    digests = [_digest(one, number) for number, one in enumerate(sums)]
    layers = tuple(digests[number] for number in reversed(kept) if not history[number].throwaway)
    beside = set(layers)
    return Schema1(
        top=_document(compatible[kept[0]], kept[0], where, parse),
        history=tuple(history[number] for number in reversed(kept)),
        layers=layers,
        thrown=tuple(dict.fromkeys(one for one in digests if one not in beside)),
        signatures=signatures,
    )


def _digest(entry: JSON, number: int) -> Digest:
    pointer = f"/fsLayers/{number}"
    text = object_in(entry, "an entry of fsLayers", pointer).get("blobSum")
    try:
        return Digest.parse(text)
    except WrongValueError as error:
        raise Malformed(
            f"a blobSum is no digest: {error.what}", f"{pointer}/blobSum", "digest-malformed",
            expected=error.expected, found=error.found,
        ) from None  # fmt: skip


def _document(entry: JSON, number: int, where: str, parse: Callable[[bytes, str], Document]) -> Document:
    """Return the v1 image in an entry. They are read one by one, since all together may take much memory."""
    pointer = f"/history/{number}"
    text = object_in(entry, "an entry of history", pointer).get("v1Compatibility")
    if not isinstance(text, str):
        what = "v1Compatibility has the wrong type"
        raise Malformed(what, f"{pointer}/v1Compatibility", expected="a string", found=shown(text))
    place = f"{where}#{pointer}/v1Compatibility"
    return parse(text.encode("utf-8", "surrogatepass"), place)


def _v1(document: Document, number: int) -> V1:
    try:
        return v1image.read(document, throwaways=True)
    except Malformed as error:
        error.pointer = f"/history/{number}/v1Compatibility{error.pointer}"
        raise


def _chain(found: Sequence[V1]) -> list[int]:
    """Return the numbers of the entries that count: of equal ids in a row the last. Malformed: it is no chain."""
    seen: dict[str, int] = {}
    for number, one in enumerate(found):
        place = f"/history/{number}/v1Compatibility"
        if not v1image.ID.match(one.id):
            what = "the id of a v1 image is no 64 hexadecimal digits"
            raise Malformed(what, f"{place}/id", _CHAIN, expected="64 of 0-9a-f", found=shown(one.id))
        if seen.setdefault(one.id, number) != number and found[number - 1].id != one.id:
            raise Malformed("a v1 image stands twice in the history", f"{place}/id", _CHAIN, found=one.id)
    if found[-1].parent:
        place = f"/history/{len(found) - 1}/v1Compatibility/parent"
        what = "the base of the image has a parent, which is not in the manifest"
        raise Malformed(what, place, _CHAIN, expected="no parent", found=shown(found[-1].parent))
    last = len(found) - 1
    kept = [number for number in range(len(found)) if number == last or found[number].id != found[number + 1].id]
    for number in kept[:-1]:
        if found[number].parent != found[number + 1].id:
            raise Malformed(
                "the parent of a v1 image is not the next one of the history",
                f"/history/{number}/v1Compatibility/parent", _CHAIN,
                expected=found[number + 1].id, found=shown(found[number].parent),
            )  # fmt: skip
    return kept
