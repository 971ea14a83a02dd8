"""Signatures of sigstore, by public keys or by certificates: cosign's, its signed statements (DSSE), bundles.

What holds: the signature over its payload, by a key or an identity that the call names; and the payload's digest is
that of a manifest or index of this archive whose bytes have it. A digest that only its name claims is no basis for a
signature.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ociarchive.errors import ContentError
from ociarchive.signing.envelopes import OTHER_FORMAT, Signed, kind_of_blob, read, read_beside
from ociarchive.signing.keyless.entries import About
from ociarchive.signing.keyless.verify import logged, vouch
from ociarchive.signing.keys import Message, maker
from ociarchive.signing.scene import CERTIFIED, begins, beside
from ociarchive.signing.values import BY_KEY, NOBODY, UncheckedError
from ociarchive.signing.verdicts import held, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.signing.certificates import Certificate
    from ociarchive.signing.keyless.verify import KeylessTrust
    from ociarchive.signing.keys import Key, Made
    from ociarchive.signing.scene import Found, Scene, Trust
    from ociarchive.signing.values import Signature


def find(scene: Scene) -> Iterator[Found[Signed]]:
    """Give the signatures that may be by a public key, in the archive's order."""
    for holder in scene.holders():
        for blob in holder.node.blobs:
            kind = kind_of_blob(blob.descriptor.media_type) if blob.descriptor is not None else None
            if kind is None or blob.descriptor is None:
                continue
            content: Signed | ContentError
            try:
                raw = scene.payload(blob.source)
                content = read(kind, raw, blob.descriptor.annotations, blob.source.where if blob.source else blob.name)
            except ContentError as error:
                content = error
            yield holder.found(kind, blob, content)
    for blob in scene.archive.extras:
        if begins(blob, OTHER_FORMAT):
            kind = "cosign"
            try:
                kind, content = read_beside(scene.payload(blob.source), blob.name)
            except ContentError as error:
                content = error
            yield beside(kind, blob, content)


def check(found: Found[Signed], content: Signed, trust: Trust, scene: Scene) -> Iterator[Signature]:
    """Give the verdicts of a signature by the keys of a trust, or by its certificate."""
    for one in _checked(found, content, trust, scene):
        yield replace(one, attests=content.attests)


def _checked(found: Found[Signed], content: Signed, trust: Trust, scene: Scene) -> Iterator[Signature]:
    try:
        signed, message = _message(found, content, scene)
        scene.spend(len(signed.signatures) * sum(key.cost for key in trust.keys))
        made = maker(signed.signatures, trust.keys, message)
        if trust.logs is not None or (made is None and signed.certified is not None and trust.keyless is not None):
            scene.spend(CERTIFIED)
    except UncheckedError as error:
        yield verdict(found, "unchecked", error.what, by="unknown")
        return
    if made is not None:
        yield from _by_key(found, signed, message, made, trust, scene)
    elif signed.certified is not None and trust.keyless is not None:
        yield from _by_certificate(found, signed, message, trust.keyless, scene)
    else:
        yield _by_nobody(found, signed, trust)


def _message(found: Found[Signed], content: Signed, scene: Scene) -> tuple[Signed, Message]:
    """Return a signature and what it is over. UncheckedError: that is not in the archive, or too much."""
    if content.message is not None:
        return content, Message(content.message)
    about = scene.first_here(found.attached)
    if about is None:
        raise UncheckedError("the manifest that it signs is not in the archive")
    return replace(content, says=(about,)), scene.message(about)


def _about(signer: Key | Certificate, signature: bytes, message: Message, signed: Signed) -> About:
    """Return what a log's entry of a signature has to be about."""
    return About(
        signer=signer,
        signature=signature,
        message=message,
        payload=Message(signed.payload) if signed.payload is not None else None,
        blob=Message(signed.blob) if signed.blob else None,
    )


def _by_key(
    found: Found[Signed], signed: Signed, message: Message, made: Made, trust: Trust, scene: Scene
) -> Iterator[Signature]:
    """Give the verdicts of a signature by a key, and by what logs say of it where the call names logs."""
    by = f"{BY_KEY}{made.key}"
    more = "; the entry of a transparency log that goes with it was not checked" if signed.logged is not None else ""
    if made.weak:
        yield verdict(found, "untrusted", made.weak, by=by)
        return
    try:
        if trust.logs is not None:
            entries = signed.logged() if signed.logged is not None else ()
            more = logged(entries, _about(made.key, made.signature, message, signed), trust.logs)
    except UncheckedError as error:
        yield verdict(found, "unchecked", error.what, by=by)
    except ContentError as error:
        yield verdict(found, "invalid", error.what, by=by)
    else:
        yield from _said(found, signed, scene, by=by, when=signed.when, more=more)


def _said(
    found: Found[Signed], signed: Signed, scene: Scene, *, by: str, when: str | None, more: str
) -> Iterator[Signature]:
    """Give the verdicts of a signature that holds: by what its payload says."""
    if signed.fault is not None:
        yield verdict(found, "invalid", signed.fault, by=by)
    elif signed.other is not None:
        yield verdict(found, "unchecked", signed.other, by=by)
    else:
        told = f"{_statement(signed)}{more}"
        yield from held(found, signed.says, scene, by=by, when=when, reference=signed.reference, more=told)


def _statement(signed: Signed) -> str:
    if signed.attests is None:
        return ""
    said = f" and says {signed.result}" if signed.result is not None else ""
    return f"; it is a statement ({signed.attests}){said}, not the image's signature"


def _by_certificate(
    found: Found[Signed], signed: Signed, message: Message, trust: KeylessTrust, scene: Scene
) -> Iterator[Signature]:
    try:
        material = signed.certified() if signed.certified is not None else None
    except ContentError as error:
        yield verdict(found, "invalid", error.what, by="unknown")
        return
    if material is None:
        raise RuntimeError("a signature by a certificate has one")
    vouched = vouch(material, signed.signatures, _about(material.certificate, b"", message, signed), trust)
    if vouched.status != "valid":
        yield verdict(found, vouched.status, vouched.why, by=vouched.by)
    else:
        yield from _said(found, signed, scene, by=vouched.by, when=None, more=vouched.more)


def _by_nobody(found: Found[Signed], signed: Signed, trust: Trust) -> Signature:
    named = next((key for key in trust.keys for hint in signed.hints if key.meant_by(hint)), None)
    if named is not None:
        return verdict(found, "invalid", "it names this key and does not hold under it", by=f"{BY_KEY}{named}")
    if signed.certified is not None:
        why = "it is by a certificate (keyless), which a key cannot prove (--trusted-root FILE)"
        return verdict(found, "unchecked", why, by="a certificate")
    return verdict(found, "untrusted", "no key that the call names made it", by=NOBODY)
