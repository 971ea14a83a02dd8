"""Whether a keyless signature holds: its certificate, who that is, when it signed, and what logs say of it. Pure.

Source: sigstore, architecture-docs, client-spec.md, Verification. Nothing is fetched: certificates, logs and clocks are
those of a trusted root from a file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ociarchive.signing.certificates import (
    authority_fault,
    critical_fault,
    is_authority,
    leaf_fault,
    outside,
    path_to,
    purpose_fault,
    weakness,
)
from ociarchive.signing.keyless.entries import body_fault
from ociarchive.signing.keyless.identity import identities, issuer_of
from ociarchive.signing.keyless.log import entry_fault
from ociarchive.signing.keyless.published import publication_fault
from ociarchive.signing.timestamps import check_stamp
from ociarchive.signing.values import BrokenError, UncheckedError, shown
from ociarchive.values import word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.signing.certificates import Certificate
    from ociarchive.signing.keyless.entries import About
    from ociarchive.signing.keyless.material import Entry, Material
    from ociarchive.signing.keyless.root import Authority, Log, TrustedRoot
    from ociarchive.signing.values import Status

_MANY: Final = 8
_NO_ENTRY: Final = "no entry of a transparency log that the trusted root names goes with it"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeylessTrust:
    """Who may have signed: an identity, by the word of an issuer, in a deployment of sigstore.

    `email`: the identity is an e-mail address, and a URI or a user name of the same letters is another one.
    """

    root: TrustedRoot
    identity: str
    issuer: str
    email: bool = False

    @property
    def named(self) -> str:
        """Whom it trusts, in words."""
        return f"{self.identity} by the word of {self.issuer}, by the trusted root {self.root.path}"

    @property
    def terms(self) -> list[str]:
        """What may change a verdict."""
        return [self.root.digest, self.identity, self.issuer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """A verdict. `why` is a clause, `by` the signer, `more` says when it was signed and what was not checked."""

    status: Status
    why: str
    by: str
    more: str = ""


class _UntrustedError(Exception):
    """Nobody whom the call names is the signer; the sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """A moment at which a signature was there, and by whose word."""

    time: datetime
    by: str


def vouch(material: Material, signatures: Sequence[bytes], about: About, trust: KeylessTrust) -> Vouched:
    """Return the verdict of a signature over a message, whatever the message says.

    `signatures` are those that may be by the certificate, `about` is without one of them.
    """
    by = _signer(material.certificate)
    try:
        return Vouched(status="valid", why="", by=by, more=_require(material, signatures, about, trust))
    except UncheckedError as error:
        return Vouched(status="unchecked", why=error.what, by=by)
    except BrokenError as error:
        return Vouched(status="invalid", why=error.what, by=by)
    except _UntrustedError as error:
        return Vouched(status="untrusted", why=str(error), by=by)


def _signer(certificate: Certificate) -> str:
    try:
        named, issuer = identities(certificate), issuer_of(certificate)
    except BrokenError:
        named, issuer = (), None
    who = word(named[0]) if named else None
    said = f", by the word of {word(issuer) or 'a long name'}" if issuer else ""
    return f"{who or 'a certificate without an identity'}{said} (certificate sha256:{certificate.fingerprint})"


def _require(material: Material, signatures: Sequence[bytes], about: About, trust: KeylessTrust) -> str:
    """Return when a signature was made and what was not checked. An error says why it does not hold."""
    certificate, root = material.certificate, trust.root
    made = [(one, certificate.key.made(one, about.message)) for one in signatures[:_MANY]]
    held = next(((one, weak) for one, weak in made if weak is not None), None)
    if held is None:
        raise BrokenError("it does not hold under the certificate that goes with it")
    moments, remarks = _moments(material, replace(about, signature=held[0]), root)
    for moment in moments:
        late = outside((certificate,), moment.time)
        if late is not None:
            raise BrokenError(f"{late}, and it was signed at {shown(moment.time)} by {moment.by}")
    chain = _chain(material, root, moments)
    weak = held[1] or weakness(chain)
    if weak:
        raise _UntrustedError(weak)
    faults = [leaf_fault(certificate, "code signing"), critical_fault(chain)]
    faults += [authority_fault(one, depth) for depth, one in enumerate(chain[1:])]
    faults += [purpose_fault(one, "code signing") for one in chain[1:]]
    for fault in filter(None, faults):
        raise BrokenError(fault)
    remarks += _unpublished(certificate, chain[1], root)
    if trust.identity not in identities(certificate, emails=trust.email):
        raise _UntrustedError(f"its signer is not {trust.identity}")
    if issuer_of(certificate) != trust.issuer:
        raise _UntrustedError(f"it is not {trust.issuer} who says who its signer is")
    first = min(moments, key=lambda one: one.time)
    return f", at {shown(first.time)} by {first.by}" + "".join(f"; {one}" for one in remarks)


