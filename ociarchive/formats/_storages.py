"""Storage of engines as formats: how it is recognised. What reads it is imported once an archive is of this format."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

from ociarchive.formats.format import Format, NeverWritten
from ociarchive.stores.folder import DRIVERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ociarchive.container import Container
    from ociarchive.model import Archive

DOCKER, CONTAINERS, CONTAINERD = "docker-storage", "containers-storage", "containerd-storage"
#: containerd's database of names.
DATABASE: Final = "io.containerd.metadata.v1.bolt/meta.db"
#: Docker's list of names, and the folder of its configs, below `image/DRIVER`.
REPOSITORIES: Final = "repositories.json"
CONTENT: Final = "imagedb/content/sha256/"


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageReader(NeverWritten):
    """Recognises storage. `module` is the one of this package whose function `read` reads it."""

    module: str
    holds: Callable[[Container], bool]

    def probe(self, container: Container) -> bool:
        """Whether a folder is the root of this storage."""
        return self.holds(container)

    def read(self, container: Container) -> Archive:
        """Return the images that are in the storage. ContentError: it cannot be read."""
        archive: Archive = import_module(f"ociarchive.formats.{self.module}").read(container)
        return archive


def listed(driver: str) -> str:
    """Return the name of the list of images of one driver, in a storage of containers/storage."""
    return f"{driver}-images/images.json"


def has_images(container: Container, driver: str) -> bool:
    """Whether Docker's storage has names or images of one driver."""
    base = f"image/{driver}/"
    if container.get(base + REPOSITORIES) is not None:
        return True
    if container.kind == "tar":
        return False
    return next(iter(container.names(base + CONTENT)), None) is not None


def _is_docker(container: Container) -> bool:
    return any(has_images(container, driver) for driver in DRIVERS)


def _is_containers(container: Container) -> bool:
    return any(container.get(listed(driver)) is not None for driver in DRIVERS)


def _is_containerd(container: Container) -> bool:
    return container.get(DATABASE) is not None


DOCKER_STORAGE: Final = Format(name=DOCKER, reader=StorageReader(module="docker_storage", holds=_is_docker))
CONTAINERS_STORAGE: Final = Format(
    name=CONTAINERS, reader=StorageReader(module="containers_storage", holds=_is_containers), transport=CONTAINERS
)
CONTAINERD_STORAGE: Final = Format(
    name=CONTAINERD,
    reader=StorageReader(module="containerd_storage", holds=_is_containerd, marker=DATABASE),
)
