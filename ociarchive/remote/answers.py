"""Bounds on what a server may make a client wait for: words before an answer, words behind it, and single bytes.

Each read of a connection has a timeout of its own. A server that always sends a little within it would hold a client
for ever: with `100 Continue` before an answer (RFC 9110, section 15.2, allows any number), with trailers behind the
last chunk of a body (RFC 9112, section 7.1.2), or with one byte a minute.
"""

from __future__ import annotations

import errno
import io
import time
from typing import TYPE_CHECKING, Any, Final

from ociarchive.errors import plural

if TYPE_CHECKING:
    from collections.abc import Callable

#: The most bytes of an answer before its body: a hundred headers of up to 64 KiB may be read, real ones have 1 KiB.
HEAD: Final = 256 << 10
#: The most lines behind the last chunk of a body, and the bytes of each: as many as there may be headers.
_TRAILERS: Final = 100
_LINE: Final = 64 << 10
#: So many timeouts in which nothing arrives must bring `_FEWEST` bytes; a slow modem brings them in one.
_TIMEOUTS: Final = 5
_FEWEST: Final = 1 << 10


def bounded(manager: Any, timeout: float, made: Callable[[Any], None]) -> None:  # noqa: ANN401  urllib3 is imported when needed
    """Make a manager's connections read answers within bounds; `timeout` is that of one read, in seconds.

    `made` hears of each connection before it is connected.
    """
    from urllib3.connection import HTTPConnection, HTTPSConnection  # noqa: PLC0415  as in Wire
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool  # noqa: PLC0415  as in Wire

    def begun(connection: Any, *args: Any, **options: Any) -> None:  # noqa: ANN401  as above
        super(type(connection), connection).__init__(*args, **options)
        made(connection)

    members = {"response_class": staticmethod(_answers(HTTPConnection.response_class, timeout)), "__init__": begun}
    plain = type("_Connection", (HTTPConnection,), members)
    secret = type("_SecretConnection", (HTTPSConnection,), members)
    manager.pool_classes_by_scheme = {
        "http": type("_Pool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("_SecretPool", (HTTPSConnectionPool,), {"ConnectionCls": secret}),
    }


def _answers(usual: Callable[..., Any], timeout: float) -> Callable[..., Any]:
    """Return what makes the answer of a connection, in the place of `usual`, which makes one without bounds."""

    def answer(*args: Any, **options: Any) -> Any:  # noqa: ANN401  those of http.client
        made = usual(*args, **options)
        watched = _Watched(made.fp.detach(), timeout * _TIMEOUTS)
        made.fp = io.BufferedReader(watched)
        begin = made.begin

        def begun() -> None:
            watched.left = HEAD
            begin()
            watched.left = None

        made.begin = begun
        made._read_and_discard_trailer = lambda: _pass_trailers(made.fp)  # noqa: SLF001  it reads them without a bound
        return made

    return answer


def _pass_trailers(lines: io.BufferedReader) -> None:
    for _ in range(_TRAILERS):
        if lines.readline(_LINE) in (b"\r\n", b"\n", b""):
            return
    raise OSError(errno.EPROTO, "the server sends trailers without end")


class _Watched(io.RawIOBase):
    """The bytes of a connection, as they arrive. Where they break a bound, reading raises OSError with a sentence."""

    def __init__(self, raw: io.RawIOBase, patience: float) -> None:
        """`patience` is how long it may take until `_FEWEST` bytes are there, in seconds in which nothing arrives."""
        self._raw, self._patience = raw, patience
        self._waited, self._found = 0.0, 0
        self.left: int | None = None

    def readable(self) -> bool:
        """Yes."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of the connection."""
        return self._raw.fileno()

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401  a buffer, which 3.11 has no type for
        """Read what has arrived."""
        begun = time.monotonic()
        size = self._raw.readinto(buffer)
        self._waited += time.monotonic() - begun
        self._found += size or 0
        if self._found >= _FEWEST:
            self._waited, self._found = 0.0, 0
        elif self._waited > self._patience and size:
            raise OSError(
                errno.EPROTO, f"the server sends less than {_FEWEST} bytes in {plural(round(self._patience), 'second')}"
            )
        if self.left is not None:
            self.left -= size or 0
            if self.left < 0:
                raise OSError(errno.EPROTO, f"the server sends more than {HEAD} bytes before its answer")
        return size

    def close(self) -> None:
        """Close this side of the connection."""
        self._raw.close()
        super().close()
