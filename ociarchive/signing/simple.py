"""Simple signing: messages that GPG signed, beside the image in a `dir`.

Sources: containers-signature(5); the names of the files: containers/image, directory/directory_transport.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.errors import ContentError, plural
from ociarchive.signing import gpgv
from ociarchive.signing.envelopes import OTHER_FORMAT
from ociarchive.signing.openpgp import joined
from ociarchive.signing.scene import begins, beside
from ociarchive.signing.values import NOBODY, UncheckedError, shown_seconds
from ociarchive.signing.verdicts import held, verdict
from ociarchive.values import Digest, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.signing.scene import Found, Scene, Trust
    from ociarchive.signing.values import Signature
    from ociarchive.values import JSON

#: Each costs a process. Real images have one or two.
_CHECKED: Final = 256
#: What a process takes, and what it takes to read a keyring, as the bytes of signatures that are read in the same time.
_PROCESS: Final = 8 << 10
_KEYRING: Final = 32
_ARMOR: Final = b"-----BEGIN PGP MESSAGE-----"
#: containers-signature(5), critical.type.
_TYPE: Final = "atomic container signature"
#: RFC 4880, 9.4.
_WEAK: Final = {"1": "MD5", "2": "SHA1", "3": "RIPEMD160"}
_NO_KEY: Final = "9"
#: RFC 4880, 5.2.1: a signature over the bytes as they are, no text with other ends of lines.
_BINARY: Final = "00"
#: A line of status has no more words that are looked at.
_NOTHING: Final = ("",) * 11
_ENDS: Final = ("GOODSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "BADSIG", "ERRSIG")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A signed message. Nothing that it says is read before its signature holds (containers-signature(5))."""

    raw: bytes
    says: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Payload:
    digest: Digest
    reference: str
    when: str | None


def find(scene: Scene) -> Iterator[Found[Message]]:
    """Give the signatures that lie beside the images, in the archive's order."""
    for number, blob in enumerate(one for one in scene.archive.extras if not begins(one, OTHER_FORMAT)):
        content: Message | ContentError
        try:
            if number >= _CHECKED:
                raise UncheckedError(f"of signatures by GPG {_CHECKED} of an archive are checked")
            content = Message(raw=scene.payload(blob.source))
        except ContentError as error:
            content = error
        yield beside("simple-signing", blob, content)


