"""Rules about the JSON documents: index, manifests, configs, manifest.json."""

from __future__ import annotations

from typing import Final

from ociarchive.audit.rule import Rule, noticed

RULES: Final = (
    Rule(
        id="schema", severity="error",
        spec="image-spec, manifest.md, image-index.md, config.md; RFC 8259; RFC 7493",
        summary="A document is not what it should be: no strict JSON, or a member is absent or of the wrong type.",
        advice="Make the archive again; report it to whoever wrote the program that made it.",
        check=noticed("schema"),
    ),
    Rule(
        id="layout-version", severity="error", spec="image-spec, image-layout.md, oci-layout file",
        summary="The file oci-layout is missing, malformed, or of a version that is not known.",
        advice='Put a file oci-layout with {"imageLayoutVersion":"1.0.0"} beside index.json.',
        check=noticed("layout-version"),
    ),
    Rule(
        id="index-without-manifests", severity="warning", spec="image-spec, image-index.md, manifests",
        summary="index.json lists nothing, while manifest.json beside it names images.",
        advice="Nothing need be done: manifest.json is read; `convert` writes both.",
        check=noticed("index-without-manifests"),
    ),
    Rule(
        id="hybrid-disagrees", severity="error", spec="Docker image spec v1.2; image-spec, image-layout.md",
        summary="manifest.json and index.json of one archive name different images: engines load different ones.",
        advice="Do not use this archive; save it again.",
        check=noticed("hybrid-disagrees"),
    ),
    Rule(
        id="media-type-conflict", severity="error", spec="image-spec, manifest.md, mediaType",
        summary="A document's mediaType contradicts that of the descriptor that names it.",
        advice="Make the archive again; CVE-2021-41190 is what such documents are used for.",
        check=noticed("media-type-conflict"),
    ),
    Rule(
        id="reference-malformed", severity="warning", spec="distribution, reference grammar",
        summary="A RepoTag is no image name; no engine can use it.",
        advice="Name the image with `convert --tag`.",
        check=noticed("reference-malformed"),
    ),
)  # fmt: skip
