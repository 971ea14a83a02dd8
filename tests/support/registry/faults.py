"""Faults that clients of registries were reported for, one class each. Several work together.

A fault that `times` limits is there so often and then gone; None means that it stays.
"""

import base64
import json
import re
from collections.abc import Callable

from ociarchive.blobio.hashing import sha256
from ociarchive.values import tagged_digest
from tests.support.registry.exchange import Kind, Request, Response, error
from tests.support.registry.store import Store


class Fault:
    """What a registry does otherwise. As it stands it does nothing."""

    def reads(self, request: Request) -> int | None:
        """How many bytes of a request's body are read before the connection ends, None for all."""
        del request
        return None

    def before(self, request: Request) -> None:
        """Wait before a request is answered; requests on other connections are answered meanwhile."""
        del request

    def instead(self, request: Request, store: Store) -> Response | None:
        """Answer instead of the registry."""
        del request, store
        return None

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        """Change the registry's answer."""
        del request, store
        return response


class _Limited(Fault):
    """A fault of some requests, so many times."""

    def __init__(self, *asks: str, times: int | None = None) -> None:
        self._asks, self._left = asks, times

    def fits(self, request: Request) -> bool:
        """Whether the fault is there for a request, and one time less for the next."""
        if (self._asks and request.asks not in self._asks) or self._left == 0:
            return False
        if self._left is not None:
            self._left -= 1
        return True


class TagIsImage(Fault):
    """Answers a tag `sha256-<hex>` that it does not have with the image of that digest."""

    def instead(self, request: Request, store: Store) -> Response | None:
        """Answer."""
        if request.kind is not Kind.MANIFEST or request.method not in ("GET", "HEAD"):
            return None
        repository = store.repositories.get(request.name)
        digest = tagged_digest(request.reference)
        if repository is None or request.reference in repository.tags or digest not in repository.manifests:
            return None
        found = repository.manifests[digest]
        return Response(200, {"Content-Type": found.media_type, "Docker-Content-Digest": str(digest)}, found.raw)


class Status(_Limited):
    """Answers with an error: 503 twice, 429, 401 to HEAD of a blob, 404, whatever a test asks for."""

    def __init__(self, status: int, *asks: str, times: int | None = None, code: str = "", **headers: str) -> None:
        super().__init__(*asks, times=times)
        self._answer = (status, code or {401: "UNAUTHORIZED", 429: "TOOMANYREQUESTS"}.get(status, "UNKNOWN"), headers)

    def instead(self, request: Request, store: Store) -> Response | None:
        """Answer."""
        del store
        status, code, headers = self._answer
        return error(status, code, **headers) if self.fits(request) else None


def unavailable(times: int = 2, *asks: str) -> Fault:
    """503, so many times."""
    return Status(503, *asks, times=times)


def too_many(times: int = 1, after: str = "1", *asks: str) -> Fault:
    """429 with Retry-After."""
    return Status(429, *asks, times=times, Retry_After=after)


def head_refused() -> Fault:
    """401 to HEAD of a blob, whatever was sent along."""
    return Status(401, "HEAD blob", WWW_Authenticate='Basic realm="blobs"')


def referrers_refused() -> Fault:
    """401 from the referrers API."""
    return Status(401, "GET referrers", WWW_Authenticate='Basic realm="referrers"')


class NoReferrers(Fault):
    """Takes a manifest with a subject, says nothing of it, and has no referrers API."""

    def instead(self, request: Request, store: Store) -> Response | None:
        """Answer as what knows no such endpoint."""
        del store
        return error(404, "UNSUPPORTED") if request.kind is Kind.REFERRERS else None

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        """Leave the header out."""
        del request, store
        response.headers.pop("OCI-Subject", None)
        return response


class EntriesWithoutType(Fault):
    """The index of a tag `sha256-<hex>` has entries without artifactType and annotations."""

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        """Take them out."""
        del store
        if request.asks != "GET manifest" or tagged_digest(request.reference) is None or response.status != 200:
            return response
        members = json.loads(response.body)
        for entry in members.get("manifests", []):
            entry.pop("artifactType", None)
            entry.pop("annotations", None)
        raw = json.dumps(members).encode()
        return Response(200, response.headers | {"Docker-Content-Digest": str(sha256(raw))}, raw)


class Redirect(_Limited):
    """Sends requests to another server: `url` makes the address there of a path."""

    def __init__(self, url: Callable[[str], str], *asks: str) -> None:
        super().__init__(*(asks or ("GET blob",)))
        self._url = url

    def instead(self, request: Request, store: Store) -> Response | None:
        """Answer with the other address, when what is asked for is here."""
        del store
        return Response(307, {"Location": self._url(request.path)}) if self.fits(request) else None


class RefusesAuthorization(Fault):
    """A store with addresses that speak for themselves: a header Authorization beside them is refused with 400."""

    def instead(self, request: Request, store: Store) -> Response | None:
        """Refuse."""
        del store
        return (
            error(400, "InvalidArgument", "only one way to authenticate")
            if "authorization" in request.headers
            else None
        )


