"""What goes over a connection: a request, the response to it, and the record of both."""

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qs

from ociarchive.values import Digest


class Kind(StrEnum):
    """What a request asks for. The numbers are those of the specification's table of endpoints."""

    BASE = "base"  # end-1
    BLOB = "blob"  # end-2, end-10
    MANIFEST = "manifest"  # end-3, end-7, end-9
    UPLOADS = "uploads"  # end-4a, end-4b, end-11
    UPLOAD = "upload"  # end-5, end-6, end-13
    TAGS = "tags"  # end-8a, end-8b
    REFERRERS = "referrers"  # end-12a, end-12b
    TOKEN = "token"  # noqa: S105  a kind of request, no secret
    OTHER = "other"


#: distribution-spec 1.1, Pulling manifests: what a `<name>` is.
NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
_PATHS = (
    (Kind.BASE, re.compile(r"/v2/?")),
    (Kind.UPLOADS, re.compile(rf"/v2/(?P<name>{NAME})/blobs/uploads/")),
    (Kind.UPLOAD, re.compile(rf"/v2/(?P<name>{NAME})/blobs/uploads/(?P<reference>[^/]+)")),
    (Kind.BLOB, re.compile(rf"/v2/(?P<name>{NAME})/blobs/(?P<reference>[^/]+)")),
    (Kind.MANIFEST, re.compile(rf"/v2/(?P<name>{NAME})/manifests/(?P<reference>[^/]+)")),
    (Kind.TAGS, re.compile(rf"/v2/(?P<name>{NAME})/tags/list")),
    (Kind.REFERRERS, re.compile(rf"/v2/(?P<name>{NAME})/referrers/(?P<reference>[^/]+)")),
    (Kind.TOKEN, re.compile(r"/token")),
)


@dataclass(slots=True)
class Request:
    """A request. The keys of `headers` are lower case. `broken`: the connection ended before the body did."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    scopes: tuple[str, ...] = ()
    kind: Kind = Kind.OTHER
    name: str = ""
    reference: str = ""
    body: bytes = b""
    broken: bool = False

    @classmethod
    def parse(cls, method: str, target: str, headers: dict[str, str]) -> "Request":
        """Read a request line and its headers."""
        path, _, query = target.partition("?")
        values = parse_qs(query, keep_blank_values=True)
        request = cls(method, path, {key: each[0] for key, each in values.items()}, headers)
        request.scopes = tuple(values.get("scope", ()))
        for kind, pattern in _PATHS:
            if found := pattern.fullmatch(path):
                parts = found.groupdict()
                request.kind, request.name, request.reference = kind, parts.get("name", ""), parts.get("reference", "")
                break
        return request

    @property
    def asks(self) -> str:
        """The method and the kind: `GET blob`."""
        return f"{self.method} {self.kind}"

    @property
    def digest(self) -> Digest | None:
        """The reference, where it is a digest."""
        return Digest.maybe(self.reference)


@dataclass(slots=True)
class Response:
    """A response. `length`: what Content-Length says, where that is not the body's length.

    `cut`: the connection ends after so many bytes of the body. `close`: it ends after the response, unannounced.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None
    cut: int | None = None
    close: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The record of a request and its response. `received` and `sent` are the bytes of the two bodies."""

    asks: str
    host: str
    name: str
    reference: str
    query: dict[str, str]
    headers: dict[str, str]
    status: int
    received: int
    sent: int


def error(status: int, code: str, message: str = "", **headers: str) -> Response:
    """Make an error response (distribution-spec, Error Codes). `_` in the name of a header stands for `-`."""
    body = json.dumps({"errors": [{"code": code, "message": message or code.lower(), "detail": None}]}).encode()
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Response(status, {"Content-Type": "application/json", **named}, body)
