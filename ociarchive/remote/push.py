"""Manifests into a repository, and the list of what refers to a manifest where the registry keeps none itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ociarchive import documents, referrers
from ociarchive.errors import ContentError, HostError, UsageError
from ociarchive.mediatypes import OCI_INDEX, Kind, kind_of
from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ociarchive.remote.client import Client, Fetched
    from ociarchive.values import JSON

_STORED: Final = frozenset((200, 201, 202, 204))
#: How often it is asked whether something is there that was stored just now.
_LOOKS: Final = 3
#: What another push may take between its look at a tag and its storing it: so many times as long as we took, and in
#: seconds at least and at most.
_OTHERS: Final = 3
_LEAST: Final = 0.1
_MOST: Final = 3.0
#: The registry understood, and does not want it: the type, the size, or that a tag moves.
_UNWANTED: Final = frozenset((400, 404, 405, 406, 409, 412, 413, 415, 422))


def put_manifest(client: Client, reference: str, media_type: str, raw: bytes, hint: str | None = None) -> bool:
    """Store a manifest or index under a tag or digest; return whether the registry lists it (OCI-Subject).

    UsageError: access is refused, or the registry does not take such a manifest; `hint` is the way out. HostError: no
    answer, or it stored other bytes.
    """
    headers = {"Content-Type": media_type}
    answer = client.request("PUT", f"manifests/{reference}", headers=headers, body=raw, push=True)
    if answer.status in _UNWANTED:
        what = f"the registry does not take the manifest {reference}, {media_type}"
        found = client.refused(answer, "").found or f"status {answer.status}"
        raise UsageError(what, where=client.where, found=found, hint=hint)
    if answer.status not in _STORED:
        raise client.refused(answer, f"store the manifest {reference}")
    asked, told = Digest.maybe(reference), Digest.maybe(answer.headers.get("docker-content-digest"))
    if asked is not None and told is not None and told.algorithm == asked.algorithm and told != asked:
        what = "the registry stored other bytes than were sent"
        raise HostError(what, where=client.where, expected=str(asked), found=str(told))
    return "oci-subject" in answer.headers


def settle(took: float) -> None:
    """Wait for what another push stores that looked at a tag before we stored ours; `took` is our own time for both.

    No registry has a PUT with a condition (distribution-spec, Pushing Manifests), so waiting is all that there is.
    """
    time.sleep(min(max(_OTHERS * took, _LEAST), _MOST))


def require_there(client: Client, reference: str, digest: Digest) -> str | None:
    """Ask whether a repository has, under a tag or digest, what was stored there. Some show it a moment later.

    It returns, in words, why that cannot be asked. UsageError: it is another manifest now. HostError: it is none.
    """
    for tried in range(_LOOKS):
        try:
            there = client.head(reference)
        except UsageError as error:
            return f"the registry does not say whether it has {reference}: {error.what}"
        if there is not None and there.digest.algorithm == digest.algorithm:
            if there.digest == digest:
                return None
            raise UsageError(
                "another push has moved the tag in the meantime", where=f"{client.where}:{reference}",
                expected=str(digest), found=str(there.digest), hint="push again with --force to move it back",
            )  # fmt: skip
        if there is not None:
            return None
        if tried + 1 < _LOOKS:
            client.pause(tried)
    raise HostError(
        f"the registry took {reference} and does not have it", where=client.where, expected=str(digest),
        found="nothing", hint="its storage is at fault; push again once it is mended",
    )  # fmt: skip


def add_referrers(client: Client, subject: Digest, entries: Sequence[JSON], whole: bytes | None = None) -> str | None:
    """Add entries to the index under the tag of `subject`: what is there stays.

    `whole` is the index to store where none is there. Return, in words, why nothing was added, None where it was.
    Errors are those of `put_manifest`.
    """
    tag = referrers.tag_of(subject)
    there = client.manifest(tag)
    if there is not None and there.digest == subject:
        there = None  # some servers give the image itself under this tag, although it has no such tag
    if there is None:
        raw = whole if whole is not None else referrers.index(entries)
        put_manifest(client, tag, OCI_INDEX, raw)
        return None
    members = _members(client, there)
    if members is None:
        return f"{client.where}:{tag} is no index, so what refers to {subject} is there and not listed"
    grown = referrers.joined(members, entries)
    if grown is not None:
        put_manifest(client, tag, there.media_type, grown)
    return None


def _members(client: Client, fetched: Fetched) -> dict[str, JSON] | None:
    if kind_of(fetched.media_type) is not Kind.INDEX:
        return None
    try:
        return dict(documents.parse(fetched.raw, client.where, limit=len(fetched.raw)).members)
    except ContentError:
        return None
