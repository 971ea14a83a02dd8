"""Object storage as a SOURCE: an object is a tar; what takes several objects is recognised by their keys and refused.

A layout, a registry's storage or an archive in parts is no tar. Below a folder of archives each of its objects would
else be judged as an archive of its own, which it is not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ociarchive.blobio import partlist
from ociarchive.errors import UsageError
from ociarchive.formats import _layout
from ociarchive.objects.address import parse
from ociarchive.objects.store import store_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.objects.address import Address
    from ociarchive.objects.store import Known

_REGISTRY: Final = "docker/registry/v2/"
_COPY: Final = "copy it to a folder of this machine, or store it as an oci-archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """A format of folders: which keys in one belong to it, and the object that shows it, None where its keys do."""

    what: str
    keys: re.Pattern[str]
    marker: str | None
    hint: str = _COPY


_FOLDERS: Final = (
    _Folder(
        what="an OCI layout",
        keys=re.compile(rf"(.*/|)(?:blobs/[^/]+/[0-9a-f]{{32,}}|index\.json|{_layout.MARKER})"),
        marker=_layout.MARKER,
    ),
    _Folder(
        what="the storage of a registry",
        keys=re.compile(rf"(.*/|){_REGISTRY}.*"),
        marker=None,
        hint="name its images as docker://HOST/NAME, or copy it to a folder of this machine",
    ),
    _Folder(
        what="a folder of the format dir",
        keys=re.compile(r"(.*/|)(?:[0-9a-f]{64}(?:\.manifest\.json)?|manifest\.json|version)"),
        marker="version",
    ),
)
#: Answers that are remembered of what is there: keys of one folder come one after another.
_REMEMBERED: Final = 1024


def objects_below(folder: str) -> Iterator[tuple[str, Known | None]]:
    """Give the addresses of archives below one in object storage, with what is known of each. Hidden ones are skipped.

    What takes several objects is given once, as its folder or its list, and nothing is known of it: who opens it gets
    the reason. UsageError: no such bucket. HostError: access is refused, or the storage does not answer.
    """
    address = parse(folder)
    wholes = _Wholes(address)
    last = None
    for key, known in store_of(address.bucket).below(address):
        if any(part.startswith(".") for part in key.removeprefix(address.key).split("/")):
            continue
        whole = wholes.of(key)
        if whole is None:
            yield str(replace(address, key=key)), known
        elif whole != last:
            last = whole
            yield str(replace(address, key=whole)), None


def require_object(address: Address, shown: str) -> None:
    """Refuse what is no single object (UsageError): a folder of archives, or an archive that takes several objects.

    HostError: access is refused, or the storage does not answer.
    """
    wholes = _Wholes(address)
    if not address.is_folder:
        if wholes.in_parts(address.key) is not None:
            hint = "copy its list and its parts to a folder of this machine, or store them joined"
            raise _refused("an archive in parts", shown, hint)
        return
    for kind in _FOLDERS:
        if wholes.is_there(kind, address.key):
            raise _refused(kind.what, shown, kind.hint)
    hint = "`ociarchive audit --recursive` audits all of them"
    raise UsageError("a folder of archives in object storage", where=shown, expected="an object", hint=hint)


class _Wholes:
    """Finds what objects of a bucket belong to. The storage is asked once for each folder and each first part."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._known: dict[str, bool] = {}

    def of(self, key: str) -> str | None:
        """Return the key of the folder or list of parts that an object belongs to, None for one by itself."""
        for kind in _FOLDERS:
            found = kind.keys.fullmatch(key)
            if found is not None and (kind.marker is None or self._has(found[1] + kind.marker)):
                return found[1]
        return self.in_parts(key)

    def in_parts(self, key: str) -> str | None:
        """Return the key of the list of parts that an object belongs to, None where it does to none."""
        folder, slash, name = key.rpartition("/")
        if name.endswith(partlist.LIST):
            return key if self._has(key) else None
        whole = name.rpartition(".")[0]
        listed = f"{folder}{slash}{whole}{partlist.LIST}"
        if not whole or not partlist.belongs(name, whole):
            return None
        # Only the first part is a reason to ask: many an archive has a date for its ending.
        return listed if (self._has(listed) if partlist.whole_of(name) else self._known.get(listed)) else None

    def is_there(self, kind: _Folder, folder: str) -> bool:
        """Whether a folder of a kind is there."""
        if kind.marker is not None:
            return self._has(folder + kind.marker)
        address = replace(self._address, key=folder + _REGISTRY)
        return next(iter(store_of(address.bucket).below(address)), None) is not None

    def _has(self, key: str) -> bool:
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            address = replace(self._address, key=key)
            try:
                store_of(address.bucket).known(address)
                self._known[key] = True
            except UsageError:
                self._known[key] = False
        return self._known[key]


def _refused(what: str, shown: str, hint: str) -> UsageError:
    return UsageError(f"{what} cannot be read from object storage", where=shown, expected="one tar", hint=hint)
