"""What `audit` is asked about signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ociarchive.cli.common import file_option, files_option, once_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from ociarchive.auditing.certified import Certified
    from ociarchive.auditing.signatures import Wanted

F = TypeVar("F", bound="Callable[..., Any]")
#: The options that ask for signatures.
_ASKED: Final = (
    *("require_signature", "keys", "keyrings", "policy", "trust_store", "trust_policy", "trusted_root"),
    *("certificate_identity", "certificate_oidc_issuer"),
)


def signature_options(function: F) -> F:
    """Add the options that ask for signatures. Those that come first in the help stand last."""
    for option in (
        click.option("--require-signature", is_flag=True, help="Demand a signature that holds, of every image."),
        file_option("--policy", metavar="FILE", help="Demand what FILE says for each name (containers-policy.json)."),
        files_option(
            "--keyring",
            "keyrings",
            metavar="FILE",
            help="Check signatures by GPG by the keys of FILE (needs gpgv; repeatable).",
        ),
        once_option(
            "--certificate-oidc-issuer",
            metavar="URL",
            help="Who says that the identity is the signer's.",
        ),
        once_option(
            "--certificate-identity",
            metavar="ID",
            help="Who signed: an e-mail address, or a URI.",
        ),
        file_option(
            "--trusted-root", metavar="FILE", help="Check keyless sigstore signatures by this trusted_root.json."
        ),
        file_option(
            "--trust-policy", metavar="FILE", help="Who may sign what (trustpolicy.json of the Notary Project)."
        ),
        file_option(
            "--trust-store",
            metavar="DIR",
            help="Check Notary Project signatures by these certificates (DIR/x509/ca/NAME/).",
        ),
        files_option(
            "--key",
            "keys",
            metavar="FILE",
            help="Check signatures by this public key (PEM; repeatable).",
        ),
    ):
        function = option(function)
    return function


def signature_files(values: dict[str, Any]) -> list[str]:
    """Return the files that these options name, which a result must not overwrite."""
    policy = [values["policy"]] if values["policy"] else []
    return [*values["keys"], *values["keyrings"], *policy, *(_certified(values).named if _asked(values) else ())]


def signatures(values: dict[str, Any]) -> Wanted | None:
    """Return what a call asks of signatures, None where it asks nothing. UsageError: it asks what cannot be."""
    if not _asked(values):
        return None
    from ociarchive.auditing.signatures import wanted

    certified, required = _certified(values), values["require_signature"]
    return wanted(values["keys"], values["keyrings"], values["policy"], certified, required=required)


def _asked(values: dict[str, Any]) -> bool:
    """Whether one of the options is given."""
    return any(values[name] for name in _ASKED)


def _certified(values: dict[str, Any]) -> Certified:
    from ociarchive.auditing.certified import Certified

    return Certified(
        trust_store=values["trust_store"],
        trust_policy=values["trust_policy"],
        trusted_root=values["trusted_root"],
        identity=values["certificate_identity"],
        issuer=values["certificate_oidc_issuer"],
    )
