"""Whether a Notary Project signature holds, and is by somebody whom the trust store and the trust policy name. Pure.

Source: notaryproject/specifications, trust-store-trust-policy.md, Signature Verification, Steps.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ociarchive.signing.certificates import (
    authority_fault,
    chain_fault,
    leaf_fault,
    outside,
    revocable,
    weakness,
)
from ociarchive.signing.notary.algorithms import algorithm_of, holds, is_short
from ociarchive.signing.notary.envelope import USER
from ociarchive.signing.notary.names import has_name
from ociarchive.signing.notary.policy import DEFAULT
from ociarchive.signing.timestamps import check_stamp
from ociarchive.signing.values import BrokenError, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ociarchive.signing.certificates import Certificate
    from ociarchive.signing.notary.envelope import Envelope
    from ociarchive.signing.notary.policy import Rule, TrustPolicy
    from ociarchive.signing.notary.store import Store
    from ociarchive.signing.values import Status

#: The worst first, where a signature is judged by several policies.
_ORDER: Final[tuple[Status, ...]] = ("invalid", "untrusted", "unchecked", "valid")
#: Chains that are remembered: most signatures of an archive are by a few signers.
_REMEMBERED: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class NotaryTrust:
    """Whom a call trusts: the stores of a folder, the policy if there is one, and the moment of the verification."""

    folder: str
    stores: tuple[Store, ...]
    policy: TrustPolicy | None
    at: datetime
    _doubted: dict[tuple[object, ...], tuple[Status, str] | None] = field(
        default_factory=dict, repr=False, compare=False
    )
    _certificates: dict[tuple[object, ...], tuple[Certificate, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def one_of_each(self, repositories: tuple[str | None, ...]) -> tuple[str | None, ...]:
        """Return the first of some repositories for each policy that is for one of them."""
        return self.policy.one_of_each(repositories) if self.policy is not None else repositories[:1]

    def certificates(self, rule: Rule, kind: str) -> tuple[Certificate, ...]:
        """Return the certificates of one type of store that a policy names; all where there is no policy."""
        key = (rule.stores, kind)
        if key not in self._certificates:
            named = (one for one in self.stores if rule.stores is None or (one.kind, one.name) in rule.stores)
            self._certificates[key] = tuple(each for one in named if one.kind == kind for each in one.certificates)
        return self._certificates[key]

    def doubted(self, envelope: Envelope, rule: Rule) -> tuple[Status, str] | None:
        """Return why the signer of an envelope is not one whom a policy trusts, None where it is one.

        Thousands of signatures may be by one signer, and a policy may name thousands.
        """
        key = (rule.name, envelope.scheme, *envelope.chain)
        if key not in self._doubted:
            if len(self._doubted) >= _REMEMBERED:
                self._doubted.clear()
            self._doubted[key] = next(_authenticity(envelope, self, rule), None)
        return self._doubted[key]

    @property
    def named(self) -> str:
        """Whom it trusts, in words."""
        policy = f", by the trust policy {self.policy.path}" if self.policy is not None else ""
        return f"the trust store {self.folder}{policy}"

    @property
    def terms(self) -> list[str]:
        """What may change a verdict: the moment too, since certificates and signatures expire."""
        raw = self.policy.raw if self.policy is not None else b""
        held = sorted(f"{one.kind}:{one.name}:{each.fingerprint}" for one in self.stores for each in one.certificates)
        return [self.at.isoformat(), hashlib.sha256(raw).hexdigest(), *held]

    def demands(self, repository: str | None) -> bool:
        """Whether the trust policy asks for a signature of what is in a repository.

        Signature Verification details: `audit` takes what is unsigned, `skip` asks for nothing. What no policy is for
        MUST be considered untrusted.
        """
        if self.policy is None:
            return False
        rule = self.policy.rule_for(repository)
        return rule is None or rule.level in ("strict", "permissive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict. `why` is a clause, `by` the signer, `more` says when it was signed and what was not checked."""

    status: Status
    why: str
    by: str
    more: str = ""


@dataclass(slots=True)
class _Doubts:
    """What speaks against a signature. What a policy only logs does not decide."""

    rule: Rule
    found: list[tuple[Status, str]] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)

    def add(self, check: str, status: Status, why: str) -> None:
        action = next((action for name, action in self.rule.actions.items() if name == check), "enforce")
        if action == "enforce":
            self.found.append((status, why))
        else:
            self.logged.append(why)


def judge(envelope: Envelope, trust: NotaryTrust, repositories: tuple[str | None, ...]) -> Judged:
    """Return the verdict of a signature over what has names in these repositories: the worst of their policies'.

    Whether its target is in the archive is not asked here. The repositories are one of each policy (`one_of_each`).
    """
    by = f"{envelope.chain[0].subject} (certificate sha256:{envelope.chain[0].fingerprint})"
    fault = _integrity(envelope)
    if fault is not None:
        return Judged(status="invalid", why=fault, by=by)
    weak = weakness(envelope.chain)
    if weak is not None:
        return Judged(status="untrusted", why=weak, by=by)
    if envelope.plugin is not None:
        why = f"it asks for the verification plugin {envelope.plugin}, and none is run here"
        return Judged(status="unchecked", why=why, by=by)
    every = [_by_rule(envelope, trust, one, by) for one in repositories]
    return min(every, key=lambda one: _ORDER.index(one.status))


