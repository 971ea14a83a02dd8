"""A client of one repository of a registry (OCI distribution specification 1.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ociarchive.errors import ContentError, HostError
from ociarchive.remote.address import Access
from ociarchive.values import Descriptor, Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ociarchive.blobio.limits import Limits
    from ociarchive.remote.address import Address


class LostConnection(HostError):
    """A connection ended, or none was made. What was sent may have arrived."""


class BlobError(ContentError):
    """A registry's bytes are not what a descriptor says of them. `rule` is the audit's rule for that."""

    def __init__(self, what: str, rule: str, *, where: str, expected: str | None = None, found: str | None = None) -> None:
        super().__init__(what, where=where, expected=expected, found=found)
        self.rule = rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A manifest or index as a registry gave it. `digest` was computed from `raw`."""

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

    def __init__(self, address: Address, access: Access | None = None, *, limits: Limits | None = None, jobs: int = 1) -> None:
        """`jobs` is the number of threads that use it. Nothing is sent yet."""

    @property
    def where(self) -> str:
        """Its name in messages: `HOST[:PORT]/NAME`."""
        raise NotImplementedError

    def ping(self) -> None:
        """Ask whether a registry answers here and takes our credentials (`GET /v2/`). HostError, UsageError: not so."""
        raise NotImplementedError

    def manifest(self, reference: str | Digest) -> Fetched | None:
        """Return a manifest by tag or digest, None where there is none. ContentError: its digest is another one."""
        raise NotImplementedError

    def head(self, reference: str | Digest) -> Descriptor | None:
        """Return the descriptor of a manifest without reading it, None where there is none."""
        raise NotImplementedError

    def has_blob(self, digest: Digest) -> bool:
        """Whether the repository has a blob. It proves nothing about its bytes."""
        raise NotImplementedError

    def blob(self, digest: Digest, size: int, offset: int = 0) -> Iterator[bytes]:
        """Give the bytes of a blob of `size` bytes from `offset` on. After a break it goes on where it was.

        The digest is not checked here. BlobError: there is none, or it is shorter or longer than `size`.
        """
        raise NotImplementedError

    def first(self, digest: Digest, size: int) -> bytes:
        """Return the first bytes of a blob."""
        raise NotImplementedError

    def referrers(self, digest: Digest) -> tuple[Descriptor, ...]:
        """Return what refers to a manifest, by the Referrers API, else by the tag `<algorithm>-<hex>`."""
        raise NotImplementedError

    def tags(self) -> tuple[str, ...] | None:
        """Return the repository's tags, None where the registry does not list them."""
        raise NotImplementedError

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Sequence[bytes] | None = None,
        push: bool = False,
        also: Iterable[str] = (),
        again: bool = True,
    ) -> Answer:
        """Send one request and return the answer, whatever its status. Redirects are followed, challenges answered.

        `url` is a whole URL (a Location that the registry gave), or a path below `/v2/NAME/`, as `blobs/uploads/`. The
        pieces of `body` may be sent twice (a challenge, a redirect). `push` asks for the right to push, `also` names
        repositories from which blobs are mounted. With `again` the request is repeated after 429, 5xx and a broken
        connection; without, LostConnection is raised at once.

        HostError: no connection, or TLS refuses it.
        """
        raise NotImplementedError

    def refused(self, answer: Answer, do: str) -> ContentError | HostError:
        """Return the error for an answer that is no success. `do` is what was tried, as `pull app:1.0`."""
        raise NotImplementedError

    def close(self) -> None:
        """Close all connections."""
        raise NotImplementedError
