"""All kinds of signatures that are known here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.signing import keyed, simple
from ociarchive.signing.notary import kind as notary

if TYPE_CHECKING:
    from ociarchive.signing.scene import SignatureKind

KINDS: Final[tuple[SignatureKind, ...]] = (keyed, notary, simple)