def _unpublished(certificate: Certificate, issuer: Certificate, root: TrustedRoot) -> list[str]:
    """Return that nobody asked whether a certificate was published, where the root names no log for that."""
    if not root.certificate_logs:
        return ["whether its certificate was published (SCT) was not checked: the trusted root names no log for that"]
    fault = publication_fault(certificate, issuer, root.certificate_logs)
    if fault is not None:
        raise _UntrustedError(fault)
    return []


def _moments(material: Material, about: About, root: TrustedRoot) -> tuple[list[_Moment], list[str]]:
    """Return when the signature was there, by logs and by time stamps, and what could not be checked.

    BrokenError: an entry or a stamp does not hold. UncheckedError: nothing shows when it was made.
    """
    found, known, remarks = _logged(material.entries, about, root)
    if root.logs and not known:
        raise UncheckedError(_NO_ENTRY)
    for stamp in material.stamps:
        if root.stampers:
            found.append(_stamped(stamp, about.signature, root.stampers))
        else:
            remarks.append("its time stamp was not checked: the trusted root has no authority for it")
    if not found:
        raise UncheckedError("nothing that can be checked here shows when it was signed")
    for log in known:
        for moment in found:
            if not log.period.has(moment.time):
                raise BrokenError(f"it was signed at {shown(moment.time)}, when {log.name} was not trusted")
    return found, remarks


def _logged(entries: Sequence[Entry], about: About, root: TrustedRoot) -> tuple[list[_Moment], list[Log], list[str]]:
    """Return when logs took a signature, which logs vouch for it, and what could not be checked.

    BrokenError: an entry does not hold.
    """
    found: list[_Moment] = []
    known: list[Log] = []
    remarks: list[str] = []
    for entry in entries:
        log = next((one for one in root.logs if one.key_id == entry.log_id), None)
        if log is None:
            remarks.append("an entry of a log that the trusted root does not name was not checked")
            continue
        known.append(log)
        moment = _entry_moment(entry, about, log)
        if moment is not None:
            found.append(moment)
    return found, known, remarks


def logged(entries: Sequence[Entry], about: About, root: TrustedRoot) -> str:
    """Return when a log of a trusted root took a signature by a key that has no certificate, as a clause.

    BrokenError: an entry does not hold. UncheckedError: no entry is of a log of the root.
    """
    found, known, remarks = _logged(entries, about, root)
    if not known:
        raise UncheckedError(_NO_ENTRY)
    said = [f"in {', '.join(dict.fromkeys(one.name for one in known))}"]
    said += [f"at {shown(one.time)} by {one.by}" for one in found[:1]]
    for log in known:
        for moment in found:
            if not log.period.has(moment.time):
                raise BrokenError(f"it was logged at {shown(moment.time)}, when {log.name} was not trusted")
    return f", {' '.join(said)}" + "".join(f"; {one}" for one in remarks)


def _entry_moment(entry: Entry, about: About, log: Log) -> _Moment | None:
    """Return when a log took an entry, None where it does not sign for that. BrokenError: the entry does not hold."""
    fault = body_fault(entry.body, about) or entry_fault(entry, log)
    if fault is not None:
        raise BrokenError(fault)
    if entry.promise is None or entry.time is None:
        return None
    try:
        time = datetime.fromtimestamp(entry.time, UTC)
    except (ValueError, OverflowError, OSError):
        raise BrokenError("the time of its log entry is none") from None
    return _Moment(time=time, by=f"the transparency log {log.name}")


def _stamped(raw: bytes, signature: bytes, stampers: Sequence[Authority]) -> _Moment:
    why = "its time stamp is by nobody whom the trusted root names"
    for one in stampers:
        try:
            stamp = check_stamp(raw, signature, one.chain[-1:], one.chain[:-1])
        except BrokenError as error:
            why = error.what
            continue
        # Where an authority names its certificate, another one under the same root is another authority's.
        if stamp.signer != one.chain[0] and not is_authority(one.chain[0]):
            continue
        if one.period.has(stamp.earliest) and one.period.has(stamp.latest):
            return _Moment(time=stamp.latest, by=f"the time stamp of {stamp.by}")
        why = f"its time stamp is of {shown(stamp.latest)}, when its authority was not trusted"
    raise BrokenError(why)


def _chain(material: Material, root: TrustedRoot, moments: Sequence[_Moment]) -> tuple[Certificate, ...]:
    """Return the chain to the root of an authority that vouches for a certificate at all moments."""
    for one in root.authorities:
        chain = path_to(material.certificate, one.chain[-1:], (*one.chain[:-1], *material.others))
        if (
            chain is not None
            and len(chain) > 1
            and all(one.period.has(each.time) and outside(chain[1:], each.time) is None for each in moments)
        ):
            return chain
    raise _UntrustedError("no authority of the trusted root vouches for its certificate at the time of the signature")
