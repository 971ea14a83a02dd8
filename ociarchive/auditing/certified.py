"""Who may have signed by certificates, as a call names them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ociarchive.errors import UsageError
from ociarchive.signing.notary.policy import load_policy
from ociarchive.signing.notary.store import load_stores
from ociarchive.signing.notary.verify import NotaryTrust


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """What a call names: a folder with a trust store, and a file with a trust policy."""

    trust_store: str | None = None
    trust_policy: str | None = None

    @property
    def named(self) -> list[str]:
        """The files and folders that are read."""
        return [one for one in (self.trust_store, self.trust_policy) if one is not None]

    def notary(self) -> NotaryTrust | None:
        """Return whom a trust store names, as of now; None where there is none.

        UsageError: it holds no certificate, the policy is none, or there is a policy and no store.
        """
        if self.trust_store is None:
            if self.trust_policy is not None:
                raise UsageError("a trust policy without a trust store", hint="name the folder with --trust-store DIR")
            return None
        stores = load_stores(self.trust_store)
        policy = load_policy(self.trust_policy, stores) if self.trust_policy is not None else None
        return NotaryTrust(folder=self.trust_store, stores=stores, policy=policy, at=datetime.now(UTC))
