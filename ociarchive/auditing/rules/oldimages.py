"""Rules about images of Docker's first years: image manifest schema 1, and `docker save` of before Docker 1.10."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.auditing.controls import BLOBS, COMPLETENESS, IDENTITY, SAFETY
from ociarchive.auditing.rule import Rule, Severity, noticed

if TYPE_CHECKING:
    from ociarchive.auditing.controls import Control

_SCHEMA1: Final = "distribution, manifest-v2-1.md; moby 20.10, distribution/pull_v2.go"
_SAVED: Final = "Docker image spec v1; moby 20.10, image/tarexport/load.go, legacyLoad"
_AGAIN: Final = "Docker refuses the image too: pull it from where it was made with a current engine, and save it again."


def _rule(rule: str, control: Control, spec: str, summary: str, advice: str, severity: Severity = "error") -> Rule:
    return Rule(
        id=rule, severity=severity, control=control, spec=spec, summary=summary, advice=advice, check=noticed(rule)
    )


RULES: Final = (
    _rule(
        "config-made", IDENTITY, "moby 20.10, image/v1/imagev1.go, MakeConfigFromV1Config",
        "An old image has no config, so that its image ID is that of a config made here, as Docker 20.10 makes it.",
        "Nothing need be done: Docker gives the image the same ID. `convert` writes the config.", "note",
    ),
    _rule(
        "v1-platform", IDENTITY, "image-spec, config.md, architecture and os; moby 20.10, image/v1/imagev1.go",
        "An old image says no architecture or no os, and neither does the config that Docker makes of it.",
        "Docker loads it as an image for its own machine and writes neither. Load it there and `docker commit` a"
        " container of it: that image has both.",
    ),
    _rule(
        "schema1-signature", IDENTITY, "distribution, manifest-v2-1.md, Signed Manifests; RFC 7515",
        "A manifest of schema 1 is signed by a key that it brings itself; the signature was not checked.",
        "It proves nothing of who made the image. The digest of what was signed was checked.", "note",
    ),
    _rule(
        "schema1-payload", BLOBS, "docker/libtrust, jsonsign.go, ParsePrettySignature; RFC 7515",
        "The signatures of a manifest of schema 1 do not say what was signed, or say different things.", _AGAIN,
    ),
    _rule(
        "schema1-history", COMPLETENESS, f"{_SCHEMA1}, verifySchema1Manifest",
        "A manifest of schema 1 has no layers, or another number of layers than of entries of history.", _AGAIN,
    ),
    _rule(
        "schema1-chain", IDENTITY, f"{_SCHEMA1}, fixManifestLayers",
        "The v1 images in a manifest of schema 1 are no chain: an id is none, stands twice, or is not the next parent.",
        _AGAIN,
    ),
    _rule(
        "v1-layer-missing", COMPLETENESS, _SAVED,
        "In an old `docker save` a name, or a layer for its parent, names a layer that is not there.",
        "Save the image again; no engine loads it so.",
    ),
    _rule(
        "v1-parent-cycle", SAFETY, _SAVED,
        "In an old `docker save` the parents of a layer lead back to it; Docker never ends loading it.",
        "Do not use this archive: no program wrote it so.",
    ),
    _rule(
        "v1-layer-unnamed", IDENTITY, _SAVED,
        "In an old `docker save` no name leads to a layer, and it is no parent: an image without a name.",
        "Lawful where an image was saved by its ID. `convert` takes it along; --tag names it.", "note",
    ),
    _rule(
        "v1-id", IDENTITY, _SAVED,
        "In an old `docker save` the id of a layer is no 64 hexadecimal digits, or not the name of its folder.",
        "Docker 20.10 goes by the folder; older engines do not load it.", "warning",
    ),
)  # fmt: skip
