"""Verdicts that all kinds of signatures share: over what is here, over something else, over nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ociarchive.signing.values import Signature
from ociarchive.values import word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.signing.scene import Found, Scene
    from ociarchive.signing.values import Status
    from ociarchive.values import Digest


def verdict(found: Found[Any], status: Status, why: str, *, by: str) -> Signature:
    """Return the verdict of a signature over the first digest that it names."""
    return Signature(kind=found.kind, digest=found.about, by=by, status=status, why=why, where=found.where)


def held(
    found: Found[Any],
    says: tuple[Digest, ...],
    scene: Scene,
    *,
    by: str,
    when: str | None = None,
    reference: str | None = None,
    more: str = "",
) -> Iterator[Signature]:
    """Give the verdicts of a signature that holds, over each digest that it names and that is here.

    `when` is the time that it states, `reference` the name, `more` a clause about what was not checked.
    """
    here = [digest for digest in says if digest in scene.here]
    if found.attached and found.attached.isdisjoint(says):
        why = "it holds, but for another digest than the one to which it is attached"
        yield replace(verdict(found, "identity", why, by=by), digest=says[0], expected=found.first)
    elif not here:
        why = "it holds, but for a digest that no manifest or index of this archive has"
        yield replace(verdict(found, "identity", why, by=by), digest=says[0])
    else:
        stated = f", at {when} by its own word" if when else ""
        meant = f" for {word(reference)}" if found.kind == "simple-signing" and word(reference) else ""
        for digest in here:
            one = verdict(found, "valid", f"it holds over {digest}{meant}{stated}{more}", by=by)
            yield replace(one, digest=digest, reference=reference)
