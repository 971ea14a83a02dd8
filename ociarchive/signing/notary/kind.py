"""Signatures of the Notary Project: where they are in an archive, and their verdicts.

Source: notaryproject/specifications, signature-specification.md, Storage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ociarchive.errors import ContentError
from ociarchive.signing.notary.cose import read_cose
from ociarchive.signing.notary.jws import read_jws
from ociarchive.signing.notary.verify import judge
from ociarchive.signing.values import BrokenError, UncheckedError
from ociarchive.signing.verdicts import held, verdict
from ociarchive.values import word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.model import Blob
    from ociarchive.signing.notary.envelope import Envelope
    from ociarchive.signing.scene import Found, Scene, Trust
    from ociarchive.signing.values import Signature

#: The artifact type of a signature manifest, or the media type of its config.
ARTIFACT_TYPE: Final = "application/vnd.cncf.notary.signature"
_WHY: Final = "Notary Project signatures are checked by a trust store (--trust-store DIR)"
_READ: Final = {"application/jose+json": read_jws, "application/cose": read_cose}


def find(scene: Scene) -> Iterator[Found[Any]]:
    """Give the signatures of the Notary Project, in the archive's order."""
    for holder in scene.holders():
        if holder.node.artifact_type != ARTIFACT_TYPE:
            continue
        # The first blob of a manifest is its config, which says what the artifact is.
        blobs = holder.node.blobs[1:]
        for blob in blobs:
            try:
                if len(blobs) > 1:
                    raise BrokenError("its manifest holds more than one signature")
                content: Envelope | ContentError = _read(scene, blob)
            except ContentError as error:
                content = error
            yield holder.found("notary", blob, content)


def _read(scene: Scene, blob: Blob) -> Envelope:
    media_type = blob.descriptor.media_type if blob.descriptor is not None else ""
    read = _READ.get(media_type)
    if read is None:
        raise UncheckedError(f"its envelope is {word(media_type) or 'of another type'}, which is not known here")
    return read(scene.payload(blob.source))


def check(found: Found[Any], content: Envelope, trust: Trust, scene: Scene) -> Iterator[Signature]:
    """Give the verdict of a signature."""
    if trust.notary is None:
        yield verdict(found, "unchecked", _WHY, by="unknown")
        return
    target = content.target
    # A policy is chosen by the name of what is signed, else of what it is attached to.
    about = target.digest if target.digest in scene.here or found.first is None else found.first
    try:
        judged = judge(content, trust.notary, scene.repositories(about))
    except BrokenError as error:
        yield verdict(found, "invalid", error.what, by="unknown")
        return
    if judged.status != "valid":
        yield verdict(found, judged.status, judged.why, by=judged.by)
        return
    document = scene.here.get(target.digest)
    if document is None or (found.attached and target.digest not in found.attached):
        yield from held(found, (target.digest,), scene, by=judged.by)
        return
    kinds = scene.media_types(target.digest)
    why = None
    if target.size != len(document.raw):
        why = f"it holds, but for {target.size} bytes, and this manifest has {len(document.raw)}"
    elif target.media_type not in kinds:
        signed = word(target.media_type) or "another media type"
        why = f"it holds, but for {signed}, and this manifest is {', '.join(sorted(kinds))}"
    if why is not None:
        yield verdict(found, "identity", why, by=judged.by)
    else:
        yield from held(found, (target.digest,), scene, by=judged.by, more=judged.more)
