"""Rules about the JSON documents: index, manifests, configs, manifest.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.auditing.controls import BLOBS, COMPLETENESS, IDENTITY, LAYERS, SAFETY
from ociarchive.auditing.rule import Fault, Rule, Severity, noticed
from ociarchive.errors import plural
from ociarchive.measure import agrees
from ociarchive.mediatypes import Kind, kind_of, meant_by
from ociarchive.model import Artifact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing.controls import Control
    from ociarchive.auditing.evidence import Evidence

_JSON: Final = "RFC 8259; I-JSON, RFC 7493"
_MAKER: Final = "Make the archive again; report it to whoever wrote the program that made it."
#: What leads to images.
_DOCUMENTS: Final = (Kind.INDEX, Kind.MANIFEST, Kind.SCHEMA1)
_TRAP: Final = "Do not use this archive: two readers may see two images in it."


def _rule(
    rule: str, control: Control, spec: str, summary: str, advice: str = _MAKER, severity: Severity = "error"
) -> Rule:
    """Return a rule whose faults the readers of documents find."""
    return Rule(
        id=rule, severity=severity, control=control, spec=spec, summary=summary, advice=advice, check=noticed(rule)
    )


def _layer_sources(evidence: Evidence) -> Iterator[Fault]:
    """Compare each descriptor only with bytes of its own digest. It says nothing about others."""
    yield from noticed("layer-sources-mismatch")(evidence)
    for told in evidence.archive.layer_sources:
        fact = evidence.fact(told.layer.source)
        blob = evidence.fact(told.blob) if told.blob != told.layer.source else None
        diff_id = told.layer.diff_id
        if fact is not None and agrees(told.descriptor.digest, fact.digests) and told.descriptor.size != fact.size:
            yield Fault(
                location=told.where, message="LayerSources gives a layer another size than it has",
                subject=diff_id, expected=plural(told.descriptor.size, "byte"), found=plural(fact.size, "byte"),
            )  # fmt: skip
        elif blob is not None and blob.diff_ids and diff_id and agrees(diff_id, blob.diff_ids) is False:
            yield Fault(
                location=told.where, message="LayerSources gives a layer a blob that unpacks to something else",
                subject=diff_id, expected=diff_id, found=blob.diff_id,
            )  # fmt: skip


def _unproved(evidence: Evidence) -> Iterator[Fault]:
    yield from noticed("image-unproved")(evidence)
    for edge in evidence.edges:
        told = edge.descriptor.media_type if edge.descriptor is not None else ""
        opaque = isinstance(edge.node, Artifact) and edge.node.document is None
        if opaque and edge.descriptor is not None and kind_of(told) is None and meant_by(told) in _DOCUMENTS:
            yield Fault(
                location=evidence.place(str(edge.descriptor.digest)), subject=edge.descriptor.digest, found=told[:80],
                message="the media type is spelled as none is, and nothing below what it may mean is proved",
            )  # fmt: skip


RULES: Final = (
    # Is it JSON, and the same to every parser?
    _rule("json-invalid", SAFETY, _JSON, "A document is not JSON."),
    _rule("json-encoding", SAFETY, "RFC 8259, 8.1", "A document is not UTF-8."),
    _rule("json-bom", SAFETY, "RFC 8259, 8.1", "A document begins with a byte order mark, which parsers may refuse."),
    _rule("json-trailing", SAFETY, _JSON, "Text follows the end of a document; some parsers never see it.", _TRAP),
    _rule("json-duplicate-key", SAFETY, "RFC 8259, 4", "A key stands twice: parsers disagree which counts.", _TRAP),
    _rule("json-number", SAFETY, "RFC 8259, 6; RFC 7493, 2.2", "A number is NaN, infinite or beyond 64 bits.", _TRAP),
    _rule(
        "json-surrogate", SAFETY,
        "RFC 8259, 8.2", "A string holds half of a UTF-16 pair; Go turns it into another.", _TRAP,
    ),
    _rule(
        "config-surrogate", SAFETY, "RFC 8259, 8.2", "A string of a config holds half of a UTF-16 pair.",
        "Its bytes travel as they are; what an engine shows of it may differ.", "warning",
    ),
    _rule("key-case", SAFETY, "RFC 8259, 4", "A key differs from a known one in case alone: only Go takes it.", _TRAP),
    _rule(
        "limit-depth", SAFETY,
        "a limit of this program (--limit depth=N)", "A document nests deeper than real ones do.",
    ),
    _rule(
        "limit-document", SAFETY,
        "a limit of this program (--limit manifest-size=N, config-size=N); distribution-spec, Push",
        "A document is larger than registries and engines take.",
    ),
    _rule(
        "limit-nesting", SAFETY,
        "a limit of this program (--limit nesting=N)", "Indexes nest deeper than real ones do.",
    ),
    _rule("limit-layers", SAFETY, "a limit of this program (--limit layers=N)", "An image has too many layers."),
    _rule("limit-documents", SAFETY, "a limit of this program (--limit documents=N)", "There are too many documents."),
    _rule(
        "limit-documents-size", SAFETY, "a limit of this program (--limit documents-size=N)",
        "All manifests, indexes and configs together are more than fits into memory.",
    ),
    _rule(
        "limit-values", SAFETY, "a limit of this program (--limit values=N)",
        "All documents together hold more JSON values than fit into memory.",
    ),
    _rule(
        "limit-statements", SAFETY, "a limit of this program (--limit statements=N)",
        "All payloads of signatures and attestations together are more than is read.",
    ),
    _rule(
        "limit-listed", SAFETY, "a limit of this program (--limit listed=N)",
        "Layers, names and entries, counted as often as they are reached, are more than a report can hold.",
    ),
    _rule(
        "limit-outer", SAFETY,
        "a limit of this program (--limit outer=N)", "The archive is compressed again and again.",
    ),
    _rule(
        "limit-ratio", SAFETY, "a limit of this program (--max-ratio)", "The archive unpacks to many times its size.",
        "If it is meant to be so, --max-ratio lifts the limit.",
    ),
    # Is it the document it should be?
    _rule(
        "schema", SAFETY, "image-spec, manifest.md, image-index.md, config.md, descriptor.md",
        "A member that a document must have is not there, or of the wrong type.",
    ),
    _rule(
        "config-value", SAFETY, "Docker image spec v1.2; image-spec, config.md; RFC 3339",
        "A member of a config has a value that engines read in different ways, or some do not read.",
        "Engines of today take the image, or its maker wrote it by the letter: write the value as Docker does.",
        "warning",
    ),
    _rule("digest-malformed", BLOBS, "image-spec, descriptor.md, Digests", "What should be a digest is none."),
    _rule("media-type-malformed", SAFETY, "RFC 6838, 4.2", "What should be a media type is none."),
    _rule(
        "platform-malformed", IDENTITY, "image-spec, image-index.md, platform", "A platform is not what it should be.",
    ),
    _rule(
        "urls-malformed", SAFETY,
        "image-spec, descriptor.md, urls; RFC 3986", "What should be a URL of a blob is none.",
    ),
    _rule("annotations-malformed", SAFETY, "image-spec, annotations.md", "Annotations do not map strings to strings."),
    _rule(
        "platform-empty", IDENTITY,
        "image-spec, config.md, architecture and os", "An architecture or os is there and empty.",
        "Engines take such an image for any platform, or for none: build it again with a platform.", "warning",
    ),
    _rule(
        "platform-spelling", IDENTITY,
        "image-spec, config.md and image-index.md; go.dev/doc/install/source, GOOS and GOARCH",
        "An architecture or os is not spelled as Go spells it, as engines compare it.",
        "Engines do not find the image for its platform: build it again with Go's names.", "warning",
    ),
    _rule(
        "layers-empty", LAYERS,
        "image-spec, manifest.md, layers", "A manifest lists no layers, where it should list one.",
        "Lawful for an image without files; some engines refuse it.", "warning",
    ),
    _rule(
        "document-ambiguous", SAFETY, "image-spec, manifest.md and image-index.md; CVE-2021-41190",
        "A document is a manifest and an index at once, or says it is another kind than it is.", _TRAP,
    ),
    _rule(
        "media-type-conflict", IDENTITY, "image-spec, manifest.md, mediaType; CVE-2021-41190",
        "A document's mediaType contradicts that of the descriptor that names it.", _TRAP,
    ),
    Rule(
        id="image-unproved", severity="warning", control=LAYERS, spec="image-spec, media-types.md",
        summary="A manifest is an image's but for its media types, by which it is none: its diff_ids are not proved.",
        advice="Engines that do not look at media types run it: make it again with those of the specification.",
        check=_unproved,
    ),
    _rule("index-cycle", SAFETY, "image-spec, image-index.md", "An index leads to itself."),
    # The entry documents
    _rule("index-missing", COMPLETENESS, "image-spec, image-layout.md, index.json file", "A layout has no index.json."),
    _rule(
        "index-empty", COMPLETENESS,
        "image-spec, image-index.md, manifests", "An index, or manifest.json, lists nothing.",
        "Lawful, and there is nothing in it: save the images again.", "warning",
    ),
    _rule(
        "index-without-manifests", COMPLETENESS, "image-spec, image-index.md, manifests",
        "index.json lists nothing, while manifest.json beside it names images.",
        "Nothing need be done: manifest.json is read; `convert` writes both.", "warning",
    ),
    _rule(
        "layout-version", COMPLETENESS, "image-spec, image-layout.md, oci-layout file",
        "The file oci-layout is missing, malformed, or of a version that is not known.",
        'Put a file oci-layout with {"imageLayoutVersion":"1.0.0"} beside index.json.',
    ),
    _rule(
        "hybrid-disagrees", IDENTITY, "Docker image spec v1.2; image-spec, image-layout.md",
        "manifest.json and index.json of one archive name different images: engines load different ones.",
        "Do not use this archive; save it again.",
    ),
    _rule(
        "format-doubled", SAFETY, "containers-transports(5); image-spec, image-layout.md",
        "A folder is an archive of two formats at once; which images are read depends on who reads.",
        "Keep each format in a folder of its own.", "warning",
    ),
    _rule("role-doubled", SAFETY, "containers-transports(5), dir", "Two files of a dir claim one digest.", _TRAP),
    Rule(
        id="layer-sources-mismatch", severity="error", control=LAYERS, spec="moby, image/tarexport, LayerSources",
        summary="manifest.json's LayerSources and Layers speak of different layers.",
        advice="Save the image again.",
        check=_layer_sources,
    ),
    _rule(
        "v1-conflict", IDENTITY, "Docker image spec v1, repositories",
        "What only old engines read (repositories, the json of layers) contradicts manifest.json.",
        "Harmless for engines since Docker 1.10; `convert` leaves the file out.", "warning",
    ),
    _rule(
        "reference-malformed", IDENTITY, "distribution, reference grammar; image-spec, annotations.md",
        "A name or tag is none that an engine could use.", "Name the image with `convert --tag`.", "warning",
    ),
)  # fmt: skip
