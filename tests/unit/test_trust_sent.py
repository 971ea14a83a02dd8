"""Who may have signed, sent to another process: the same keys and certificates arrive there."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

from ociarchive.auditing.certified import Certified
from ociarchive.auditing.signatures import wanted
from tests.support.certificates import make
from tests.support.keyless import trusted_root
from tests.support.notary import policy, rule, store

if TYPE_CHECKING:
    from pathlib import Path


def test_certificates_and_logs_arrive(tmp_path: Path) -> None:
    root = tmp_path / "root.json"
    root.write_bytes(trusted_root())
    certified = Certified(
        trust_store=str(store(tmp_path / "store", {"ca_x": [make("CN=root", authority=True).certificate]})),
        trust_policy=str(policy(tmp_path / "policy.json", rule())),
        trusted_root=str(root),
        identity="somebody@example.com",
        issuer="https://example.com",
    )
    asked = wanted(certified=certified, required=True)
    assert asked is not None
    sent = pickle.loads(pickle.dumps(asked))  # noqa: S301  our own
    assert sent == asked
    assert sent.terms == asked.terms
    assert sent.trust.keyless.root.logs[0].key.public.public_numbers()
