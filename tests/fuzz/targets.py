"""What is fuzzed: functions of bytes that raise where the program would be wrong.

Errors of the program's own are an answer like any other. What is not: any other exception, a reader that sees what
another does not, a report that does not parse.
"""

import datetime as dt
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from typing import Final
from xml.etree import ElementTree as ET

from ociarchive import documents
from ociarchive.auditing import Policy, Report, audit_archive
from ociarchive.auditing.audit import judge, report_of
from ociarchive.auditing.claims import claimed
from ociarchive.auditing.evidence import Evidence
from ociarchive.auditing.listing import archive_facts
from ociarchive.auditing.run import Run
from ociarchive.blobio.limits import Limits
from ociarchive.blobio.randomfile import OpenFile
from ociarchive.blobio.source import Bytes
from ociarchive.container import TarContainer, stream
from ociarchive.container.header import HeaderError
from ociarchive.errors import OciArchiveError
from ociarchive.formats import FORMATS, detect
from ociarchive.measure import measure
from ociarchive.model import images
from ociarchive.opening import open_archive
from ociarchive.report.audit import audit_json, codequality, junit, sarif
from ociarchive.report.audit.audit_table import AuditTable
from ociarchive.report.audit.piecewise import whole
from ociarchive.toc.check import check
from ociarchive.values import JSON, Descriptor
from ociarchive.workers import Workers
from tests.fuzz import codecs
from tests.fuzz.layers import chunked, estargz
from tests.fuzz.memory import Members, split

#: Small, so that what a limit guards is met by inputs of a few KiB.
LIMITS: Final = Limits(
    ratio=50, ratio_from=1 << 18, layer_size=1 << 22, manifest_size=1 << 16, config_size=1 << 16, depth=30, nesting=4,
    documents=200, documents_size=1 << 20, values=20_000, layers=200, members=2_000, name=300, extended=1 << 14,
    window=1 << 23,
)  # fmt: skip
_RUN: Final = Run(command=("ociarchive", "audit"), time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), seconds=0)
_MEMORY: Final = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108  a file of this process alone


def tar(data: bytes) -> None:
    """The walker over a file, as it is and with its checksums set right; tarfile must see no other archive."""
    for raw in (data, sealed(data)):
        with tempfile.TemporaryFile(dir=_MEMORY) as file:
            file.write(raw)
            file.flush()
            with closing(TarContainer(OpenFile(os.dup(file.fileno()), "fuzz"), "fuzz", "fuzz", LIMITS)) as container:
                found = ((name, container.get(name)) for name in list(container.names()))
                content = {name: b"".join(source.chunks()) for name, source in found if source is not None}
                if not list(container.flaws):
                    _same_as_tarfile(raw, content)
        with suppress(HeaderError):
            for _ in stream.Tar([raw[at : at + 700] for at in range(0, len(raw), 700)], LIMITS).members():
                pass


def sealed(data: bytes) -> bytes:
    """Return a tar whose headers all have the checksum that fits, as far as sizes lead from one to the next."""
    out = bytearray(data)
    for position in _headers(data):
        block = out[position : position + 512]
        if any(block):
            out[position + 148 : position + 156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 8 * 32)
    return bytes(out)


def _headers(data: bytes) -> Iterator[int]:
    """Give where a tar's headers would stand, the blocks behind its end among them."""
    position = 0
    while position + 512 <= len(data):
        yield position
        digits = data[position + 124 : position + 136].strip(b" \0")
        with suppress(ValueError):
            size = int(digits or b"0", 8)
            if data[position + 156] not in b"123456" and size > 0:
                position += -(-size // 512) * 512
        position += 512


def _same_as_tarfile(raw: bytes, content: Mapping[str, bytes]) -> None:
    """Where nothing is wrong for us, Python's reader sees the same files with the same bytes."""
    theirs: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(raw), mode="r:", encoding="utf-8", errors="surrogateescape") as other:
        for info in other:
            named = not info.name.endswith("/")  # a folder of before POSIX, which it misses behind a prefix
            if info.isreg() and named and (file := other.extractfile(info)) is not None:
                theirs[os.path.normpath(info.name).lstrip("/")] = file.read()
    ours = {name: data for name, data in content.items() if name in theirs}  # links are no files to tarfile
    assert theirs == ours, f"tarfile sees another archive: {sorted(theirs)[:5]}, we see {sorted(content)[:5]}"


