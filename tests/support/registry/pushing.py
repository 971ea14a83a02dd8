"""Push: uploads in one piece or in chunks, mounts, and manifests."""

import hashlib
import json
import re
import uuid

from ociarchive.values import Digest
from tests.support.registry.exchange import TAG, Request, Response, error
from tests.support.registry.store import Manifest, Repository, Store, Upload

_CHUNK = re.compile(r"(\d+)-(\d+)")
#: distribution-spec, Pushing Manifests: a registry SHOULD take at least 4 MiB.
MAX_MANIFEST = 4 * 1024 * 1024


def start(store: Store, request: Request, least: int | None) -> Response:
    """end-4a, end-4b, end-11: begin an upload, take a blob in one request, or mount one from another repository."""
    repository = store.repository(request.name)
    if "mount" in request.query:
        mounted = _mount(store, repository, request)
        if mounted is not None:
            return mounted
    elif "digest" in request.query:
        return _finished(store, request.name, request.body, request.query["digest"])
    session = uuid.uuid4().hex
    repository.uploads[session] = Upload()
    headers = {"Location": f"/v2/{request.name}/blobs/uploads/{session}?state=0", "Range": "0-0"}
    if least is not None:
        headers["OCI-Chunk-Min-Length"] = str(least)
    return Response(202, headers)


def _mount(store: Store, repository: Repository, request: Request) -> Response | None:
    """Take a blob that another repository has. None: an upload begins instead."""
    digest = Digest.maybe(request.query["mount"])
    source = store.repositories.get(request.query.get("from", ""))
    if digest is None or source is None or digest not in source.blobs:
        return None
    repository.blobs.add(digest)
    return _created(request.name, digest)


def status(store: Store, request: Request) -> Response:
    """end-13: how much of an upload is there."""
    upload = _upload(store, request)
    return error(404, "BLOB_UPLOAD_UNKNOWN") if upload is None else Response(204, _where(request, upload))


def patch(store: Store, request: Request, least: int | None) -> Response:
    """end-5: a chunk, which begins where the last one ended; without Content-Range a stream."""
    upload = _upload(store, request)
    if upload is None:
        return error(404, "BLOB_UPLOAD_UNKNOWN")
    if not _follows(upload, request) or (upload.short and request.body):
        return Response(416, _where(request, upload))
    upload.data += request.body
    upload.short = least is not None and "content-range" in request.headers and len(request.body) < least
    return Response(202, _where(request, upload))


def finish(store: Store, request: Request) -> Response:
    """end-6: the last chunk, perhaps empty, and what the blob is."""
    upload = _upload(store, request)
    if upload is None:
        return error(404, "BLOB_UPLOAD_UNKNOWN")
    if "digest" not in request.query:
        return error(400, "DIGEST_INVALID")
    if request.body and not _follows(upload, request):
        return Response(416, _where(request, upload))
    data = bytes(upload.data + request.body)
    del store.repository(request.name).uploads[request.reference]
    return _finished(store, request.name, data, request.query["digest"])


def cancel(store: Store, request: Request) -> Response:
    """End an upload."""
    if _upload(store, request) is None:
        return error(404, "BLOB_UPLOAD_UNKNOWN")
    del store.repository(request.name).uploads[request.reference]
    return Response(204)


def _upload(store: Store, request: Request) -> Upload | None:
    repository = store.repositories.get(request.name)
    return repository.uploads.get(request.reference) if repository else None


def _follows(upload: Upload, request: Request) -> bool:
    told = request.headers.get("content-range")
    if told is None:
        return True
    found = _CHUNK.fullmatch(told)
    if found is None:
        return False
    first, last = int(found[1]), int(found[2])
    return first == len(upload.data) and (request.broken or last - first + 1 == len(request.body))


def _where(request: Request, upload: Upload) -> dict[str, str]:
    """Give the next URL of an upload, which changes with each chunk, and the bytes that are there."""
    size = len(upload.data)
    location = f"/v2/{request.name}/blobs/uploads/{request.reference}?state={size}"
    return {"Location": location, "Range": f"0-{max(size - 1, 0)}"}


def _finished(store: Store, name: str, data: bytes, told: str) -> Response:
    digest = Digest.maybe(told)
    if digest is None or digest.algorithm not in hashlib.algorithms_available:
        return error(400, "DIGEST_INVALID")
    if hashlib.new(digest.algorithm, data).hexdigest() != digest.hex:
        return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
    store.content[digest] = data
    store.repository(name).blobs.add(digest)
    return _created(name, digest)


def _created(name: str, digest: Digest) -> Response:
    return Response(201, {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": str(digest)})


def put_manifest(store: Store, request: Request) -> Response:
    """end-7: a manifest, when all that it names is there; what it is the referrer of need not be."""
    refused = _refused(store, request)
    if refused is not None:
        return refused
    repository = store.repository(request.name)
    told = Digest.maybe(request.reference)
    digest = Digest(told.algorithm, hashlib.new(told.algorithm, request.body).hexdigest()) if told else None
    digest = digest or Digest("sha256", hashlib.sha256(request.body).hexdigest())
    found = Manifest(request.headers["content-type"], request.body)
    repository.manifests[digest] = found
    if told is None:
        repository.tags[request.reference] = digest
    headers = {"Location": f"/v2/{request.name}/manifests/{digest}", "Docker-Content-Digest": str(digest)}
    if found.subject is not None:
        headers["OCI-Subject"] = found.subject
    return Response(201, headers)


def _refused(store: Store, request: Request) -> Response | None:
    if len(request.body) > MAX_MANIFEST:
        return error(413, "SIZE_INVALID")
    told = Digest.maybe(request.reference)
    if told is None and re.fullmatch(TAG, request.reference) is None:
        return error(400, "MANIFEST_INVALID", "neither a tag nor a digest")
    if told is not None and hashlib.new(told.algorithm, request.body).hexdigest() != told.hex:
        return error(400, "DIGEST_INVALID")
    try:
        members = json.loads(request.body)
    except ValueError:
        return error(400, "MANIFEST_INVALID")
    media_type = request.headers.get("content-type", "")
    if not isinstance(members, dict) or not media_type or members.get("mediaType", media_type) != media_type:
        return error(400, "MANIFEST_INVALID", "Content-Type and mediaType differ")
    repository = store.repository(request.name)
    blobs = [members["config"]] if "config" in members else []
    blobs += [layer for layer in members.get("layers", []) if not layer.get("urls")]
    for one in blobs:
        if Digest.maybe(one["digest"]) not in repository.blobs:
            return error(404, "MANIFEST_BLOB_UNKNOWN", one["digest"])
    for child in members.get("manifests", []):
        if Digest.maybe(child["digest"]) not in repository.manifests and not request.reference.startswith("sha256-"):
            return error(404, "MANIFEST_BLOB_UNKNOWN", child["digest"])
    return None
