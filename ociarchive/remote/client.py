"""A client of one repository of a registry (OCI distribution specification 1.1)."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.blobio.limits import Limits
from ociarchive.errors import ContentError, HostError, UsageError, clipped
from ociarchive.mediatypes import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from ociarchive.remote.address import PREFIX, Access
from ociarchive.remote.auth import login_hint
from ociarchive.remote.credentials import Keyring
from ociarchive.remote.exchange import Exchange, retry_after
from ociarchive.remote.listing import TAGS, Lists, descriptors
from ociarchive.remote.proving import BlobError, content_of, proved
from ociarchive.remote.ranges import Transfer
from ociarchive.remote.wire import SMALL, LostConnection, length_of
from ociarchive.values import Descriptor, Digest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from ociarchive.remote.address import Address
    from ociarchive.remote.ahead import Ahead
    from ociarchive.remote.wire import Body, Response

__all__ = ["Answer", "BlobError", "Client", "Fetched", "LostConnection"]

#: Without these a registry may convert what it has into something older.
_ACCEPT: Final = (
    f"{OCI_INDEX}, {OCI_MANIFEST}, {DOCKER_LIST}, {DOCKER_MANIFEST},"
    " application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.5,"
    " application/vnd.docker.distribution.manifest.v1+json;q=0.5, */*;q=0.1"
)
_OK: Final = frozenset((200, 203))
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
_REFUSED: Final = frozenset((401, 403))
_SERVERS_FAULT: Final = 500
#: First bytes that are kept, because planning asks for them again and again.
_SMALL_HEAD: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A manifest or index as a registry gave it. `digest` was computed from `raw`, or from what of it was signed."""

    raw: bytes
    media_type: str
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer whose body was read. Names of `headers` are in small letters. `url` is where it came from at last."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Client:
    """Speaks with one registry about one repository. All threads may use it, each with a connection that is kept."""

    def __init__(
        self,
        address: Address,
        access: Access | None = None,
        *,
        limits: Limits | None = None,
        jobs: int = 1,
        push: bool = False,
    ) -> None:
        """`jobs` is the number of threads that use it. `push`: every request asks for the right to push, not a few.

        Nothing is sent yet.
        """
        self.address, self.access, self._limits = address, access or Access(), limits or Limits()
        self._base = f"{'http' if self.access.is_plain(address) else 'https'}://{address.server}"
        self._keyring, self._push = Keyring(), push
        names = {address.server: address.host}
        self._exchange = Exchange(self.access, self._keyring, address.repository, names, jobs)
        self._transfer = Transfer(self._exchange, self._blob_url, self.where, self._scopes(), self.refused)
        self._lists = Lists(lambda url: self.request("GET", url), self.refused, self._limits)
        self._lock = threading.Lock()
        self._lists_referrers: bool | None = None
        self._firsts: dict[tuple[Digest, int], bytes] = {}
        self.counts: Counter[str] = Counter()
        self.ahead: Ahead | None = None  # blobs that are read soon

    @property
    def where(self) -> str:
        """Its name in messages: `docker://HOST[:PORT]/NAME`."""
        return f"{PREFIX}{self.address.host}/{self.address.repository}"

    def manifest(self, reference: str | Digest) -> Fetched | None:
        """Return a manifest by tag or digest, None where there is none. BlobError: its digest is another one.

        ContentError: it is larger than a manifest may be. UsageError: access is refused. HostError: no answer.
        """
        answer = self.request("GET", f"manifests/{reference}", headers={"Accept": _ACCEPT})
        if answer.status == _NOT_FOUND:
            return None
        if answer.status not in _OK:
            raise self.refused(answer, f"read the manifest {reference}")
        self._count("documents", len(answer.body))
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
        asked = reference if isinstance(reference, Digest) else None
        told = Digest.maybe(answer.headers.get("docker-content-digest"))
        content = content_of(answer.body, media_type)
        digest = proved(content, asked, told, f"{self.where}: {reference}")
        return Fetched(raw=answer.body, media_type=media_type, digest=digest)

    def document(self, digest: Digest, size: int, limit: int) -> bytes | None:
        """Return a small blob that is held in memory, such as a config, None where there is none.

        BlobError: its digest or its size is another one. ContentError: it is larger than `limit` bytes.
        """
        if size > limit:
            raise documents.too_large(size, limit, f"{self.where}: {digest}")
        try:
            raw = b"".join(self.blob(digest, size))
        except BlobError as error:
            if error.rule == "blob-missing":
                return None
            raise
        self._count("documents", len(raw))
        proved(raw, digest, None, f"{self.where}: {digest}")
        return raw

    def head(self, reference: str | Digest) -> Descriptor | None:
        """Return the descriptor of a manifest, None where there is none. It is what the registry says, not proved."""
        answer = self.request("HEAD", f"manifests/{reference}", headers={"Accept": _ACCEPT})
        if answer.status == _NOT_FOUND:
            return None
        told = Digest.maybe(answer.headers.get("docker-content-digest"))
        size = length_of(answer.headers)
        if answer.status in _OK and told is not None and size is not None:
            media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
            return Descriptor.make(media_type, told, size)
        found = self.manifest(reference)  # some servers answer HEAD with nothing, or refuse it
        return Descriptor.make(found.media_type, found.digest, len(found.raw)) if found is not None else None

    def has_blob(self, digest: Digest) -> bool:
        """Whether the repository has a blob. It proves nothing about its bytes."""
        answer = self.request("HEAD", f"blobs/{digest}")
        if answer.status in _OK or answer.status == _NOT_FOUND:
            return answer.status in _OK
        return self._transfer.is_there(digest)  # some servers refuse HEAD alone

    def blob_size(self, digest: Digest) -> int | None:
        """Return how many bytes a blob has, as the registry says; None where there is none. It proves nothing.

        UsageError: access is refused. HostError: no answer, or none that says it.
        """
        return self._transfer.size(digest)

    def blob(self, digest: Digest, size: int, offset: int = 0) -> Generator[bytes]:
        """Give the bytes of a blob of `size` bytes from `offset` on. After a break it goes on where it was.

        The digest is not checked here. BlobError: there is none, or it is shorter or longer than `size`.
        UsageError: access is refused. HostError: the connection breaks again and again.
        """
        for piece in self._transfer.pieces(digest, size, offset):
            self._count("blobs", len(piece))
            yield piece

    def first(self, digest: Digest, size: int) -> bytes:
        """Return the first bytes of a blob, fewer where there are not so many. Errors are those of `blob`."""
        key = (digest, size)
        if key not in self._firsts:
            found = self._transfer.first(digest, size)
            if size > _SMALL_HEAD:
                return found
            self._firsts[key] = found
        return self._firsts[key]

    def referrers(self, digest: Digest) -> tuple[Descriptor, ...]:
        """Return what refers to a manifest, by the Referrers API; by the tag `<algorithm>-<hex>` where there is none.

        A server that refuses the question has none (distribution-spec, Listing Referrers).
        """
        found = self.listed_referrers(digest)
        return found if found is not None else self._tagged(digest)

    def listed_referrers(self, digest: Digest) -> tuple[Descriptor, ...] | None:
        """Return what the Referrers API lists for a manifest, None where the registry has no such interface."""
        if self._lists_referrers is False:
            return None
        found = self._lists.referrers(self._url(f"referrers/{digest}"))
        if self._lists_referrers is None:
            self._lists_referrers = found is not None
        return found

    def tags(self) -> tuple[str, ...] | None:
        """Return the repository's tags, None where the registry does not list them, or has too many to list."""
        return self._lists.tags(self._url(f"tags/list?n={TAGS}"))

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        push: bool = False,
        also: Iterable[str] = (),
        again: bool = True,
    ) -> Answer:
        """Send one request and return the answer, whatever its status. Redirects are followed, challenges answered.

        `url` is a whole URL (a Location that the registry gave), or a path below `/v2/NAME/`, as `blobs/uploads/`. The
        pieces of `body` may be sent twice (a challenge, a redirect). `push` asks for the right to push, `also` names
        repositories from which blobs are mounted. With `again` the request is repeated after 429, 5xx and a broken
        connection; without, LostConnection is raised at once.

        ContentError: the answer is larger than a document may be. HostError: no connection, or TLS refuses it.
        """
        scopes = self._scopes(push=push, also=also)
        tried = 0
        while True:
            response = self._exchange.send(
                method, self._url(url), headers=headers or {}, scopes=scopes, body=body, again=again
            )
            try:
                return self._read(response, self._limits.manifest_size)
            except LostConnection:
                if not again or tried >= self.access.retries:
                    raise
                self._exchange.pause(tried)
                tried += 1

    def refused(self, answer: Answer | Response, do: str) -> UsageError | HostError:
        """Return the error for an answer that is no success. `do` is what was tried, as `read the manifest 1.0`."""
        said = _said(answer.body) if isinstance(answer, Answer) else None
        if answer.status in _REFUSED:
            return UsageError(
                f"the registry refuses to {do}", where=self.where, found=said or f"status {answer.status}",
                hint=login_hint(self.address.host, self._keyring),
            )  # fmt: skip
        if answer.status == _NOT_FOUND:
            return UsageError(f"the registry cannot {do}", where=self.where, found=said or "nothing of this name")
        return HostError(
            f"the registry fails to {do}", where=self.where,
            found=f"status {answer.status}" + (f", {said}" if said else ""),
            hint="try again later" if answer.status >= _SERVERS_FAULT or answer.status == _TOO_MANY else None,
        )  # fmt: skip

    def pause(self, tried: int, answer: Answer | None = None) -> None:
        """Wait before something is sent again: longer each time, and as long as the answer asks for."""
        self._exchange.pause(tried, retry_after(answer.headers.get("retry-after")) if answer is not None else None)

    def renew(self) -> None:
        """Send what comes next over new connections: the server may have closed those that are kept."""
        self._exchange.renew()

    def begin(self) -> None:
        """Work on after `abort`."""
        self._exchange.begin()

    def abort(self) -> None:
        """End what other threads wait for: each gets LostConnection, and nothing is sent again."""
        self._exchange.abort()

    def close(self) -> None:
        """Close all connections."""
        self._exchange.close()

    def _tagged(self, digest: Digest) -> tuple[Descriptor, ...]:
        """Return what the index under the tag of the referrers tag schema lists. Some servers answer with anything."""
        try:
            found = self.manifest(f"{digest.algorithm}-{digest.hex}"[:128])
        except UsageError:
            return ()
        if found is None or found.digest == digest:
            return ()
        try:
            members = documents.parse(found.raw, self.where, limit=self._limits.manifest_size).members
        except ContentError:
            return ()
        return tuple(descriptors(members) or ())

    def _scopes(self, *, push: bool = False, also: Iterable[str] = ()) -> frozenset[str]:
        right = "pull,push" if push or self._push else "pull"
        own = f"repository:{self.address.repository}:{right}"
        return frozenset((own, *(f"repository:{name}:pull" for name in also)))

    def _url(self, path: str) -> str:
        if path.startswith(("http://", "https://")):
            return path
        if path.startswith("/"):
            return f"{self._base}{path}"
        return f"{self._base}/v2/{self.address.repository}/{path}"

    def _blob_url(self, digest: Digest) -> str:
        return self._url(f"blobs/{digest}")

    def _read(self, response: Response, limit: int) -> Answer:
        body = response.read(limit)
        return Answer(status=response.status, headers=response.headers, body=body, url=response.url)

    def _count(self, what: str, size: int) -> None:
        with self._lock:
            self.counts[what] += size


def _said(body: bytes) -> str | None:
    """Return what a registry says about an error (distribution-spec, Error Codes)."""
    try:
        members = documents.parse(body, "", limit=SMALL).members
    except ContentError:
        return None
    errors = members.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return None
    words = [first[key] for key in ("code", "message") if isinstance(first.get(key), str) and first[key]]
    return clipped(": ".join(map(str, words)), 200) or None