def json_documents(data: bytes) -> None:
    """What strict JSON takes, Python's parser takes as the same value, and our writer gives it back."""
    for surrogates in (False, True):
        try:
            document = documents.parse(data, "fuzz", limit=1 << 16, depth=30, surrogates=surrogates)
        except documents.DocumentError:
            continue
        assert document.value == json.loads(data)
        if not documents.has_lone_surrogate(document):
            again = documents.parse(documents.dump(document.value), "fuzz", limit=1 << 20, depth=30)
            assert again.value == document.value


def readers(data: bytes) -> None:
    """Every format's reader over the same members, and all that looks at what it read."""
    content = split(data)
    likely = {detect(Members(content, kind=kind, limits=LIMITS)) for kind in ("directory", "tar")}
    for known in FORMATS:
        if known not in likely and len(data) % 8:  # what nobody would read so is read so now and then
            continue
        try:
            kind = known.layout.kind if known.layout is not None else "directory"
            archive = known.reader.read(Members(dict(content), kind=kind, limits=LIMITS))
            facts = {
                source: measure(source, limits=how.limits, unpack=how.unpack, algorithms=how.algorithms)
                for source, how in claimed([archive]).items()
            }
        except OciArchiveError:
            continue
        evidence = Evidence(archive, facts)
        findings = judge(evidence)
        _reported(report_of(evidence, findings, Policy(), "images"))
        if not findings:  # then every layer of every image was proved
            for image in images(archive.roots):
                assert all(evidence.verified(layer) for layer in image.layers if layer.unpacks), "unproved, no finding"
        json.dumps(archive_facts(archive, evidence))


def _reported(report: Report) -> None:
    """Every report parses, and what a terminal gets moves no cursor. One form a time, in turn: they cost the most."""
    match len(report.findings) % 4:
        case 0:
            json.loads(whole(sarif.begin(_RUN), [report]))
        case 1:
            json.loads(whole(codequality.begin(_RUN), [report]))
        case 2:
            ET.fromstring(whole(junit.begin(_RUN), [report]))  # noqa: S314  our own output
        case _:
            json.loads(whole(audit_json.begin(_RUN), [report]))
    table = whole(AuditTable(_RUN, width=80, whole=False, paint=lambda text, _: text), [report])
    assert all(char.isprintable() or char == "\n" for char in table), "a control character in a table"


def tables(data: bytes) -> None:
    """Tables of contents, in a layer that is right around them; members that are annotations take their place."""
    members = split(data)
    table, plain = members.pop("table", b""), members.pop("tar", b"")
    raw = members.pop("raw", None)
    told = {name: content.decode("utf-8", "replace") for name, content in members.items()}
    for layer, right in (estargz(table, plain), chunked(table, plain)):
        for annotations in (right, {**right, **told}):
            stored = raw if raw is not None else layer
            descriptor: dict[str, JSON] = {"mediaType": "x/y", "digest": f"sha256:{0:064}", "size": len(stored)}
            with suppress(ValueError):  # annotations that no descriptor can have
                claim = Descriptor.parse({**descriptor, "annotations": dict(annotations)})
                check(claim, Bytes(stored, "fuzz"), len(plain), LIMITS)


class Audit:
    """The whole: a file is opened, audited and reported in every form."""

    def __init__(self) -> None:
        self._workers = Workers(1)

    def __call__(self, data: bytes) -> None:
        """Audit the bytes as a file, as they are and with a tar's checksums set right."""
        for raw in (data, sealed(data)):
            with tempfile.NamedTemporaryFile(dir=_MEMORY) as file:
                file.write(raw)
                file.flush()
                try:
                    archive = open_archive(file.name, limits=LIMITS, shown="fuzz.tar")
                except OciArchiveError:
                    continue
                with closing(archive), suppress(OciArchiveError):
                    _reported(audit_archive(archive, limits=LIMITS, workers=self._workers, detail="images"))


TARGETS: Final[dict[str, Callable[[], Callable[[bytes], None]]]] = {
    "tar": lambda: tar,
    "documents": lambda: json_documents,
    "readers": lambda: readers,
    "codecs": lambda: codecs.target,
    "toc": lambda: tables,
    "audit": Audit,
}