def _integrity(envelope: Envelope) -> str | None:
    """Validate Integrity: the algorithm is the one of the signer's key, and the signature holds under it."""
    public = envelope.chain[0].key.public
    wanted = algorithm_of(public)
    if wanted is None and not is_short(public):
        return "the key of its signer is of a kind or size that the specification does not have"
    if wanted is not None and envelope.algorithm != wanted:
        return f"its algorithm is {envelope.algorithm}, and that of its signer's key is {wanted}"
    if not holds(public, envelope.algorithm, envelope.signature, envelope.message):
        return "it does not hold under the certificate that it names"
    return None


def _by_rule(envelope: Envelope, trust: NotaryTrust, repository: str | None, by: str) -> Judged:
    rule = DEFAULT if trust.policy is None else trust.policy.rule_for(repository)
    named = f"the name {repository}" if repository is not None else "what has no full name"
    if rule is None:
        return Judged(status="untrusted", why=f"no trust policy is for {named}", by=by)
    if rule.level == "skip":
        return Judged(status="unchecked", why=f"the trust policy {rule.name} skips {named}", by=by)
    doubts = _Doubts(rule)
    doubted = trust.doubted(envelope, rule)
    if doubted is not None:
        status, why = doubted
        # Nothing is called valid whose signer nobody vouches for, whatever a policy only logs.
        if rule.actions["authenticity"] != "enforce":
            return Judged(status="untrusted", why=f"{why}; the trust policy {rule.name} only logs that", by=by)
        return Judged(status=status, why=why, by=by)
    when = _moment(envelope, trust, doubts)
    if envelope.expires is not None and trust.at >= envelope.expires:
        doubts.add("expiry", "invalid", f"its signer wanted it used until {shown(envelope.expires)}")
    remarks = _revocation(envelope, doubts)
    if doubts.found:
        status, why = min(doubts.found, key=lambda one: _ORDER.index(one[0]))
        return Judged(status=status, why=why, by=by)
    more = "".join(f"; the trust policy {rule.name} only logs that {why}" for why in doubts.logged if rule.name)
    return Judged(status="valid", why="", by=by, more=f"{when}{more}{remarks}")


def _authenticity(envelope: Envelope, trust: NotaryTrust, rule: Rule) -> Iterator[tuple[Status, str]]:
    """Validate Authenticity: the chain is whole and for this purpose, a store vouches for it, the policy names it."""
    chain = envelope.chain
    fault = chain_fault(chain) or leaf_fault(chain[0], "code signing", optional=True)
    fault = fault or next(filter(None, (authority_fault(one, depth) for depth, one in enumerate(chain[1:]))), None)
    if fault is not None:
        yield "invalid", fault
    kind = "ca" if envelope.scheme == USER else "signingAuthority"
    if set(chain).isdisjoint(trust.certificates(rule, kind)):
        stores = f"the stores of the trust policy {rule.name}" if rule.name else f"the trust store {trust.folder}"
        yield "untrusted", f"no certificate of the type {kind} in {stores} vouches for its signer"
    if rule.identities is not None and not has_name(chain[0], rule.identities):
        yield "untrusted", f"its signer is none of those whom the trust policy {rule.name} names"


def _moment(envelope: Envelope, trust: NotaryTrust, doubts: _Doubts) -> str:
    """Validate Trusted Timestamp; return when it was signed and by whose word."""
    chain, signed = envelope.chain, shown(envelope.signed_at)
    odd = outside(chain, envelope.signed_at)
    if envelope.scheme != USER:
        if odd is not None:
            doubts.add("authenticTimestamp", "invalid", f"{odd}, and it was signed at {signed}")
        return f", at {signed} by the word of the signing authority"
    # signature-envelope-jws.md: the signer's own word is "not used in trust decisions". It is repeated, no more.
    said = f", at {signed} by its own word" + (", when its certificates were not all valid" if odd is not None else "")
    authorities = trust.certificates(doubts.rule, "tsa")
    if envelope.timestamp is not None and authorities:
        try:
            stamp = check_stamp(envelope.timestamp, envelope.signature, authorities)
        except BrokenError as error:
            doubts.add("authenticTimestamp", "invalid", error.what)
            return said
        fault = outside(chain, stamp.earliest) or outside(chain, stamp.latest)
        if fault is not None:
            doubts.add("authenticTimestamp", "invalid", f"{fault}, and it was stamped at {shown(stamp.latest)}")
        return f", at {shown(stamp.latest)} by the time stamp of {stamp.by}"
    unchecked = "the trust store has no authority (tsa) to check its time stamp by"
    fault = outside(chain, trust.at)
    if fault is not None and envelope.timestamp is not None:
        doubts.add("authenticTimestamp", "unchecked", f"{fault}, which is not now, and {unchecked}")
    elif fault is not None:
        doubts.add("authenticTimestamp", "invalid", f"{fault}, which is not now, and no time stamp is with it")
    elif envelope.timestamp is not None:
        return f"{said} ({unchecked})"
    return said


def _revocation(envelope: Envelope, doubts: _Doubts) -> str:
    """Validate Revocation Status: nobody can be asked here. A certificate that names no service is not revoked."""
    if not revocable(envelope.chain):
        return ""
    action = doubts.rule.actions["revocation"]
    if action == "enforce":
        why = "whether its certificates were revoked cannot be checked without a network, and the trust policy asks it"
        doubts.add("revocation", "unchecked", why)
    return "; whether its certificates were revoked was not checked"
