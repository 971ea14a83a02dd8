"""The controls that an auditor asks for, and which rules speak for which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One question that an audit answers."""

    id: str
    name: str
    question: str


BLOBS: Final = Control(
    id="blobs",
    name="Integrity of blobs",
    question="Do the bytes of every blob match the digest and size that name them?",
)
LAYERS: Final = Control(
    id="layers",
    name="Integrity of layers",
    question="Does every layer unpack, to its end, to the content that the image's config lists?",
)
IDENTITY: Final = Control(
    id="identity",
    name="Identity",
    question="Is each image the one that its ID, names, index and attachments say it is?",
)
COMPLETENESS: Final = Control(
    id="completeness",
    name="Completeness",
    question="Is everything here that the images name, and nothing beside it?",
)
SAFETY: Final = Control(
    id="safety",
    name="Safety to load",
    question="Can the archive be read by any engine in one way only, without harm to the reader?",
)
CONTROLS: Final = (BLOBS, LAYERS, IDENTITY, COMPLETENESS, SAFETY)

_RULES: Final = {
    "not-an-archive": COMPLETENESS,
    "tar-truncated": COMPLETENESS,
    "link-dangling": COMPLETENESS,
    "layout-version": COMPLETENESS,
    "layer-foreign": COMPLETENESS,
    "blob-missing": COMPLETENESS,
    "blob-unreferenced": COMPLETENESS,
    "sparse-index": COMPLETENESS,
    "receipt-mismatch": IDENTITY,
    "expected-digest-missing": IDENTITY,
    "hybrid-disagrees": IDENTITY,
    "media-type-conflict": IDENTITY,
    "media-type-mismatch": LAYERS,
    "image-unproved": LAYERS,
    "v1-conflict": IDENTITY,
    "index-cycle": SAFETY,
}
#: For every other rule: the first of these that its id begins with.
_PREFIXES: Final = (
    (("digest-", "size-", "data-mismatch", "blob-"), BLOBS),
    (("layer-", "layers-", "diff-id-", "toc-", "estargz-", "zstd-", "history-", "gzip-"), LAYERS),
    (("index-", "manifests-"), COMPLETENESS),
    (("image-id-", "reference-", "name-", "tag-", "manifest-untagged", "hybrid-", "roles-"), IDENTITY),
    (("signature-", "statement-", "subject-", "referrer", "attestation-", "platform-", "config-name"), IDENTITY),
)


def control_of(rule: str) -> Control:
    """Return the control that a rule speaks for: what nothing else claims bears on how safely it can be read."""
    if rule in _RULES:
        return _RULES[rule]
    return next((control for prefixes, control in _PREFIXES if rule.startswith(prefixes)), SAFETY)
