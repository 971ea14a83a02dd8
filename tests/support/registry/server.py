"""The server: connections of HTTP/1.1 that stay open, faults, and a record of all that was asked."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from types import TracebackType
from typing import Any, Final, Self

from ociarchive.values import Digest
from tests.support.registry import pulling, pushing
from tests.support.registry.exchange import Exchange, Kind, Request, Response, error
from tests.support.registry.faults import Fault
from tests.support.registry.store import Store

_ROUTES: Final[dict[str, Callable[[Store, Request], Response]]] = {
    "GET base": pulling.base,
    "GET blob": pulling.blob,
    "HEAD blob": pulling.blob,
    "GET manifest": pulling.manifest,
    "HEAD manifest": pulling.manifest,
    "GET tags": pulling.tags,
    "GET upload": pushing.status,
    "PUT upload": pushing.finish,
    "DELETE upload": pushing.cancel,
    "PUT manifest": pushing.put_manifest,
    "DELETE manifest": pulling.delete_manifest,
    "DELETE blob": pulling.delete_blob,
}


class Registry:
    """A registry on a port of its own, for a `with` statement.

    `faults` change what it does, in their order. `least` is its OCI-Chunk-Min-Length, `page` the number of entries in
    one response of the referrers API. `log` has every exchange.
    """

    def __init__(
        self,
        *faults: Fault,
        store: Store | None = None,
        least: int | None = None,
        page: int | None = None,
        deletes: bool = True,
    ) -> None:
        self.store = store or Store()
        self.faults: list[Fault] = list(faults)
        self.log: list[Exchange] = []
        self._least, self._page, self._deletes = least, page, deletes
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        port: int = self._server.server_address[1]
        return port

    @property
    def address(self) -> str:
        """HOST:PORT, as it stands behind `docker://`."""
        return f"127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections were made."""
        return self._server.made

    def asked(self, *asks: str) -> list[Exchange]:
        """List the exchanges of these kinds: `GET blob`; all where none is named."""
        with self._lock:
            return [one for one in self.log if not asks or one.asks in asks]

    def counts(self) -> Counter[str]:
        """Count the requests of each kind."""
        return Counter(one.asks for one in self.asked())

    def forget(self) -> None:
        """Begin the record anew."""
        with self._lock:
            self.log.clear()

    def put(
        self, name: str, raw: bytes, media_type: str, blobs: Sequence[bytes] = (), tag: str | None = None
    ) -> Digest:
        """Keep a manifest and its blobs without a request."""
        with self._lock:
            for data in blobs:
                self.store.put_blob(name, data)
            return self.store.put_manifest(name, raw, media_type, tag)

    def answer(self, request: Request) -> Response:
        """Answer a request: the first fault that has an answer, else the registry; then each fault may change it."""
        for fault in self.faults:
            fault.before(request)
        with self._lock:
            early = (fault.instead(request, self.store) for fault in self.faults)
            response = next((one for one in early if one is not None), None) or self._route(request)
            for fault in self.faults:
                response = fault.changed(request, response, self.store)
            body = response.body if request.method != "HEAD" else b""
            self.log.append(
                Exchange(
                    asks=request.asks,
                    host=request.headers.get("host", ""),
                    name=request.name,
                    reference=request.reference,
                    query=request.query,
                    headers=request.headers,
                    status=response.status,
                    received=len(request.body),
                    sent=len(body if response.cut is None else body[: response.cut]),
                )
            )
            return response

    def _route(self, request: Request) -> Response:
        """Answer as the specification says."""
        if not self._deletes and request.asks in ("DELETE manifest", "DELETE blob"):
            return error(405, "UNSUPPORTED")
        if request.asks in ("POST uploads", "PATCH upload"):
            begin = pushing.start if request.method == "POST" else pushing.patch
            return begin(self.store, request, self._least)
        if request.asks == "GET referrers":
            return pulling.referrers(self.store, request, self._page)
        if request.asks in _ROUTES:
            return _ROUTES[request.asks](self.store, request)
        if request.kind is Kind.OTHER:
            return error(404, "NAME_INVALID" if request.path.startswith("/v2/") else "UNSUPPORTED")
        return error(405, "UNSUPPORTED")


class _Server(ThreadingHTTPServer):
    """One thread for each connection; all are closed at the end."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, registry: Registry) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.registry = registry
        self.made = 0
        self._open: set[socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  socketserver's own types
        self.made += 1
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401  as above
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End every connection."""
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  as above
        """Say nothing of a client that went away."""


class _Handler(BaseHTTPRequestHandler):
    """Requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name that http.server gives it
        """Say nothing."""

    def handle_expect_100(self) -> bool:
        """Let the client send its body."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def handle_one_request(self) -> None:
        """Answer one request; a client that goes away ends the connection."""
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _serve(self) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        request = Request.parse(self.command, self.path, headers)
        registry = self.server.registry
        most = min((fault.reads(request) for fault in registry.faults), default=None, key=_or_all)
        request.body = self._body(headers, most)
        request.broken = most is not None and len(request.body) >= most
        response = registry.answer(request)
        if request.broken:
            self._end()
            return
        length = len(response.body) if response.length is None else response.length
        self.send_response(response.status)
        for key, value in response.headers.items():
            self.send_header(key, value)
        if response.status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body if response.cut is None else response.body[: response.cut])
        self.wfile.flush()
        if response.close or response.cut is not None:
            self._end()

    def _end(self) -> None:
        """Hang up without a word."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(SHUT_RDWR)

    def _body(self, headers: dict[str, str], most: int | None) -> bytes:
        """Read the body of a request, `most` bytes of it."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunked(most)
        size = int(headers.get("content-length", "0"))
        return self.rfile.read(size if most is None else min(size, most))

    def _chunked(self, most: int | None) -> bytes:
        body = bytearray()
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
            if most is not None and len(body) >= most:
                return bytes(body[:most])
        while self.rfile.readline().strip():
            pass
        return bytes(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  the names http.server looks for


def _or_all(most: int | None) -> float:
    return float("inf") if most is None else most
