"""A registry: images are read from it and pushed to it one repository at a time, by address. It has no files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ociarchive.errors import ContentError, UsageError, plural, some
from ociarchive.extent import extent
from ociarchive.formats import _cosign, _entries, _refusals
from ociarchive.formats.format import Format, LeftOut, NeverWritten
from ociarchive.values import Reference, tagged_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ociarchive.blobio.limits import Limits
    from ociarchive.container import Container
    from ociarchive.formats.format import Content
    from ociarchive.model import Archive, Root
    from ociarchive.remote.address import Address
    from ociarchive.values import Digest

_USUAL_TAG: Final = "latest"


class NoFiles(NeverWritten):
    """A reader that recognises no file: a registry is reached by its address."""

    def probe(self, container: Container) -> bool:
        """No container."""
        del container
        return False

    def read(self, container: Container) -> Archive:
        """Nothing. ContentError: always."""
        raise ContentError("a registry is no file", where=container.where)


@dataclass(frozen=True, slots=True)
class Repository:
    """What one repository of a registry holds. `address` says which: its tag or digest is that of one image.

    Without `tagged` the address names only the repository. Then one image gets the usual tag, and of several images
    each keeps its own.
    """

    address: Address
    tagged: bool
    keeps_plain: bool = False
    takes_zstd: bool = True
    takes_deltas: bool = False
    finds_chains: bool = False
    keeps_beside: bool = False
    takes_docker_types: bool = True

    def admit(self, content: Content) -> tuple[Content, list[LeftOut]]:
        """Return what the repository holds, each root with its names there.

        UsageError: two images claim one tag, one has none, or the address names one image and there are several.
        """
        tops = [root for root in content.roots if not root.speaks_of_another] or list(content.roots[:1])
        single = len({root.identity for root in tops}) == 1
        if not single and (self.tagged or self.address.digest is not None):
            listed = some(root.label for root in tops)
            hint = f"select one with --image, or leave {self.address.reference} out, so that each keeps its own tag"
            raise UsageError(f"DEST names one image, here are {len(tops)}: {listed}", hint=hint)
        mine = {id(root) for root in tops}
        named: dict[Reference, dict[Digest, None]] = {}
        for top in tops:
            for name in top.names:
                if top.descriptor is not None:
                    named.setdefault(name, {})[top.descriptor.digest] = None
        doubled = {id(root) for root in tops[1:]} if single else set()  # one image under several names gets one
        placed: dict[int, Root] = {}
        owners: dict[str, Root] = {}
        # Images first: once no two claim one tag, a signature of a name is one of a single image.
        for root in (*tops, *(root for root in content.roots if id(root) not in mine)):
            if id(root) in doubled:
                continue
            one = placed[id(root)] = self._placed(root, top=id(root) in mine, single=single, named=named)
            for name in one.names:
                owner = owners.setdefault(name.tag or "", one)
                if owner.node is not one.node:
                    raise UsageError(f"two images would have the tag {name.tag} in {self._where}", hint="select one")
        roots = [placed[id(root)] for root in content.roots if id(root) in placed]
        left = [LeftOut(what=extra.name, why="a registry has no place for it") for extra in content.extras]
        left += _entries.left_behind(content, content.roots, "a registry has no place for it")
        return replace(content, roots=tuple(roots), extras=()), left

    @property
    def _where(self) -> str:
        return f"{self.address.host}/{self.address.repository}"

    def _placed(self, root: Root, *, top: bool, single: bool, named: Mapping[Reference, Iterable[Digest]]) -> Root:
        """Return a root with its names in the repository. `named` are the images by their names in the source."""
        if top and single:
            tags = [] if self.address.digest is not None else [self.address.tag or _USUAL_TAG]
        elif top:
            tags = [*root.tags]
            if (
                not any(map(_is_tag, tags)) and root.repository is None
            ):  # what a registry had by digest alone may stay so
                raise UsageError(
                    f"{root.label} has no name to store it under", hint="select it, and name its tag in DEST"
                )
        else:
            tags = [*root.tags, *_attached(root, named)]
        names = [
            Reference(self.address.host, self.address.repository, tag) for tag in dict.fromkeys(tags) if _is_tag(tag)
        ]
        return replace(root, names=tuple(names), ref_name=None, repository=self.address.repository)

    def refused(self, roots: Sequence[Root], outer: str) -> Iterator[str]:
        """Foreign layers that are not here."""
        del outer
        yield from _refusals.foreign(roots)

    def require_few(self, content: Content, limits: Limits) -> None:
        """Check the number of requests: some for each blob and manifest."""
        if extent((replace(root, names=()) for root in content.roots), limits.listed) > limits.listed:
            most = plural(limits.listed, "blob or manifest", "blobs and manifests")
            raise ContentError(
                f"a registry would be asked for more than {most}",
                hint="take less with --image, or lift the limit with --limit listed=N",
            )


def _is_tag(text: str) -> bool:
    return Reference.maybe(f"name:{text}") is not None


def _attached(root: Root, named: Mapping[Reference, Iterable[Digest]]) -> Iterator[str]:
    """Give the tag by which cosign finds what it attached to an image, where a layout that it saved says only that."""
    if root.attached is None:
        yield from filter(None, [_cosign.tag_of(root)])
    if root.attached is None or root.descriptor is None or any(tagged_digest(tag) for tag in root.tags):
        return
    suffix = _cosign.suffix_of(root)
    for digest in named.get(root.attached, ()) if suffix is not None else ():
        yield f"{digest.algorithm}-{digest.hex}{suffix}"


def pushed_to(address: Address, *, tagged: bool) -> Format:
    """Return the format of one repository as DEST. `tagged`: its address has a tag of its own."""
    return replace(REGISTRY, remote=Repository(address, tagged))


REGISTRY: Final = Format(name="registry", reader=NoFiles())
