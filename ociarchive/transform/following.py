"""Names and tags that are made of a digest: what they are once that digest is another one. Pure.

Sources: distribution-spec, Referrers Tag Schema; cosign, specs/SIGNATURE_SPEC.md, Tag-based Discovery; distribution,
reference grammar (NAME@DIGEST).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ociarchive.values import Digest, tagged_digest

if TYPE_CHECKING:
    from collections.abc import Callable


def followed(text: str, new_of: Callable[[Digest], Digest | None], *, named: bool) -> str:
    """Return a text whose tag, or where it is `named` whose digest, is that of what was rewritten.

    `new_of` gives the new digest of what had an old one, None where that did not change or is not there.
    """
    name, at, digest = text.rpartition("@")
    old = Digest.maybe(digest) if at and named else None
    new = new_of(old) if old is not None else None
    if new is not None:
        return f"{name}@{new}"
    tag = text.rsplit(":", 1)[-1]
    old = tagged_digest(tag)
    new = new_of(old) if old is not None else None
    if old is None or new is None:
        return text
    return text[: len(text) - len(tag)] + tag.replace(f"{old.algorithm}-{old.hex}", f"{new.algorithm}-{new.hex}")
