"""The trust store of Notary Project signatures: a folder with the certificates of those who are trusted.

Source: notaryproject/specifications, trust-store-trust-policy.md, Trust Store. `DIR/x509/ca/NAME/` holds authorities
for signers, `signingAuthority` those who sign for others, `tsa` those who state the time. A folder without `x509` that
holds certificates is taken for one store of the type `ca`.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from ociarchive.errors import UsageError, cannot
from ociarchive.signing.certificates import Certificate, load_certificates
from ociarchive.signing.notary.cose import require_library

if TYPE_CHECKING:
    from collections.abc import Iterator

StoreType: TypeAlias = Literal["ca", "signingAuthority", "tsa"]
_FOLDER: Final = "x509"
_ENDINGS: Final = (".pem", ".crt", ".cer", ".der")


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A named store. `name` is empty where the folder itself is the store."""

    kind: StoreType
    name: str
    certificates: tuple[Certificate, ...]


def load_stores(folder: str) -> tuple[Store, ...]:
    """Return the named stores in a folder.

    UsageError: it is no trust store, holds no certificate, has a link where the specification allows none, or no
    library is there to read certificates with. HostError: it cannot be read.
    """
    require_library()
    below = os.path.join(folder, _FOLDER)
    if not os.path.isdir(folder):
        if os.path.exists(folder):
            raise UsageError("no trust store", where=folder, expected="a folder", found="a file")
        raise UsageError("no such folder to read certificates from", where=folder)
    if os.path.lexists(below):
        found = [
            Store(kind=kind, name=os.path.basename(one), certificates=tuple(_certificates(one)))
            for kind in get_args(StoreType)
            for one in _folders(os.path.join(below, kind))
        ]
    else:
        found = [Store(kind="ca", name="", certificates=tuple(_certificates(folder)))]
    if not any(store.certificates for store in found):
        expected = f"DIR/x509/ca/NAME/ with certificates, or certificates in DIR itself ({', '.join(_ENDINGS)})"
        raise UsageError("no trust store: no certificate is in it", where=folder, expected=expected)
    return tuple(found)


def _folders(path: str) -> Iterator[str]:
    for name in _listed(path) if os.path.lexists(path) else ():
        one = os.path.join(path, name)
        _require_no_link(one)
        if os.path.isdir(one):
            yield one


def _certificates(folder: str) -> Iterator[Certificate]:
    """Give the certificates of a named store. Folders in it are ignored (Trust Store)."""
    for name in _listed(folder):
        path = os.path.join(folder, name)
        if name.lower().endswith(_ENDINGS) and not os.path.isdir(path):
            _require_no_link(path)
            yield from load_certificates(path)


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise cannot("read", error, folder) from error


def _require_no_link(path: str) -> None:
    """Symlinks are not supported for named stores and certificates; implementations MUST fail (Trust Store)."""
    try:
        linked = stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError as error:
        raise cannot("read", error, path) from error
    if linked:
        raise UsageError("a link in a trust store", where=path, expected="folders and files alone")
