"""Images of Docker's first years, built byte by byte: `docker save` of before 1.10, and image manifest schema 1."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.build import Layer, digest, dumped, hexed
from tests.support.tar import Member, file

SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
UNSIGNED = "application/vnd.docker.distribution.manifest.v1+json"
_KEY = {
    "crv": "P-256",
    "kty": "EC",
    "x": "zO_kQkzJ05fIFjBWkUaJLXFKj08q4jOB2Etx6DRKJ0E",
    "y": "hLcAcU1XfOiDtiWSUxIy-NG5HzfvL_3ox_9rkJNku0I",
}


def identity(number: int) -> str:
    """Give the id of the layer of a number."""
    return hexed(digest(b"layer %d" % number))


def v1(number: int, parent: int | str | None, **members: object) -> bytes:
    """Make the v1 image of a layer; its parent is the layer of a number, or what a text says."""
    about = {"id": identity(number), "created": "2015-01-01T00:00:00Z", "os": "linux", "architecture": "amd64"}
    return dumped(
        {
            **about,
            **({} if parent is None else {"parent": identity(parent) if isinstance(parent, int) else parent}),
            **members,
        }
    )


def without(text: bytes, *names: str) -> bytes:
    """Take members out of a v1 image."""
    return dumped({key: value for key, value in json.loads(text).items() if key not in names})


def chain(count: int) -> list[bytes]:
    """Make the v1 images of an image of so many layers, the base first."""
    return [v1(number, number - 1 if number else None) for number in range(count)]


def saved(layers: Sequence[Layer], texts: Sequence[bytes] = (), names: Mapping[str, Any] | None = None) -> list[Member]:
    """Make a `docker save` of before 1.10 of one image. `names` is its `repositories`, else one name for the top."""
    made = []
    for number, (one, text) in enumerate(zip(layers, texts or chain(len(layers)), strict=True)):
        folder = identity(number)
        made += [file(f"{folder}/VERSION", b"1.0"), file(f"{folder}/json", text)]
        made += [file(f"{folder}/layer.tar", one.stored)]
    told = {"corpus/old": {"1.0": identity(len(layers) - 1)}} if names is None else names
    return [*made, file("repositories", dumped(told))]


def payload(layers: Sequence[Layer], texts: Sequence[bytes] = (), **members: object) -> bytes:
    """Make a manifest of schema 1 without a signature."""
    history = [{"v1Compatibility": one.decode()} for one in reversed(texts or chain(len(layers)))]
    document = {
        "schemaVersion": 1,
        "name": "corpus/old",
        "tag": "1.0",
        "architecture": "amd64",
        "fsLayers": [{"blobSum": one.digest} for one in reversed(layers)],
        "history": history,
    }
    return json.dumps({**document, **members}, indent=3).encode()


def protected(length: int, tail: bytes) -> str:
    """Make the protected header of a signature over so many bytes and what follows them."""
    return encoded(dumped({"formatLength": length, "formatTail": encoded(tail), "time": "2015-01-01T00:00:00Z"}))


def encoded(data: bytes) -> str:
    """Encode as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(manifest: bytes, headers: Sequence[str] | None = None) -> bytes:
    """Sign a manifest, as far as its form goes: nobody checks the signature."""
    cut = manifest.rindex(b"\n}")
    told = [protected(cut, b"\n}")] if headers is None else headers
    signatures = [{"header": {"jwk": _KEY, "alg": "ES256"}, "signature": "AA", "protected": one} for one in told]
    return manifest[:cut] + b',\n   "signatures": ' + json.dumps(signatures).encode() + b"\n}"


def schema1_dir(manifest: bytes, layers: Sequence[Layer]) -> list[Member]:
    """Make a `dir` with a manifest of schema 1."""
    blobs = {hexed(one.digest): one.stored for one in layers}
    return [
        file("version", b"Directory Transport Version: 1.1\n"),
        *(file(name, data) for name, data in blobs.items()),
        file("manifest.json", manifest),
    ]
