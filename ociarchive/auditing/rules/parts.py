"""Rules about the parts into which an archive was cut."""

from __future__ import annotations

from typing import Final

from ociarchive.auditing.controls import COMPLETENESS, IDENTITY
from ociarchive.auditing.rule import Rule, noticed

_LIST: Final = "the list of parts that `convert --split` writes (docs/deltas.md)"
_AGAIN: Final = (
    "Get this part again, or make it again with `convert --split --part N`; `convert` makes one from the parity."
)

RULES: Final = (
    Rule(
        id="part-missing", severity="error", control=COMPLETENESS, spec=_LIST,
        summary="A part of the archive is lost: it is not beside its list, or cannot be read.",
        advice=_AGAIN,
        check=noticed("part-missing"),
    ),
    Rule(
        id="part-mismatch", severity="error", control=IDENTITY, spec=_LIST,
        summary="A part of the archive has other bytes than its list says.",
        advice=_AGAIN,
        check=noticed("part-mismatch"),
    ),
)  # fmt: skip
