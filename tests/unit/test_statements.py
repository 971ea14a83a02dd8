"""What signatures and statements speak of, however large the SBOM is that stands behind the subjects."""

import base64

import pytest

from ociarchive.blobio.source import Bytes
from ociarchive.mediatypes import IN_TOTO
from ociarchive.statements import DSSE, SIMPLE_SIGNING, spoken_of
from tests.support.build import Json, digest, dumped, hexed

MIB = 1 << 20
ONE, TWO = digest(b"one"), digest(b"two")


def subject(*digests: str) -> list[Json]:
    return [{"name": "_", "digest": {"sha256": hexed(one)}} for one in digests]


def statement(*digests: str, size: int = 0) -> bytes:
    """Make a statement of `size` bytes, the predicate behind the subjects as in-toto writes it."""
    made = {"_type": "https://in-toto.io/Statement/v1", "subject": subject(*digests), "predicate": ""}
    return dumped({**made, "predicate": "x" * (size - len(dumped(made)))})


def signed(subject: str) -> bytes:
    return dumped({"critical": {"image": {"docker-manifest-digest": subject}}})


def enveloped(content: bytes) -> bytes:
    return dumped({"payloadType": IN_TOTO, "payload": base64.b64encode(content).decode(), "signatures": []})


# name: media type, payload, the digests that it speaks of
PAYLOADS: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "statement": (IN_TOTO, statement(ONE, TWO), (ONE, TWO)),
    "statement-twice-of-one": (IN_TOTO, statement(ONE, TWO, ONE), (ONE, TWO)),
    "statement-just-below-1-mib": (IN_TOTO, statement(ONE, size=MIB - 1), (ONE,)),
    "statement-of-1-mib": (IN_TOTO, statement(ONE, size=MIB), (ONE,)),
    "statement-over-1-mib": (IN_TOTO, statement(ONE, TWO, size=3 * MIB), (ONE, TWO)),
    "spaces-before-the-subjects": (
        IN_TOTO, b'{"subject" :\n' + dumped(subject(ONE)) + b',"predicate":"' + b"x" * 2 * MIB + b'"}', (ONE,),
    ),
    "large-with-letters-that-are-cut": (IN_TOTO, statement(ONE)[:-2] + "ä".encode() * MIB + b'"}', (ONE,)),
    "large-without-subjects": (IN_TOTO, b'{"predicate":"' + b"x" * 2 * MIB + b'"}', ()),
    "large-with-subjects-that-are-cut": (IN_TOTO, b'{"subject":[' + b" " * 2 * MIB + b"]}", ()),
    "large-with-subjects-behind-1-mib": (
        IN_TOTO, b'{"predicate":"' + b"x" * MIB + b'","subject":' + dumped(subject(ONE)) + b"}", (),
    ),
    "small-and-cut": (IN_TOTO, statement(ONE)[:-1], ()),
    "small-and-a-list": (IN_TOTO, b"[]", ()),
    "subjects-of-other-kinds": (IN_TOTO, dumped({"subject": [1, {}, {"digest": 1}, {"digest": {"sha256": 1}}]}), ()),
    "envelope": (DSSE, enveloped(statement(ONE)), (ONE,)),
    "envelope-of-nothing": (DSSE, b"{}", ()),
    "envelope-that-is-none": (DSSE, b"[]", ()),
    "envelope-not-in-base64": (DSSE, b'{"payload":"*"}', ()),
    "signature": (SIMPLE_SIGNING, signed(ONE), (ONE,)),
    "signature-of-nothing": (SIMPLE_SIGNING, b'{"critical":{"image":{}}}', ()),
    "signature-without-an-image": (SIMPLE_SIGNING, b'{"critical":[]}', ()),
    "another-kind": ("application/octet-stream", statement(ONE), ()),
}  # fmt: skip


@pytest.mark.parametrize("name", PAYLOADS)
def test_spoken_of(name: str) -> None:
    media_type, payload, expected = PAYLOADS[name]
    assert tuple(map(str, spoken_of(media_type, Bytes(payload, "payload")))) == expected
