"""When a layer is verified: every claim of it has its own case in which nothing else is wrong."""

from dataclasses import replace
from typing import Any, cast

import pytest

from ociarchive.auditing.evidence import Evidence
from ociarchive.blobio.limits import Limits
from ociarchive.blobio.source import Bytes
from ociarchive.measure import Measured, measure
from ociarchive.model import Layer
from ociarchive.values import Descriptor, Digest
from tests.support.build import LAYER_TYPES, digest, gzipped
from tests.support.tar import file, tar

PLAIN = tar([file("a", b"content")])
STORED = gzipped(PLAIN)
SOURCE = Bytes(STORED, "layer")
FACT = measure(SOURCE, limits=Limits(), unpack=True)
TRUE = Layer(
    descriptor=Descriptor.make(LAYER_TYPES["oci", "gzip"], Digest.parse(digest(STORED)), len(STORED)),
    source=SOURCE,
    name="layer 1",
    diff_id=Digest.parse(digest(PLAIN)),
)


def described(**members: Any) -> Layer:  # noqa: ANN401  any JSON
    assert TRUE.descriptor is not None
    return replace(TRUE, descriptor=TRUE.descriptor.evolve(**members))


# name: the layer, what was measured of it, whether it is verified
LAYERS: dict[str, tuple[Layer, Measured | None, bool | None]] = {
    "all-true": (TRUE, FACT, True),
    "no-descriptor": (replace(TRUE, descriptor=None), FACT, True),
    "too-small-a-size": (described(size=len(STORED) - 1), FACT, False),
    "too-large-a-size": (described(size=len(STORED) + 1), FACT, False),
    "another-digest": (described(digest=digest(b"")), FACT, False),
    "another-diff-id": (replace(TRUE, diff_id=Digest.parse(digest(b""))), FACT, False),
    "no-diff-id": (replace(TRUE, diff_id=None), FACT, False),
    "an-unknown-algorithm": (described(digest="md5:" + "0" * 32), FACT, None),
    "an-unknown-algorithm-and-a-wrong-size": (described(digest="md5:" + "0" * 32, size=1), FACT, False),
    "not-unpacked": (TRUE, replace(FACT, diff_ids=None, tar=None), False),
    "no-tar-looked-at": (TRUE, replace(FACT, tar=None), None),
    "cut-tar": (TRUE, replace(FACT, tar=measure(Bytes(PLAIN[:514], ""), limits=Limits(), unpack=True).tar), False),
    "of-a-kind-that-is-not-unpacked": (described(mediaType="application/x-encrypted"), FACT, None),
    "of-such-a-kind-and-a-wrong-size": (described(mediaType="application/x-encrypted", size=1), FACT, False),
    "not-read": (TRUE, None, None),
}


@pytest.mark.parametrize("name", LAYERS)
def test_verified(name: str) -> None:
    layer, fact, expected = LAYERS[name]
    evidence = Evidence(cast("Any", None), {} if fact is None else {SOURCE: fact})
    assert evidence.verified(layer) is expected
