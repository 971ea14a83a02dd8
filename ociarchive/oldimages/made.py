"""Why an image has a config that its archive does not have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """From what a config was made. `of` is the old form, and `does` what Docker does when it makes the config."""

    of: str
    does: str

    @property
    def why(self) -> str:
        """Why the image ID is new, in words."""
        return f"{self.of} has no config, so it was made as Docker 20.10 makes it when it {self.does} the image"


SCHEMA1: Final = Made(of="image manifest schema 1", does="pulls")
SAVED: Final = Made(of="a `docker save` of before Docker 1.10", does="loads")
