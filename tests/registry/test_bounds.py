"""Servers that always send a little more: a client leaves each of them, and says why."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from socket import create_server, socket

import pytest

from ociarchive.remote.address import Access
from ociarchive.remote.wire import LostConnection, Wire

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@contextmanager
def server(pieces: Callable[[], Iterator[bytes]], pause: float = 0) -> Iterator[str]:
    """Serve one request with pieces, until the client goes."""
    with create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            called: socket
            called, _ = listening.accept()
            with called, suppress(OSError):
                called.recv(1 << 16)
                for piece in pieces():
                    called.sendall(piece)
                    time.sleep(pause)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v2/"
        thread.join(60)
        assert not thread.is_alive(), "the client is still there"


def asked(url: str, read: float = 10) -> bytes:
    wire = Wire(Access(plain_http=True, read=read), 1)
    try:
        return wire.send("GET", url, {}).read(1 << 20)
    finally:
        wire.close()


def after(start: bytes, piece: bytes) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        yield start
        yield from repeat(piece)

    return pieces


ENDLESS = {
    "continue": (after(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), "bytes before its answer"),
    "continue-with-headers": (after(b"", b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" * 100), "bytes before its answer"),
    "headers": (after(OK, b"A: b\r\n" * 100), "no answer"),
    "one-header": (after(OK + b"A: ", b"b" * 1000), "no answer"),
    "trailers": (after(CHUNKED + b"1\r\nx\r\n0\r\n", b"A: b\r\n" * 100), "trailers without end"),
    "one-trailer": (after(CHUNKED + b"1\r\nx\r\n0\r\nA: ", b"b" * 1000), "trailers without end"),
    "chunk-extension": (after(CHUNKED + b"1;a=", b"b" * 1000), "broke off"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end_is_left(name: str) -> None:
    pieces, words = ENDLESS[name]
    with server(pieces) as url, pytest.raises(LostConnection, match=words):
        asked(url)


@pytest.mark.parametrize("start", [b"", OK, OK + b"Content-Length: 1000\r\n\r\n"], ids=["line", "header", "body"])
def test_single_bytes_are_not_waited_for(start: bytes) -> None:
    with (
        server(after(start, b"H"), pause=0.02) as url,
        pytest.raises(LostConnection, match="less than 1024 bytes in 1 "),
    ):
        asked(url, read=0.2)


def test_an_answer_after_some_promises_is_an_answer() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"HTTP/1.1 100 Continue\r\n\r\n" * 20
        yield CHUNKED + b"5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n"

    with server(pieces) as url:
        assert asked(url) == b"hello"
