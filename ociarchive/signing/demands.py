"""What a policy demands of an image, and which of its scopes is the image's (containers-policy.json(5))."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ociarchive.signing.identities import Identity
from ociarchive.signing.scene import Trust

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ociarchive.signing.values import Kind
    from ociarchive.values import Reference

Type: TypeAlias = Literal["insecureAcceptAnything", "reject", "signedBy", "signedBaseLayer", "sigstoreSigned"]
#: The transport of images with a name.
NAMED: Final = "docker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One requirement. `where` is its place in the policy, `kinds` are the signatures that can meet it, by `trust`.

    `unmet` says why nothing can meet it here.
    """

    where: str
    type: Type
    kinds: tuple[Kind, ...] = ()
    trust: Trust = field(default_factory=Trust)
    identity: Identity = field(default_factory=Identity)
    unmet: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """A policy: its file, its digest, and the demands of each transport and scope. `default` is for all the rest."""

    name: str
    digest: str
    default: tuple[Demand, ...]
    transports: Mapping[str, Mapping[str, tuple[Demand, ...]]]

    def __str__(self) -> str:
        return f"{self.name} (policy, sha256:{self.digest})"

    def of_name(self, name: Reference) -> tuple[Demand, ...]:
        """Return the demands on an image with a name, those of the most specific scope (docker/policyconfiguration)."""
        return self._of(NAMED, _scopes(name))

    def of_path(self, transport: str, path: str) -> tuple[Demand, ...]:
        """Return the demands on an image without a name: by a transport, and an absolute path, empty for none."""
        return self._of(transport, _parents(path))

    def _of(self, transport: str, scopes: Iterable[str]) -> tuple[Demand, ...]:
        listed = self.transports.get(transport, {})
        return next((listed[scope] for scope in (*scopes, "") if scope in listed), self.default)

    @property
    def trusted(self) -> tuple[str, ...]:
        """The keys that it names, in words."""
        every = (
            *self.default,
            *(one for scopes in self.transports.values() for each in scopes.values() for one in each),
        )
        return tuple(dict.fromkeys(name for one in every for name in one.trust.named))

    @property
    def terms(self) -> list[str]:
        """What may change a verdict: the policy, and the keys that its files hold now."""
        every = [self.default, *(each for scopes in self.transports.values() for each in scopes.values())]
        keys = sorted({term for listed in every for one in listed for term in (*one.trust.terms, one.unmet or "")})
        return [self.digest, *keys]


def _scopes(name: Reference) -> Iterator[str]:
    """Give the scopes of a name, the most specific first: itself, its repository, what is above, hosts by wildcard.

    A host with a port is a scope, and no wildcard has one: `*.com` is for example.com:8443 too.
    """
    repository = f"{name.host}/{name.path}"
    if name.tag is not None:
        yield f"{repository}:{name.tag}"
    if name.digest is not None:
        yield f"{repository}@{name.digest}"
    while True:
        yield repository
        above, slash, _ = repository.rpartition("/")
        if not slash:
            break
        repository = above
    rest = name.host.partition(":")[0]
    while "." in rest:
        rest = rest.partition(".")[2]
        yield f"*.{rest}"


def _parents(path: str) -> Iterator[str]:
    """Give a path and the folders above it, without the root (directory/directory_transport.go)."""
    while path not in ("", "/"):
        yield path
        path = path.rpartition("/")[0]
