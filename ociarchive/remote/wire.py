"""One request on one connection: pools, proxies, TLS and timeouts. It knows no registry and no credentials."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import unquote, urlsplit
from weakref import WeakSet

from ociarchive.errors import ContentError, HostError, UsageError, plural
from ociarchive.remote.answers import bounded
from ociarchive.remote.proxies import proxy_for
from ociarchive.remote.urls import joined, no_address, shown

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from ociarchive.remote.address import Access
    from ociarchive.remote.proxies import Proxy

#: What a request sends: some bytes, or their pieces.
Body: TypeAlias = "bytes | Sequence[bytes | memoryview]"
#: What a server may send as an answer that is no document, such as its words about an error.
SMALL: Final = 64 << 10
_CHUNK: Final = 512 << 10
#: SHUT_RDWR (sys/socket.h): nothing is read from a connection any more, nor written.
_BOTH_WAYS: Final = 2


class LostConnection(HostError):
    """A connection ended, or none was made. What was sent may have arrived."""


class Response:
    """An answer whose body was not read yet. Names of `headers` are in small letters. `url` was asked."""

    def __init__(self, raw: Any, url: str, live: set[Any]) -> None:  # noqa: ANN401  urllib3 is imported when needed
        """`live` has the answers that are being read, this one as long as it is."""
        self._raw, self._live = raw, live
        live.add(raw)
        self.status: int = raw.status
        self.headers: dict[str, str] = {name.lower(): raw.headers[name] for name in raw.headers}
        self.url = url

    @property
    def length(self) -> int | None:
        """The number of bytes that the body is said to have, None where that is not said."""
        return length_of(self.headers)

    def chunks(self, size: int = _CHUNK) -> Generator[bytes]:
        """Give the body in pieces and keep the connection at its end. LostConnection: it breaks off.

        The connection is closed where the caller stops before the end.
        """
        whole = False
        try:
            while piece := self._read(size):
                yield piece
            whole = True
        finally:
            if whole:
                self._live.discard(self._raw)
                self._raw.release_conn()
            else:
                self.close()

    def _read(self, size: int) -> bytes:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415  imported when a registry is spoken to

        try:
            found: bytes = self._raw.read(size, decode_content=False)
        except (HTTPError, OSError) as error:
            raise LostConnection(f"the connection broke off: {_words(error)}", where=shown(self.url)) from None
        return found

    def read(self, limit: int) -> bytes:
        """Return the whole body. ContentError: it has more than `limit` bytes, of which no more are read."""
        pieces: list[bytes] = []
        found = 0
        for piece in self.chunks(min(limit + 1, _CHUNK)):
            found += len(piece)
            if found > limit:
                raise ContentError(
                    "the registry sends more than a document has", where=shown(self.url),
                    expected=f"{plural(limit, 'byte')} at most",
                )  # fmt: skip
            pieces.append(piece)
        return b"".join(pieces)

    def pass_over(self) -> None:
        """Do without the body. The connection is kept where the body is short, else closed."""
        if self.length is None or self.length > SMALL:
            self.close()
            return
        with suppress(LostConnection):
            for _ in self.chunks():
                pass

    def close(self) -> None:
        """Give the rest of the body up."""
        self._live.discard(self._raw)
        with suppress(Exception):  # nothing of it is needed any more
            self._raw.close()


_DIGITS: Final = 18


def length_of(headers: Mapping[str, str]) -> int | None:
    """Return the number of bytes that headers say a body has, None where they say none."""
    told = headers.get("content-length", "")
    return int(told) if told.isdecimal() and len(told) <= _DIGITS else None


class Wire:
    """Connections to servers, each kept after a request. All threads may use it."""

    def __init__(self, access: Access, jobs: int) -> None:
        """`jobs` is the number of connections that are kept to a server."""
        self._access, self._jobs = access, max(jobs, 1)
        self._pools: dict[str, Any] = {}
        self._live: set[Any] = set()
        self._made: WeakSet[Any] = WeakSet()
        self._lock = threading.Lock()

    def send(self, method: str, url: str, headers: Mapping[str, str], body: Body | None = None) -> Response:
        """Send a request and return the answer, whatever it is.

        LostConnection: there is none, or it breaks. HostError: TLS refuses the server, or `url` is no address.
        """
        from urllib3.exceptions import HTTPError, LocationValueError, SSLError  # noqa: PLC0415  as in Response

        url = joined(url, "")
        pool = self._pool(url)
        sent = dict(headers)
        if body is not None and not isinstance(body, bytes):
            sent["Content-Length"] = str(sum(map(len, body)))
        try:
            raw = pool.urlopen(
                method, url, body=body, headers=sent, redirect=False, retries=False, preload_content=False,
                decode_content=False,
            )  # fmt: skip
        except LocationValueError:
            raise no_address(url, url) from None
        except SSLError as error:
            raise HostError(
                f"TLS refuses the server: {_words(error)}", where=shown(url),
                hint="name its authority with --ca-file, or say --plain-http where it has no TLS",
            ) from None  # fmt: skip
        except (HTTPError, OSError) as error:
            raise LostConnection(f"no answer: {_words(error)}", where=shown(url)) from None
        return Response(raw, url, self._live)

    def abort(self) -> None:
        """End what other threads wait for: answers that they read, or that have not begun. They get LostConnection."""
        for raw in list(self._live):
            with suppress(Exception):  # it has ended meanwhile
                raw.shutdown()
        with self._lock:
            made = list(self._made)
        for connection in made:
            with suppress(Exception):  # it has none yet, or not any more
                connection.sock.shutdown(_BOTH_WAYS)

    def renew(self) -> None:
        """Do without the connections that are kept. Requests that are under way go on."""
        with self._lock:
            self._pools.clear()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for manager in pools:
            for key in list(manager.pools.keys()):
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
            manager.clear()
        for raw in list(self._live):
            with suppress(Exception):  # as in Response.close
                raw.close()

    def _pool(self, url: str) -> Any:  # noqa: ANN401  as in Response
        parts = urlsplit(url)
        proxy = proxy_for(parts.scheme, parts.netloc.rpartition("@")[2], os.environ)
        key = proxy.url if proxy is not None else ""
        with self._lock:
            if key not in self._pools:
                self._pools[key] = self._make(proxy)
            return self._pools[key]

    def _make(self, proxy: Proxy | None) -> Any:  # noqa: ANN401  as in Response
        import urllib3  # noqa: PLC0415  as in Response

        shared: dict[str, Any] = {
            "num_pools": 16,
            "maxsize": self._jobs,
            "timeout": urllib3.Timeout(connect=self._access.connect, read=self._access.read),
            **self._trust(),
        }
        if proxy is None:
            made = urllib3.PoolManager(**shared)
        else:
            user = unquote(proxy.user) if proxy.user is not None else None
            made = urllib3.ProxyManager(
                proxy.url, proxy_headers=urllib3.make_headers(proxy_basic_auth=user) if user else None, **shared
            )
        bounded(made, self._access.read, self._keep)
        return made

    def _keep(self, connection: Any) -> None:  # noqa: ANN401  as in Response
        with self._lock:
            self._made.add(connection)

    def _trust(self) -> dict[str, Any]:
        """Return whom to trust: the authorities of the system, and those of `--ca-file`."""
        import urllib3  # noqa: PLC0415  as in Response
        from urllib3.util.ssl_ import create_urllib3_context  # noqa: PLC0415  as in Response

        if self._access.skip_verify:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the call asked for it
            return {"cert_reqs": "CERT_NONE", "assert_hostname": False}
        if self._access.ca_file is None:
            return {}
        context = create_urllib3_context()
        context.load_default_certs()
        try:
            context.load_verify_locations(self._access.ca_file)
        except OSError as error:
            why = error.strerror if isinstance(error.strerror, str) else "it holds none"
            what = f"no certificates of authorities can be read: {why}"
            raise UsageError(what, where=self._access.ca_file) from None
        return {"ssl_context": context}


def _words(error: BaseException) -> str:
    """Return what an error of a connection says. urllib3 packs the system's own words into others."""
    for one in (error, error.__cause__, *(arg for arg in error.args if isinstance(arg, BaseException))):
        if isinstance(one, OSError) and one.strerror:
            return str(one.strerror)
    name = type(error).__name__
    return _SPOKEN.get(name, name)


_SPOKEN: Final = {
    "ConnectTimeoutError": "the connection timed out",
    "ReadTimeoutError": "the server says nothing any more",
    "NameResolutionError": "its name is not known",
    "ProtocolError": "the server closed the connection",
    "IncompleteRead": "the server closed the connection",
    "ProxyError": "the proxy does not connect",
    "NewConnectionError": "the connection is refused",
}
