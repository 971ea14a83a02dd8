"""The controls that an auditor asks for: the questions of an audit. Each rule names the one that it helps to answer."""

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
#: In the order in which reports show them.
CONTROLS: Final = (BLOBS, LAYERS, IDENTITY, COMPLETENESS, SAFETY)
