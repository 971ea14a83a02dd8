"""What signatures and statements speak of, however large the SBOM is that stands behind the subjects."""

import base64
from pathlib import Path

import pytest

from ociarchive import documents, statements
from ociarchive.blobio.limits import LimitError, Limits
from ociarchive.blobio.source import Bytes
from ociarchive.mediatypes import IN_TOTO
from ociarchive.opening import open_archive
from ociarchive.statements import DSSE, SIMPLE_SIGNING, Statements, spoken_of
from ociarchive.values import Descriptor, Digest
from tests.support.build import OCI_MANIFEST, Image, Json, Node, blob, digest, dumped, hexed, layer, layout
from tests.support.tar import write_tar

MIB = 1 << 20
KIND = "dev.cosignproject.cosign/atts"
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
    "large-with-subjects-that-nest": (IN_TOTO, b'{"subject":' + b"[" * 2 * MIB, ()),
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


def test_what_many_signatures_speak_of_counts_for_each(tmp_path: Path) -> None:
    node = Image(layers=[layer({"a": b"a"})]).node()
    body = blob(statement(*(digest(b"%d" % number) for number in range(50))), IN_TOTO)
    said = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": body.descriptor, "layers": [body.descriptor]}
    saved = [blob(dumped({**said, "n": number}), OCI_MANIFEST) for number in range(20)]
    kept = [Node(one.descriptor, {**one.blobs, **body.blobs}).annotated(kind=KIND) for one in saved]
    path = write_tar(tmp_path / "a.tar", layout(node, *kept))
    with open_archive(str(path), limits=Limits(listed=1000)) as archive:
        assert len(archive.roots) == 21
    with pytest.raises(LimitError, match="more than the 999 allowed"):
        open_archive(str(path), limits=Limits(listed=999))


@pytest.mark.parametrize("name", PAYLOADS)
def test_spoken_of(name: str) -> None:
    media_type, payload, expected = PAYLOADS[name]
    assert tuple(map(str, spoken_of(media_type, Bytes(payload, "payload")))) == expected


def test_of_very_many_values_the_subjects_are_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small payload is read as a whole whatever came before it; of one of many values its subjects are looked for."""
    read: list[int] = []
    parse = documents.parse

    def heard(raw: bytes, where: str, *, limit: int, surrogates: bool) -> documents.Document:
        read.append(len(raw))
        return parse(raw, where, limit=limit, surrogates=surrogates)

    monkeypatch.setattr(documents, "parse", heard)
    monkeypatch.setattr(statements, "_VALUES", 1000)
    known = Statements(Limits(), "archive")
    large = [dumped({"subject": subject(ONE), "n": number, "p": [1] * 500}) for number in range(4)]
    spoken = [known.of([Held(IN_TOTO, one)])[0][1] for one in large]
    assert spoken == [(Digest.parse(ONE),)] * 4
    assert len(read) == 1
    assert known.of([Held(SIMPLE_SIGNING, signed(TWO))])[0][1] == (Digest.parse(TWO),)
    assert known.of([Held(DSSE, enveloped(large[1] + b" "))])[0][1] == (Digest.parse(ONE),)
    assert len(read) == 3


class Held:
    """A blob that an artifact holds."""

    def __init__(self, media_type: str, content: bytes) -> None:
        self.source = Bytes(content, "payload")
        self.descriptor = Descriptor.make(media_type, Digest.parse(digest(content)), len(content))
