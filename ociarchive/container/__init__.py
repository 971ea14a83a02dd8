"""Containers: named members over a directory or over a tar that is walked once; both look alike."""

from ociarchive.container.directory import DirectoryContainer
from ociarchive.container.header import is_tar, looks_like_tar
from ociarchive.container.prefixed import PrefixedContainer, common_folder
from ociarchive.container.protocol import Container
from ociarchive.container.tar import TarContainer

__all__ = [
    "Container",
    "DirectoryContainer",
    "PrefixedContainer",
    "TarContainer",
    "common_folder",
    "is_tar",
    "looks_like_tar",
]