def check(found: Found[Message], content: Message, trust: Trust, scene: Scene) -> Iterator[Signature]:
    """Give the verdict of a signature by the keyrings of a trust."""
    if not trust.keyrings:
        yield verdict(found, "unchecked", "no keyring is named that has its key", by="unknown")
        return
    if not (content.raw[:1] >= b"\x80" or content.raw.startswith(_ARMOR)):
        yield verdict(found, "invalid", "it is no signed message of OpenPGP", by="unknown")
        return
    keys = joined(trust.keyrings)
    try:
        scene.spend(_PROCESS + len(keys) // _KEYRING)
    except UncheckedError as error:
        yield verdict(found, "unchecked", error.what, by="unknown")
        return
    answer = gpgv.verify(trust.gpgv, content.raw, keys)
    if answer.failed is not None:
        yield verdict(found, "unchecked", answer.failed, by="unknown")
        return
    ends = answer.of(*_ENDS)
    if len(ends) != 1 or len(answer.of("NEWSIG")) != 1:
        why = (
            f"it has {plural(len(ends), 'signature')}, where one is expected"
            if ends
            else "it is no signed message of OpenPGP"
        )
        yield verdict(found, "invalid", why, by="unknown")
        return
    yield from _judged(found, answer, ends[0], trust, scene)


def _judged(
    found: Found[Message], answer: gpgv.Answer, end: tuple[str, ...], trust: Trust, scene: Scene
) -> Iterator[Signature]:
    """Give the verdict on the one signature of a message, by the line with which gpgv ends what it says of it."""
    by = _maker(answer, end, trust)
    valid = answer.of("VALIDSIG")
    if end[0] == "BADSIG":
        yield verdict(found, "invalid", "it names this key and does not hold under it", by=by)
    elif end[0] == "ERRSIG":
        yield _failed(found, end, by)
    elif len(valid) == 1 and len(valid[0]) >= len(_NOTHING) and end[0] == "EXPSIG":
        yield verdict(found, "invalid", f"it expired at {_time(valid[0][4]) or 'a time that is past'}", by=by)
    elif len(valid) != 1 or len(valid[0]) < len(_NOTHING) or not answer.good:
        yield verdict(found, "invalid", "gpgv does not accept it", by=by)
    elif valid[0][9] != _BINARY:
        yield verdict(found, "invalid", "it is over text, not over bytes", by=by)
    elif (why := _weak(answer, end, valid[0], trust)) is not None:
        yield verdict(found, "untrusted", why, by=by)
    else:
        try:
            payload = _payload(answer.payload, found.where)
        except ContentError as error:
            yield verdict(found, "invalid", error.what, by=by)
            return
        yield from held(found, (payload.digest,), scene, by=by, when=payload.when, reference=payload.reference)


def _maker(answer: gpgv.Answer, end: tuple[str, ...], trust: Trust) -> str:
    """Return whose a signature is, by the key of a keyring that gpgv found for it."""
    considered = [line[1] for line in answer.of("KEY_CONSIDERED", "VALIDSIG") if len(line) > 1]
    if not considered:
        return NOBODY
    fingerprint = considered[-1]
    user = word(" ".join(end[2:])) if end[0] != "ERRSIG" else None
    known = next((ring.keys[fingerprint] for ring in trust.keyrings if fingerprint in ring.keys), None)
    said = ", ".join(filter(None, (known.algorithm if known is not None else None, user)))
    return f"GPG key {fingerprint}" + (f" ({said})" if said else "")


def _failed(found: Found[Message], end: tuple[str, ...], by: str) -> Signature:
    """Return the verdict where gpgv could not check: the line has key ID, its kind, hash, class, time, the reason."""
    _, _, _, hashed, _, _, reason, *_ = (*end, *_NOTHING)
    if reason == _NO_KEY:
        return verdict(found, "untrusted", "no key of a keyring that is named made it", by=NOBODY)
    if hashed in _WEAK:
        return verdict(found, "untrusted", f"it is made with {_WEAK[hashed]}", by=by)
    return verdict(found, "unchecked", "gpgv cannot check it: it does not know its algorithm", by=by)


def _weak(answer: gpgv.Answer, end: tuple[str, ...], valid: tuple[str, ...], trust: Trust) -> str | None:
    """Return why nothing relies on a signature that holds."""
    if end[0] == "REVKEYSIG":
        return "its key was revoked"
    if end[0] == "EXPKEYSIG":
        when = next((_time(line[1]) for line in answer.of("KEYEXPIRED") if len(line) > 1), None)
        return f"its key expired at {when}" if when else "its key expired"
    if valid[8] in _WEAK:
        return f"it is made with {_WEAK[valid[8]]}"
    made = [ring.keys[one] for ring in trust.keyrings for one in (valid[1], valid[10]) if one in ring.keys]
    if not made:
        return "nothing shows how long its key is"
    return next((key.weak for key in made if key.weak is not None), None)


def _payload(raw: bytes, where: str) -> _Payload:
    """Return what a payload says. ContentError: it breaks a rule of containers-signature(5), JSON data format."""
    value = documents.parse(raw, where, limit=len(raw)).members
    critical = _only(value, "its payload", "critical", "optional").get("critical")
    optional = value.get("optional")
    said = _only(critical, "critical of its payload", "type", "image", "identity")
    image = _only(said["image"], "critical.image of its payload", "docker-manifest-digest")
    identity = _only(said["identity"], "critical.identity of its payload", "docker-reference")
    digest, reference = Digest.maybe(image["docker-manifest-digest"]), identity["docker-reference"]
    if said["type"] != _TYPE:
        raise ContentError(f"its payload is not of the type {_TYPE!r}")
    if digest is None:
        raise ContentError("its payload names no digest")
    if not isinstance(reference, str):
        raise ContentError("its payload names no image")
    if not isinstance(optional, dict):
        raise ContentError("its payload has no object `optional`")
    when, creator = optional.get("timestamp"), optional.get("creator")
    if isinstance(when, bool) or not isinstance(when, int | None) or not isinstance(creator, str | None):
        raise ContentError("its payload has a time or a creator of another type")
    return _Payload(digest=digest, reference=reference, when=shown_seconds(when) if when is not None else None)


def _only(value: JSON, what: str, *members: str) -> dict[str, JSON]:
    """Return an object that has these members and no other one."""
    if not isinstance(value, dict) or value.keys() != set(members):
        raise ContentError(f"{what} has other members than {' and '.join(members)}")
    return value


def _time(seconds: str) -> str | None:
    try:
        return shown_seconds(int(seconds))
    except ValueError:
        return None
