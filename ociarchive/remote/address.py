"""Addresses of images in registries: `docker://HOST[:PORT]/NAME[:TAG|@DIGEST]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive.errors import UsageError, require_no_credentials
from ociarchive.late import Late
from ociarchive.values import Digest, Reference

if TYPE_CHECKING:
    import ipaddress
else:
    ipaddress = Late("ipaddress")

PREFIX: Final = "docker://"
_DOCKER: Final = "docker.io"
#: Where the registry of docker.io answers (distribution, registry/config.go of Docker).
_DOCKER_REGISTRY: Final = "registry-1.docker.io"
_EXPECTED: Final = "docker://HOST[:PORT]/NAME[:TAG|@DIGEST]"
_LONGEST_HOST: Final = 253
_LONGEST_LABEL: Final = 63
_LAST_PORT: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One repository of a registry, and a tag or a digest in it. `host` is spelled as in names, with its port."""

    host: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @property
    def server(self) -> str:
        """The host and port that requests go to."""
        return _DOCKER_REGISTRY if self.host == _DOCKER else self.host

    @property
    def loopback(self) -> bool:
        """Whether the registry is on this machine, so that plain HTTP is usual."""
        return is_loopback(self.server)

    @property
    def reference(self) -> str:
        """The tag or digest, as it stands in the path of a request."""
        return str(self.digest) if self.digest is not None else self.tag or ""

    @property
    def name(self) -> Reference | None:
        """The image's full name, None where the address has a digest in its place."""
        return Reference(self.host, self.repository, self.tag) if self.tag is not None else None

    def tagged(self, tag: str) -> Reference:
        """Return the name that a tag of this repository has."""
        return Reference(self.host, self.repository, tag)

    def __str__(self) -> str:
        end = f"@{self.digest}" if self.digest is not None else f":{self.tag}"
        return f"{PREFIX}{self.host}/{self.repository}{end}"


def is_remote(text: str) -> bool:
    """Whether a SOURCE or DEST is in a registry."""
    return text.startswith(PREFIX)


def parse(text: str) -> Address:
    """Return the address that a SOURCE or DEST spells. Names may be familiar ones, and the usual tag is `latest`.

    UsageError: it spells none.
    """
    require_no_credentials(text, "`docker login` or `podman login` stores credentials")
    spelled = text.removeprefix(PREFIX)
    try:
        found = Reference.parse(spelled)
        _require_possible(found.host)
    except ValueError as error:
        raise UsageError(f"no address of an image in a registry: {error}", where=text, expected=_EXPECTED) from None
    if "/" not in spelled and _is_host(spelled):
        raise UsageError("an address names an image, and here is a host alone", where=text, expected=_EXPECTED)
    if found.tag is not None and found.digest is not None:
        raise UsageError("an address has a tag or a digest", where=text, hint="leave one of them out")
    return Address(host=found.host, repository=found.path, tag=found.tag, digest=found.digest)


def _is_host(text: str) -> bool:
    """Whether what could be an image of docker.io is a host for certain: `localhost`, an IP address, or a port."""
    name, _, tag = text.partition("@")[0].partition(":")
    return is_loopback(name) or ("." in name and tag.isdecimal()) or _is_ip(name)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def meant(path: str) -> str | None:
    """Return the address that a person may have meant by a path that is not there; None where it looks like none."""
    host, _, rest = path.partition("/")
    named = rest and not host.startswith(".") and set(host) & {".", ":"} and (has_tag(path) or "@" in rest)
    return f"{PREFIX}{path}" if named and Reference.maybe(path) is not None else None


def _require_possible(server: str) -> None:
    """ValueError: no server can have this host or port (RFC 1035, 2.3.4; RFC 6335, 6)."""
    host = host_of(server)
    port = server.rpartition(":")[2] if not server.endswith("]") and ":" in server else None
    if len(host) > _LONGEST_HOST or any(len(label) > _LONGEST_LABEL for label in host.split(".")):
        raise ValueError(f"the host is longer than one can be: {host[:80]}")
    if port is not None and not 0 < int(port) <= _LAST_PORT:
        raise ValueError(f"no port has this number: {port[:80]}")


def has_tag(text: str) -> bool:
    """Whether an address spells a tag, which otherwise is the usual one."""
    return ":" in text.removeprefix(PREFIX).partition("@")[0].rsplit("/", 1)[-1]


def is_loopback(server: str) -> bool:
    """Whether `HOST[:PORT]` is on this machine."""
    host = host_of(server)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(server: str) -> str:
    """Return the host of `HOST[:PORT]` in small letters, an IPv6 address without its brackets."""
    if server.startswith("["):
        return server[1:].partition("]")[0].lower()
    return server.partition(":")[0].lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How registries are spoken to: the options `--plain-http`, `--ca-file` and `--insecure-skip-verify`.

    `connect`, `read` and `pause` are in seconds: how long a connection and one read may take, and the first pause
    before a request is sent again. `retries` is how often that is done.
    """

    plain_http: bool = False
    ca_file: str | None = None
    skip_verify: bool = False
    connect: float = 15.0
    read: float = 60.0
    pause: float = 0.5
    retries: int = 4

    @classmethod
    def asked(cls, *, plain_http: bool, ca_file: str | None, insecure_skip_verify: bool) -> Access:
        """Return the access that the options of a call ask for. UsageError: they contradict each other."""
        if plain_http and (ca_file is not None or insecure_skip_verify):
            other = "--ca-file" if ca_file is not None else "--insecure-skip-verify"
            raise UsageError(f"--plain-http has no TLS, and {other} says how to do it", hint="leave one of them out")
        return cls(plain_http=plain_http, ca_file=ca_file, skip_verify=insecure_skip_verify)

    def is_plain(self, address: Address) -> bool:
        """Whether a registry is spoken to in plain HTTP: one on this machine is, unless the call says how to do TLS."""
        return self.plain_http or (address.loopback and self.ca_file is None and not self.skip_verify)
