"""The comparison of two archives: whether they have the same images, whatever their packing."""

from ociarchive.comparison.compare import Options, difference
from ociarchive.comparison.difference import ASPECTS, Difference

__all__ = ["ASPECTS", "Difference", "Options", "difference"]
