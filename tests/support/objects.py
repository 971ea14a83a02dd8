"""A server of objects on loopback, as much of S3 as obstore asks: HEAD, GET with Range and If-Match, ListObjectsV2."""

from __future__ import annotations

import hashlib
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUCKET = "archives"
#: Answers of a listing hold so many keys, so that there are several.
PAGE = 3


@dataclass
class Objects:
    """The objects of a bucket by their keys, and what was asked. `before` is called before each answer to a GET.

    `refused`: nobody may read. So many answers fail: `broken` ones do not come, `cut` ones end in the middle, `failing`
    ones are errors of the server. `weak`: its ETags are, so that they fit no If-Match. `whole`: ranges are not heeded.
    `moved` is an address to which every GET is sent on.
    """

    stored: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    sent: int = 0
    refused: bool = False
    broken: int = 0
    cut: int = 0
    whole: bool = False
    moved: str = ""
    failing: int = 0
    etags: bool = True
    weak: bool = False
    before: Callable[[str], None] = lambda _: None
    url: str = ""

    def etag(self, key: str) -> str:
        weak = "W/" if self.weak else ""
        return f'{weak}"{hashlib.md5(self.stored[key], usedforsecurity=False).hexdigest()}"'

    def gets(self) -> list[tuple[str, str]]:
        """Give keys and ranges of all that was fetched."""
        return [(key, span) for method, key, span in self.asked if method == "GET" and key]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects: Objects

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET" and self.objects.cut and status == HTTPStatus.PARTIAL_CONTENT:
            self.objects.cut -= 1
            self.close_connection = True
            self.wfile.write(body[: len(body) // 2])
        elif self.command == "GET":
            self.objects.sent += len(body)
            self.wfile.write(body)

    def _error(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())

    def do_HEAD(self) -> None:
        self._do()

    def do_GET(self) -> None:
        self._do()

    def _do(self) -> None:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        span = self.headers.get("Range", "")
        self.objects.asked.append((self.command, key, span))
        if self.objects.broken:
            self.objects.broken -= 1
            self.close_connection = True
            self.connection.close()
            return
        if self.objects.failing:
            self.objects.failing -= 1
            self._error(503, "SlowDown")
            return
        if self.objects.moved and self.command == "GET":
            self._answer(307, b"", Location=self.objects.moved + self.path)
            return
        signed = "Credential=known/" in self.headers.get("Authorization", "")
        if self.objects.refused or not signed:
            self._error(403, "AccessDenied")
        elif bucket != BUCKET:
            self._error(404, "NoSuchBucket")
        elif "list-type" in parts.query:
            self._list(parse_qs(parts.query, keep_blank_values=True))
        elif key not in self.objects.stored:
            self._error(404, "NoSuchKey")
        else:
            self._object(key, span)

    def _object(self, key: str, span: str) -> None:
        if self.command == "GET":
            self.objects.before(key)
        data = self.objects.stored[key]
        said = {"ETag": self.objects.etag(key)} if self.objects.etags else {}
        said["Last_Modified"] = "Sun, 29 Nov 2026 01:24:41 GMT"
        wanted = self.headers.get("If-Match")
        if wanted is not None and (self.objects.weak or wanted != self.objects.etag(key)):
            self._error(412, "PreconditionFailed")
        elif self.command == "HEAD":
            self._answer(200, b"", Content_Length=str(len(data)), **said)
        else:
            if self.objects.whole:
                self._answer(200, data, **said)
                return
            first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", span).groups())  # type: ignore[union-attr]
            part = data[first : last + 1]
            self._answer(206, part, Content_Range=f"bytes {first}-{first + len(part) - 1}/{len(data)}", **said)

    def _list(self, query: dict[str, list[str]]) -> None:
        (prefix,) = query.get("prefix", [""])
        (after,) = query.get("continuation-token", [""])
        keys = sorted(key for key in self.objects.stored if key.startswith(prefix) and key > after)
        page, more = keys[:PAGE], len(keys) > PAGE
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-29T01:24:41.000Z</LastModified>"
            f"<ETag>{escape(self.objects.etag(key))}</ETag><Size>{len(self.objects.stored[key])}</Size></Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        body = (
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}"
            f"<KeyCount>{len(page)}</KeyCount></ListBucketResult>"
        )
        self._answer(200, body.encode(), Content_Type="application/xml")


@contextmanager
def serving() -> Iterator[Objects]:
    """Serve objects while the context lasts."""
    objects = Objects()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"objects": objects}))
    objects.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield objects
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
