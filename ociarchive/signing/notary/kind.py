"""Signatures of the Notary Project: where they are in an archive, and their verdicts.

Source: notaryproject/specifications, signature-specification.md, Storage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ociarchive.errors import ContentError, plural
from ociarchive.signing.notary.cose import read_cose
from ociarchive.signing.notary.jws import read_jws
from ociarchive.signing.notary.verify import judge
from ociarchive.signing.scene import CERTIFIED
from ociarchive.signing.values import BrokenError, UncheckedError
from ociarchive.signing.verdicts import held, verdict
from ociarchive.values import word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.signing.notary.envelope import Envelope
    from ociarchive.signing.notary.verify import NotaryTrust
    from ociarchive.signing.scene import Found, Scene, Trust
    from ociarchive.signing.values import Signature
    from ociarchive.values import Digest

#: The artifact type of a signature manifest, or the media type of its config.
ARTIFACT_TYPE: Final = "application/vnd.cncf.notary.signature"
_WHY: Final = "Notary Project signatures are checked by a trust store (--trust-store DIR)"
_READ: Final = {"application/jose+json": read_jws, "application/cose": read_cose}


@dataclass(frozen=True, slots=True)
class _Held:
    """An envelope that nobody looked into: what it is by its media type, and its bytes."""

    media_type: str
    raw: bytes

    @property
    def says(self) -> tuple[Digest, ...]:
        """What it signs shows when it is read."""
        return ()


def find(scene: Scene) -> Iterator[Found[Any]]:
    """Give the signatures of the Notary Project, in the archive's order."""
    for holder in scene.holders():
        if holder.node.artifact_type != ARTIFACT_TYPE:
            continue
        # The first blob of an image manifest is its config, which says what the artifact is. Release candidates of the
        # image specification 1.1 had a manifest of artifacts alone, which has none (artifact.md).
        document = holder.node.document
        blobs = holder.node.blobs[1:] if document is None or "config" in document.members else holder.node.blobs
        for blob in blobs:
            media_type = blob.descriptor.media_type if blob.descriptor is not None else ""
            try:
                if len(blobs) > 1:
                    raise BrokenError("its manifest holds more than one signature")
                content: _Held | ContentError = _Held(media_type, scene.payload(blob.source))
            except ContentError as error:
                content = error
            yield holder.found("notary", blob, content)


def check(found: Found[Any], content: _Held, trust: Trust, scene: Scene) -> Iterator[Signature]:
    """Give the verdict of a signature. Without a trust store it is not looked into."""
    if trust.notary is None:
        yield verdict(found, "unchecked", _WHY, by="unknown")
        return
    try:
        scene.spend(CERTIFIED)
        yield from _checked(found, _read(content), trust.notary, scene)
    except UncheckedError as error:
        yield verdict(found, "unchecked", error.what, by="unknown")
    except ContentError as error:
        yield verdict(found, "invalid", error.what, by="unknown")


def _read(content: _Held) -> Envelope:
    read = _READ.get(content.media_type)
    if read is None:
        raise UncheckedError(
            f"its envelope is {word(content.media_type) or 'of another type'}, which is not known here"
        )
    return read(content.raw)


def _checked(found: Found[Any], content: Envelope, trust: NotaryTrust, scene: Scene) -> Iterator[Signature]:
    target = content.target
    # A policy is chosen by the name of what is signed, else of what it is attached to.
    about = target.digest if target.digest in scene.here or found.first is None else found.first
    chosen = trust.one_of_each(scene.repositories(about))
    scene.spend(CERTIFIED * (len(chosen) - 1))
    judged = judge(content, trust, chosen)
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
        why = f"it holds, but for {plural(target.size, 'byte')}, and this manifest has {len(document.raw)}"
    elif target.media_type not in kinds:
        signed = word(target.media_type) or "another media type"
        why = f"it holds, but for {signed}, and this manifest is {', '.join(sorted(kinds))}"
    if why is not None:
        yield verdict(found, "identity", why, by=judged.by)
    else:
        yield from held(found, (target.digest,), scene, by=judged.by, more=judged.more)
