"""Rules about a registry's folder: whether the registry could serve what its repositories list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.auditing.controls import SAFETY
from ociarchive.auditing.rule import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing.evidence import Evidence


def _missing(evidence: Evidence) -> Iterator[Fault]:
    for link in evidence.archive.links:
        if link.held is None and not link.leads_nowhere:
            yield Fault(
                location=link.where, subject=link.digest,
                message=f"the repository has no link to {_a(link.what)}, and a registry does not give it out (404)",
            )  # fmt: skip


def _malformed(evidence: Evidence) -> Iterator[Fault]:
    for link in evidence.archive.links:
        if link.held is not None:
            yield Fault(
                location=link.where, subject=link.digest or link.where.rpartition(": ")[2],
                expected=link.digest or "a digest", found=link.held,
                message=f"a link to {_a(link.what)} is none, and a registry fails over it (500)",
            )  # fmt: skip


def _dangling(evidence: Evidence) -> Iterator[Fault]:
    for link in evidence.archive.links:
        if link.leads_nowhere:
            yield Fault(
                location=link.where, subject=link.digest, message="a link leads to a manifest that is not there"
            )


def _a(what: str) -> str:
    return f"an {what}" if what == "index" else f"a {what}"


_SPEC: Final = "distribution, registry/storage/paths.go and linkedblobstore.go"
RULES: Final = (
    Rule(
        id="registry-link-missing", severity="error", control=SAFETY, spec=_SPEC,
        summary="A registry has a blob, and the repository has no link to it: a pull of the image ends with 404.",
        advice="Push the image again; `convert` from another copy of it makes a folder with all links.",
        check=_missing,
    ),
    Rule(
        id="registry-link-malformed", severity="error", control=SAFETY, spec=_SPEC,
        summary="A link of a repository is empty, or holds no digest or another one: a pull ends with an error (500).",
        advice="The folder was copied while the registry wrote, or its disk was full: push the image again.",
        check=_malformed,
    ),
    Rule(
        id="registry-link-dangling", severity="error", control=SAFETY, spec=_SPEC,
        summary="A repository has a link to a manifest that the registry does not have.",
        advice="Push the image again, or delete the link; garbage collection may stop at it.",
        check=_dangling,
    ),
)  # fmt: skip