class SmallChunks(Fault):
    """416 for every chunk above so many bytes."""

    def __init__(self, most: int = 4 * 1024 * 1024, status: int = 416) -> None:
        self._most, self._status = most, status

    def instead(self, request: Request, store: Store) -> Response | None:
        """Refuse the chunk, and say what is there."""
        if request.method not in ("PATCH", "PUT") or request.kind is not Kind.UPLOAD or len(request.body) <= self._most:
            return None
        upload = store.repository(request.name).uploads[request.reference]
        headers = {"Location": request.path, "Range": f"0-{max(len(upload.data) - 1, 0)}"}
        return Response(self._status, headers)


class Closes(Fault):
    """The connection ends after each response, unannounced."""

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        """Close."""
        del request, store
        response.close = True
        return response


class CutDownload(_Limited):
    """The connection ends after so many bytes of a blob."""

    def __init__(self, after: int, times: int | None = 1, *asks: str) -> None:
        super().__init__(*(asks or ("GET blob",)), times=times)
        self._after = after

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        """Cut."""
        del store
        if response.status in (200, 206) and len(response.body) > self._after and self.fits(request):
            response.cut = self._after
        return response


class CutUpload(_Limited):
    """The connection ends after so many bytes of a request's body; what came is kept."""

    def __init__(self, after: int, times: int | None = 1, *asks: str) -> None:
        super().__init__(*(asks or ("PATCH upload",)), times=times)
        self._after = after

    def reads(self, request: Request) -> int | None:
        """Read so many bytes."""
        long = int(request.headers.get("content-length", self._after + 1)) > self._after
        return self._after if long and self.fits(request) else None


class _Body(_Limited):
    """Changes the body of a blob."""

    def __init__(self, *asks: str, times: int | None = None) -> None:
        super().__init__(*(asks or ("GET blob",)), times=times)

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        """Change it."""
        del store
        if response.status in (200, 206) and response.body and self.fits(request):
            response.body = self.altered(response.body)
        return response

    def altered(self, body: bytes) -> bytes:
        """Give the other body."""
        raise NotImplementedError


class WrongBytes(_Body):
    """The last byte is another one, the length is right: a wrong digest."""

    def altered(self, body: bytes) -> bytes:
        """Change a byte."""
        return body[:-1] + bytes([body[-1] ^ 1])


class ShortBody(_Body):
    """A body that is whole in HTTP's eyes, and a byte shorter than its descriptor says."""

    def altered(self, body: bytes) -> bytes:
        """Leave the last byte out."""
        return body[:-1]


class LongBody(_Body):
    """A body larger than its descriptor says."""

    def altered(self, body: bytes) -> bytes:
        """Put bytes behind it."""
        return body + bytes(1000)


class WrongDigestHeader(Fault):
    """Docker-Content-Digest names another manifest."""

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        """Change the header."""
        del store
        if request.kind is Kind.MANIFEST and "Docker-Content-Digest" in response.headers:
            response.headers["Docker-Content-Digest"] = f"sha256:{'0' * 64}"
        return response


class NoRanges(Fault):
    """Knows no Range: 200 and all of it."""

    def instead(self, request: Request, store: Store) -> Response | None:
        """Forget the header."""
        del store
        request.headers.pop("range", None)
        return None

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        """Do not offer it."""
        del request, store
        response.headers.pop("Accept-Ranges", None)
        return response


class MountRefused(Fault):
    """Begins an upload where a mount was asked for."""

    def instead(self, request: Request, store: Store) -> Response | None:
        """Forget the parameters."""
        del store
        request.query.pop("mount", None)
        request.query.pop("from", None)
        return None


class KeepsSignatures(Fault):
    """No fault: an extension that some registries have. It keeps signatures of simple signing, by manifest.

    Source: containers/image, docs/signature-protocols.md. `entries` are what it lists beside, `status` its answer.
    """

    def __init__(self, kept: dict[str, list[bytes]], *entries: object, status: int = 200) -> None:
        self._kept, self._entries, self._status = kept, entries, status

    def instead(self, request: Request, store: Store) -> Response | None:
        """Answer for the extension."""
        del store
        found = re.fullmatch(r"/extensions/v2/(.+)/signatures/(sha256:[0-9a-f]{64})", request.path)
        if found is None:
            return None
        listed = [
            {
                "schemaVersion": 2,
                "type": "atomic",
                "name": f"{found[2]}@{number:032x}",
                "content": base64.b64encode(content).decode(),
            }
            for number, content in enumerate(self._kept.get(found[2], []))
        ]
        return Response(self._status, body=json.dumps({"signatures": [*self._entries, *listed]}).encode())

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        """Say so where a client asks first."""
        del store
        if request.kind is Kind.BASE:
            response.headers["X-Registry-Supports-Signatures"] = "1"
        return response
