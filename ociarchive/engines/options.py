"""What an audit of many sources is asked for. It is a value that can be sent to other processes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ociarchive.auditing import Policy
from ociarchive.blobio.limits import Limits
from ociarchive.objects.address import is_object
from ociarchive.remote.address import Access, is_remote

if TYPE_CHECKING:
    from ociarchive.auditing.receipts import Receipt
    from ociarchive.auditing.report import Detail
    from ociarchive.auditing.signatures import Wanted
    from ociarchive.selection.argument import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """How sources are audited.

    `images` is demanded of each source; `recursive` audits the archives in folders of archives. `receipt` is a
    conversion's, that each archive is held against. `host` is the one that names in a registry's folder had, None for
    the default. `have` and `base` say what the other side has that a delta leaves out:
    an inventory, or archives that complete it. `detail` is how much a report holds. `access` says how registries are
    spoken to. `signatures` says by what signatures are checked, None where they are not. `identified`: each report has
    the digest of its archive, for which a file is hashed as a whole. `attested`: it also has the names and digests that
    a statement is about.
    """

    policy: Policy = field(default_factory=Policy)
    limits: Limits = field(default_factory=Limits)
    jobs: int = 1
    images: tuple[str, ...] = ()
    signatures: Wanted | None = None
    recursive: bool = False
    receipt: Receipt | None = None
    host: str | None = None
    access: Access = field(default_factory=Access)
    have: tuple[Source, ...] = ()
    base: tuple[Source, ...] = ()
    detail: Detail = "verdict"
    identified: bool = False
    attested: bool = False

    @property
    def names_archives(self) -> bool:
        """Whether the digest of each archive as a whole is needed."""
        return self.identified or self.attested or (self.receipt is not None and self.receipt.identity is not None)

    def for_workers(self) -> AuditOptions:
        """Return these options for processes with another current folder: paths that they open are absolute."""
        return replace(
            self,
            have=tuple(replace(one, path=absolute(one.path)) for one in self.have),
            base=tuple(replace(one, path=absolute(one.path)) for one in self.base),
            access=replace(self.access, ca_file=self.access.ca_file and absolute(self.access.ca_file)),
        )


def absolute(path: str) -> str:
    """Return a path that names the same from every folder; an address stays as it is."""
    return path if is_remote(path) or is_object(path) else os.path.abspath(path)
