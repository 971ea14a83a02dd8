"""What a Python caller asks for, as the values that an audit, a comparison and a conversion take."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ociarchive.auditing import Policy
from ociarchive.auditing.certified import Certified
from ociarchive.auditing.receipts import load_receipt
from ociarchive.auditing.signatures import Wanted, wanted
from ociarchive.audits import AuditOptions
from ociarchive.blobio.limits import Limits
from ociarchive.remote.address import Access
from ociarchive.transform.options import registry_host
from ociarchive.transform.options import sources as named
from ociarchive.workers import processors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.auditing.report import Detail
    from ociarchive.writing import StrPath


def audit_options(  # noqa: PLR0913, PLR0917  one parameter for each option of the command
    policy: Policy | None,
    limits: Limits | None,
    jobs: int | None,
    images: Sequence[str],
    receipt: StrPath | None,
    signatures: Wanted | None,
    host: str | None,
    have: StrPath | Sequence[StrPath],
    base: StrPath | Sequence[StrPath],
    detail: Detail,
    access: Access,
) -> AuditOptions:
    """Return how sources are audited. UsageError: a value is none of its kind, or a file is not what it should be."""
    path = _text(receipt)
    return AuditOptions(
        policy=policy or Policy(),
        limits=limits or Limits(),
        jobs=jobs or processors(),
        images=tuple(images),
        receipt=load_receipt(path, signatures.trust.keys if signatures else ()) if path is not None else None,
        signatures=signatures,
        host=registry_host(host),
        have=named(have),
        base=named(base),
        detail=detail,
        identified=detail != "verdict",
        access=access,
    )


def signatures_of(
    keys: Sequence[StrPath],
    keyrings: Sequence[StrPath],
    policy: StrPath | None,
    *,
    required: bool,
    **certified: StrPath | None,
) -> Wanted | None:
    """Return what is asked of signatures, None where nothing is. `certified` are the fields of `Certified`.

    UsageError: a file is not what it should be.
    """
    files, rings = ([os.fspath(one) for one in listed] for listed in (keys, keyrings))
    by = Certified(**{name: _text(value) for name, value in certified.items()})
    return wanted(files, rings, _text(policy), by, required=required)


def _text(path: StrPath | None) -> str | None:
    return None if path is None else os.fspath(path)


def access_of(plain_http: bool, ca_file: StrPath | None, skip_verify: bool) -> Access:  # noqa: FBT001  three options
    """Return how registries are spoken to."""
    return Access.asked(plain_http=plain_http, ca_file=_text(ca_file), insecure_skip_verify=skip_verify)
