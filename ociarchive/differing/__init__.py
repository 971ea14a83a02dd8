"""The comparison of two archives: whether they hold the same images, however packed."""

from ociarchive.differing.model import ASPECTS, Difference
from ociarchive.differing.run import Options, difference

__all__ = ["ASPECTS", "Difference", "Options", "difference"]
