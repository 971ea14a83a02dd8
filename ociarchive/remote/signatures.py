"""Signatures of simple signing that a registry keeps itself, by an extension that some have (OpenShift, Pulp).

Source: containers/image, docs/signature-protocols.md, "Server-side signature storage".
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.errors import ContentError, OciArchiveError

if TYPE_CHECKING:
    from ociarchive.remote.client import Client
    from ociarchive.values import Digest

_HEADER: Final = "x-registry-supports-signatures"
_OK: Final = 200
_NOT_FOUND: Final = 404
#: Of others nobody knows what they are; the protocol says to pass over them.
_VERSION: Final = 2
_TYPE: Final = "atomic"


def kept(client: Client) -> bool:
    """Whether a registry says that it keeps signatures. One that refuses the question, or does not answer, has none."""
    try:
        answer = client.request("GET", "/v2/", again=False)
    except OciArchiveError:
        return False
    return answer.headers.get(_HEADER) == "1"


def of(client: Client, digest: Digest) -> tuple[bytes, ...]:
    """Return the signatures that a registry keeps of a manifest, in its order. What they say is not read.

    ContentError: it sends no such list. UsageError: access is refused. HostError: no answer.
    """
    path = f"/extensions/v2/{client.address.repository}/signatures/{digest}"
    answer = client.request("GET", path)
    if answer.status == _NOT_FOUND:
        return ()
    if answer.status != _OK:
        raise client.refused(answer, f"read the signatures of {digest}")
    where = f"{client.where}: signatures of {digest}"
    listed = documents.parse(answer.body, where, limit=len(answer.body)).members.get("signatures")
    return tuple(_content(one, where) for one in (listed if isinstance(listed, list) else ()) if _is_known(one))


def _is_known(entry: object) -> bool:
    return isinstance(entry, dict) and entry.get("schemaVersion") == _VERSION and entry.get("type") == _TYPE


def _content(entry: object, where: str) -> bytes:
    content = entry.get("content") if isinstance(entry, dict) else None
    try:
        if isinstance(content, str):
            return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise ContentError("a signature in the registry's list has no content in base64", where=where)
