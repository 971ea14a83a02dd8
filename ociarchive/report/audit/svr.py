"""The signed verdict of an audit: a Simple Verification Result in a DSSE envelope.

Source: in-toto attestation, spec/predicates/svr.md. `properties` are what holds of every subject; `verifier.policy` and
`archives` are extension fields, which consumers that do not know them leave aside.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.auditing.subjects import subjects
from ociarchive.report.audit.audit_json import digest_object, share_object, unread_object
from ociarchive.report.shared.surroundings import utc
from ociarchive.report.shared.versions import versions
from ociarchive.signing.predicates import SVR
from ociarchive.signing.statement import signed
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ociarchive.auditing import Policy, Report
    from ociarchive.auditing.listing import Object
    from ociarchive.auditing.run import Unread
    from ociarchive.report.shared.surroundings import Now
    from ociarchive.signing.private import Signer
    from ociarchive.signing.statement import Subject
    from ociarchive.values import JSON

_VERIFIER: Final = f"urn:ociarchive:audit:{VERSION}"
#: What holds of an archive that passed. Nothing holds of one that failed.
PASSED: Final = "OCIARCHIVE_AUDIT"
WAIVED: Final = "OCIARCHIVE_AUDIT_WITH_WAIVERS"
STRICT: Final = "OCIARCHIVE_AUDIT_STRICT"
LAYERS: Final = "OCIARCHIVE_LAYERS_PROVED"
RECEIPT: Final = "OCIARCHIVE_RECEIPT"
SIGNED: Final = "OCIARCHIVE_SIGNED"
_ORDER: Final = (PASSED, WAIVED, STRICT, LAYERS, RECEIPT, SIGNED)


class Verdicts:
    """Takes the reports of an audit, one after another, and makes the statement about all archives."""

    def __init__(self, policy: Policy, terms: Sequence[object] | None = None) -> None:
        """`terms` says by whom images had to be signed, where the call asks for that."""
        self._policy, self._terms = policy, terms
        self._subjects: dict[Subject, None] = {}
        self._archives: list[JSON] = []
        self._properties: set[str] | None = None

    def take(self, report: Report) -> None:
        """Take the report of an archive, which has its own digest and what it holds."""
        self._archives.append(_facts(report))
        found = list(subjects(report.source, report.identity, report.holding, within=f"{report.source}#"))
        if found:
            self._subjects.update(dict.fromkeys(found))
            holds = set(_properties(report))
            self._properties = holds if self._properties is None else self._properties & holds

    @property
    def empty(self) -> bool:
        """Whether nothing could be audited, so that there is nothing to make a statement about."""
        return not self._subjects

    def envelope(self, at: Now, signer: Signer, unread: Sequence[Unread] = ()) -> bytes:
        """Return the signed statement, made `at` this time. `unread` are the sources that could not be audited."""
        policy = _policy(self._policy, self._terms)
        digest = hashlib.sha256(documents.dump(policy)).hexdigest()
        verifier: Object = {
            "id": _VERIFIER,
            "version": {**versions()},
            "policy": {"digest": {"sha256": digest}, "content": policy},
        }
        holds = self._properties or set()
        predicate: Object = {
            "verifier": verifier,
            "timeCreated": utc(at.time),
            "properties": [one for one in _ORDER if one in holds],
            "archives": self._archives,
            "not_audited": [unread_object(one) for one in unread],
        }
        return signed(self._subjects, SVR, predicate, signer)


def _policy(policy: Policy, terms: Sequence[object] | None) -> Object:
    """Return all of a policy that changes verdicts, the same for the same policy."""
    return {
        "strict": policy.strict,
        "ignore": [*sorted(policy.ignore)],
        "only": [*sorted(policy.only)],
        "severity": {rule: level for rule, (level, _) in sorted(policy.severity.items())},
        "signatures": None if terms is None else [*json.loads(json.dumps(terms))],
    }


def _properties(report: Report) -> Iterator[str]:
    """Give what holds of an archive, as far as it passed."""
    if report.failed or report.contents is None:
        return
    every = (*report.findings, *report.waived)
    rules = {finding.rule for finding in every}
    yield WAIVED if report.policy.waivers else PASSED
    if report.policy.strict:
        yield STRICT
    if report.layers and all(report.layers) and "image-unproved" not in rules:
        yield LAYERS
    if report.receipt is not None and "receipt-mismatch" not in rules:
        yield RECEIPT
    if report.contents.must_be_signed and report.contents.signed and "signature-missing" not in rules:
        yield SIGNED


def _facts(report: Report) -> Object:
    """Return what was proved of an archive."""
    receipt, contents = report.receipt, report.contents
    rules: dict[str, int] = {}
    for finding in report.findings:
        rules[finding.rule] = rules.get(finding.rule, 0) + 1
    made: Object = {
        "source": report.source,
        "format": contents.format if contents is not None else None,
        "digest": digest_object(report),
        "verdict": "fail" if report.failed else "pass",
        "strict": report.policy.strict,
        "errors": report.count("error"),
        "warnings": report.count("warning"),
        "notes": report.count("note"),
        "rules": {**dict(sorted(rules.items()))},
        "waived": [*sorted({finding.rule for finding in report.waived})],
        "images": report.images,
        "layers": {"proved": report.layers.count(True), "listed": len(report.layers)},
        "blobs": report.blobs,
        "bytes": report.bytes,
    }
    if receipt is not None:
        made["receipt"] = {
            "digest": {"sha256": receipt.sha256.partition(":")[2]},
            "by": receipt.by,
            "names": share_object(receipt.names),
            "manifests": share_object(receipt.manifests),
            "blobs": share_object(receipt.blobs),
            "file": receipt.file,
            "unbound": [*receipt.unbound],
        }
    if contents is not None and contents.keys:
        valid = [finding.message for finding in report.findings if finding.rule == "signature-valid"]
        made["signatures"] = {"trusted": [*contents.keys], "required": contents.must_be_signed, "valid": [*valid]}
    return made
