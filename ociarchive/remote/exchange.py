"""A request to its end: authorized, challenged, redirected, and sent again where that can help."""

from __future__ import annotations

import threading
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ociarchive.errors import HostError, plural
from ociarchive.remote.auth import Authority
from ociarchive.remote.urls import joined, shown
from ociarchive.remote.wire import LostConnection, Response, Wire
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ociarchive.remote.address import Access
    from ociarchive.remote.credentials import Keyring
    from ociarchive.remote.wire import Body

_AGAIN: Final = frozenset((429, 500, 502, 503, 504))
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_HOPS: Final = 8
_UNAUTHORIZED: Final = 401
#: So often a request is sent with another header after one was refused, and with one that was made for it.
_RENEWALS: Final = 8
_OWN: Final = 1
#: What some servers say of a token that has expired, where they should say 401.
_STALE: Final = frozenset((400, 403))
#: No pause is longer, in seconds, whatever Retry-After asks for; a registry that asks for more is given up.
_LONGEST: Final = 60.0
_USUAL: Final = {
    "User-Agent": f"ociarchive/{VERSION}",
    "Accept-Encoding": "identity",  # bytes as they are stored: their digest is proved
}


class Exchange:
    """Requests in the name of one repository. All threads may use it."""

    def __init__(self, access: Access, keyring: Keyring, repository: str, names: Mapping[str, str], jobs: int) -> None:
        """`names` has what credentials call a server, where that is not the server itself (`docker.io`)."""
        self._access, self._keyring, self._repository, self._names = access, keyring, repository, names
        self._wire = Wire(access, jobs)
        self._lock = threading.Lock()
        self._aborted = threading.Event()
        self._authorities: dict[tuple[str, str], Authority] = {}

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        scopes: frozenset[str],
        body: Body | None = None,
        again: bool = True,
    ) -> Response:
        """Send a request and return the answer, whatever its status. Its body is not read yet.

        With `again` it is sent again after 429, 5xx and a lost connection. LostConnection, HostError: no answer.
        """
        tried = 0
        while True:
            try:
                response = self._hops(method, url, dict(headers), scopes, body)
            except LostConnection:
                if not again or tried >= self._access.retries:
                    raise
                self.pause(tried)
                tried += 1
                continue
            if not again or response.status not in _AGAIN or tried >= self._access.retries:
                return response
            asked = retry_after(response.headers.get("retry-after"))
            response.pass_over()
            if asked is not None and asked > _LONGEST:
                wait = plural(round(asked), "second")
                raise HostError(
                    f"the registry answers with status {response.status} and asks to wait {wait}",
                    where=shown(response.url), hint="try again later",
                )  # fmt: skip
            self.pause(tried, asked)
            tried += 1

    def pause(self, tried: int, asked: float | None = None) -> None:
        """Wait before a request is sent again: twice as long each time, or as long as the registry asks.

        LostConnection: the work was given up.
        """
        if self._aborted.wait(min(max(self._access.pause * 2**tried, asked or 0.0), _LONGEST)):
            raise LostConnection("the work was given up")

    def renew(self) -> None:
        """Do without the connections that are kept."""
        self._wire.renew()

    def begin(self) -> None:
        """Work on after `abort`."""
        self._aborted.clear()

    def abort(self) -> None:
        """End what other threads wait for: pauses, and answers that are being read."""
        self._aborted.set()
        self._wire.abort()

    def close(self) -> None:
        """Close all connections."""
        self._wire.close()

    def authority(self, url: str) -> Authority:
        """Return who we are to the server of a URL."""
        parts = urlsplit(url)
        server = parts.netloc.rpartition("@")[2]
        key = (parts.scheme, server)
        with self._lock:
            if key not in self._authorities:
                self._authorities[key] = Authority(
                    self._names.get(server, server), self._repository, self._keyring, self._ask, base=url
                )
            return self._authorities[key]

    def _hops(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        scopes: frozenset[str],
        body: Body | None,
    ) -> Response:
        """Follow redirects. Each server gets the credentials that are its own, and no others."""
        for _ in range(_HOPS):
            response = self._authorized(method, url, headers, scopes, body)
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or not location:
                return response
            response.pass_over()
            target = joined(url, location)
            if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
                raise HostError("the registry redirects to a server without TLS", where=shown(target))
            url = target
        raise HostError(f"the registry redirects more than {_HOPS} times", where=shown(url))

    def _authorized(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        scopes: frozenset[str],
        body: Body | None,
    ) -> Response:
        """Send a request to one server, and again with what its challenge asks for.

        A token that another thread got may have ended by now, and one of our own while we waited to send it.
        """
        authority = self.authority(url)
        shows = authority.shown(scopes)
        mine = 0 if shows is not None else 1
        for _ in range(_RENEWALS):
            response = self._once(method, url, headers, shows, body)
            stale = response.status in _STALE and shows is not None and shows.startswith("Bearer ")
            if (response.status != _UNAUTHORIZED and not stale) or mine > _OWN:
                return response
            other = authority.renew(shows, response.headers.get("www-authenticate", ""), scopes)
            if other is None:
                return response
            response.pass_over()
            shows, mine = other.header, mine + other.mine
        return self._once(method, url, headers, shows, body)

    def _once(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        shows: str | None,
        body: Body | None,
    ) -> Response:
        sent = {**_USUAL, **headers}
        if shows is not None:
            sent["Authorization"] = shows
        return self._wire.send(method, url, sent, body)

    def _ask(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> Response:
        """Ask a token server. A redirect is not followed: what is sent is for this server alone."""
        tried = 0
        while True:
            try:
                response = self._wire.send(method, url, {**_USUAL, **headers}, body)
            except LostConnection:
                if tried >= self._access.retries:
                    raise
            else:
                if response.status not in _AGAIN or tried >= self._access.retries:
                    return response
                response.pass_over()
            self.pause(tried)
            tried += 1


def retry_after(value: str | None) -> float | None:
    """Return the seconds that Retry-After asks for (RFC 9110, 10.2.3), None where it asks for nothing."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value.strip()[:9])
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return None
