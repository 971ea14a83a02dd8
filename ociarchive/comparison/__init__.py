"""The comparison of two archives: whether they hold the same images, however packed."""

from ociarchive.comparison.compare import Options, difference
from ociarchive.comparison.difference import ASPECTS, Difference

__all__ = ["ASPECTS", "Difference", "Options", "difference"]
