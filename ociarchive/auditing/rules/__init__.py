"""All rules, in the order in which their findings are reported."""

from typing import Final

from ociarchive.auditing.rule import Rule
from ociarchive.auditing.rules import (
    blobs,
    container,
    deltas,
    engines,
    layers,
    metadata,
    oldimages,
    parts,
    platforms,
    references,
    registry,
    signatures,
    stores,
    tars,
)

RULES: Final[tuple[Rule, ...]] = (
    *container.RULES,
    *parts.RULES,
    *metadata.RULES,
    *stores.RULES,
    *blobs.RULES,
    *deltas.RULES,
    *layers.RULES,
    *platforms.RULES,
    *tars.RULES,
    *references.RULES,
    *signatures.RULES,
    *registry.RULES,
    *oldimages.RULES,
    *engines.RULES,
)
RULE_IDS: Final = frozenset(rule.id for rule in RULES)
