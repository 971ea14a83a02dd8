"""Who may have signed by certificates, as a call names them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ociarchive.errors import UsageError
from ociarchive.signing.certificates import without_warnings
from ociarchive.signing.keyless.root import load_root
from ociarchive.signing.keyless.verify import KeylessTrust
from ociarchive.signing.notary.policy import load_policy
from ociarchive.signing.notary.store import load_stores
from ociarchive.signing.notary.verify import NotaryTrust


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """What a call names.

    A folder with a trust store, and a file with a trust policy: for Notary Project signatures. A file with a trusted
    root, an identity and who says that it is the signer's: for keyless signatures of sigstore.
    """

    trust_store: str | None = None
    trust_policy: str | None = None
    trusted_root: str | None = None
    identity: str | None = None
    issuer: str | None = None

    @property
    def named(self) -> list[str]:
        """The files and folders that are read."""
        return [one for one in (self.trust_store, self.trust_policy, self.trusted_root) if one is not None]

    def notary(self) -> NotaryTrust | None:
        """Return whom a trust store names, as of now; None where there is none.

        UsageError: it holds no certificate, the policy is none, or there is a policy and no store.
        """
        if self.trust_store is None:
            if self.trust_policy is not None:
                raise UsageError("a trust policy without a trust store", hint="name the folder with --trust-store DIR")
            return None
        with without_warnings():
            stores = load_stores(self.trust_store)
        policy = load_policy(self.trust_policy, stores) if self.trust_policy is not None else None
        return NotaryTrust(folder=self.trust_store, stores=stores, policy=policy, at=datetime.now(UTC))

    def keyless(self) -> KeylessTrust | None:
        """Return whom a trusted root and an identity name; None where there is neither.

        UsageError: one of the three is missing, or the file is no trusted root.
        """
        asked = {
            "--trusted-root FILE": self.trusted_root,
            "--certificate-identity ID": self.identity,
            "--certificate-oidc-issuer URL": self.issuer,
        }
        missing = [option for option, value in asked.items() if not value]
        if len(missing) == len(asked) and not any(value is not None for value in asked.values()):
            return None
        if missing or self.trusted_root is None or self.identity is None or self.issuer is None:
            what = "keyless signatures need a trusted root, an identity, and who says that it is the signer's"
            raise UsageError(what, hint=f"add {' and '.join(missing)}")
        with without_warnings():
            root = load_root(self.trusted_root)
        return KeylessTrust(root=root, identity=self.identity, issuer=self.issuer)
