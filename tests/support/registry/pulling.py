"""Pull, content discovery and content management: what reads, and what deletes."""

import json
import re
from typing import Any

from ociarchive.values import Digest
from tests.support.registry.exchange import Request, Response, error
from tests.support.registry.store import Store

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def base(store: Store, request: Request) -> Response:
    """end-1: this is a registry."""
    del store, request
    return Response(200, {"Content-Type": "application/json", "Docker-Distribution-API-Version": "registry/2.0"}, b"{}")


def blob(store: Store, request: Request) -> Response:
    """end-2: a blob, or a part of it (RFC 9110, 14)."""
    digest = request.digest
    if digest is None:
        return error(400, "DIGEST_INVALID")
    repository = store.repositories.get(request.name)
    if repository is None or digest not in repository.blobs:
        return error(404, "BLOB_UNKNOWN" if repository else "NAME_UNKNOWN")
    data = store.content[digest]
    headers = {
        "Content-Type": "application/octet-stream",
        "Docker-Content-Digest": str(digest),
        "Accept-Ranges": "bytes",
        "ETag": f'"{digest}"',
    }
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or request.headers.get("if-range", headers["ETag"]) != headers["ETag"]:
        return Response(200, headers, data)
    first, last = _span(asked[1], asked[2], len(data))
    if not first <= last or first >= len(data):
        return error(416, "RANGE_INVALID", Content_Range=f"bytes */{len(data)}")
    return Response(206, headers | {"Content-Range": f"bytes {first}-{last}/{len(data)}"}, data[first : last + 1])


def _span(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(size - int(last or "0"), 0), size - 1
    return int(first), min(int(last or size - 1), size - 1)


def manifest(store: Store, request: Request) -> Response:
    """end-3: a manifest by tag or digest."""
    repository = store.repositories.get(request.name)
    digest = repository.find(request.reference) if repository else None
    if repository is None or digest is None:
        return error(404, "MANIFEST_UNKNOWN" if repository else "NAME_UNKNOWN")
    found = repository.manifests[digest]
    return Response(200, {"Content-Type": found.media_type, "Docker-Content-Digest": str(digest)}, found.raw)


def tags(store: Store, request: Request) -> Response:
    """end-8: all tags, or `n` of them after `last`, in lexical order."""
    repository = store.repositories.get(request.name)
    if repository is None:
        return error(404, "NAME_UNKNOWN")
    names = [name for name in sorted(repository.tags) if name > request.query.get("last", "")]
    headers = {"Content-Type": "application/json"}
    if "n" in request.query:
        if not request.query["n"].isdigit():
            return error(400, "PAGINATION_NUMBER_INVALID")
        most = int(request.query["n"])
        if 0 < most < len(names):
            headers["Link"] = f'</v2/{request.name}/tags/list?n={most}&last={names[most - 1]}>; rel="next"'
        names = names[:most]
    return Response(200, headers, json.dumps({"name": request.name, "tags": names}).encode())


def referrers(store: Store, request: Request, page: int | None) -> Response:
    """end-12: what refers to a manifest, which need not exist; `page`: how many entries a response has."""
    if request.digest is None:
        return error(400, "DIGEST_INVALID")
    repository = store.repositories.get(request.name)
    found = repository.referrers(request.reference) if repository else []
    headers = {"Content-Type": OCI_INDEX}
    kind = request.query.get("artifactType")
    if kind is not None:
        found = [one for one in found if one.get("artifactType") == kind]
        headers["OCI-Filters-Applied"] = "artifactType"
    after = int(request.query.get("after", "0"))
    if page is not None and after + page < len(found):
        filtered = f"&artifactType={kind}" if kind is not None else ""
        headers["Link"] = f'<{request.path}?after={after + page}{filtered}>; rel="next"'
    entries = found[after : None if page is None else after + page]
    return Response(200, headers, json.dumps(index(entries)).encode())


def index(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Make an image index."""
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}


def delete_manifest(store: Store, request: Request) -> Response:
    """end-9: a tag alone, or a manifest with its tags."""
    repository = store.repositories.get(request.name)
    if repository is None:
        return error(404, "NAME_UNKNOWN")
    if request.reference in repository.tags:
        del repository.tags[request.reference]
        return Response(202)
    digest = Digest.maybe(request.reference)
    if digest not in repository.manifests:
        return error(404, "MANIFEST_UNKNOWN")
    del repository.manifests[digest]
    for tag in [tag for tag, named in repository.tags.items() if named == digest]:
        del repository.tags[tag]
    return Response(202)


def delete_blob(store: Store, request: Request) -> Response:
    """end-10: a blob, of this repository."""
    repository = store.repositories.get(request.name)
    if repository is None or request.digest not in repository.blobs:
        return error(404, "BLOB_UNKNOWN" if repository else "NAME_UNKNOWN")
    repository.blobs.remove(request.digest)
    return Response(202)
