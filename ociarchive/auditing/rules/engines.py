"""Rules about the work itself, where it is done by other processes."""

from __future__ import annotations

from typing import Final

from ociarchive.auditing.controls import COMPLETENESS
from ociarchive.auditing.rule import Rule, never

RULES: Final = (
    Rule(
        id="audit-died", severity="error", control=COMPLETENESS, spec="the call, `--engine dask`",
        summary="The workers that audited the archive died, so nothing is known of it; the call ends with status 3.",
        advice="Read the workers' logs, and audit the archive by itself: `ociarchive audit` without `--engine`.",
        check=never,
    ),
)  # fmt: skip
