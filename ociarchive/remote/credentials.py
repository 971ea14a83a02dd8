"""Credentials for registries, from the files of Docker (config.json) and podman (containers-auth.json(5)).

Secrets are never part of a message or of a `repr`.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.errors import ContentError, HostError, UsageError, cannot
from ociarchive.remote import helpers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ociarchive.values import JSON

#: The key that Docker uses for docker.io, and other hosts that are the same registry.
_DOCKER_KEY: Final = "https://index.docker.io/v1/"
_DOCKER_HOSTS: Final = ("docker.io", "index.docker.io", "registry-1.docker.io")
#: Files of real users have a few kilobytes.
_MOST: Final = 4 << 20
#: The user name with which helpers say that the secret is an identity token.
_TOKEN_USER: Final = "<token>"  # noqa: S105  no password: a word of the protocol


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credentials:
    """What proves who we are: user and password, a token for the token server, or one for the registry itself."""

    user: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""

    def __repr__(self) -> str:
        return "Credentials(...)"

    @property
    def basic(self) -> str:
        """The value of a Basic Authorization header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(slots=True)
class Keyring:
    """The credential files of this user, read when a registry asks for the first time.

    `notes` says, without secrets, which helper could not be asked.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    notes: list[str] = field(default_factory=list)

    def find(self, host: str, repository: str) -> Credentials | None:
        """Return the credentials for a repository: those of the longest key that fits, of the first file that has one.

        UsageError: a file is malformed. HostError: it cannot be read.
        """
        for path in self._files():
            members = _read(path)
            if members is not None and (found := self._in(members, host, repository, path)) is not None:
                return found
        return None

    def _files(self) -> Iterator[str]:
        """Give the files in their order: what the environment names first, then podman's, then Docker's."""
        get = self.environment.get
        home = get("HOME") or os.path.expanduser("~")
        if get("REGISTRY_AUTH_FILE"):
            yield get("REGISTRY_AUTH_FILE", "")
        if get("DOCKER_CONFIG"):
            yield os.path.join(get("DOCKER_CONFIG", ""), "config.json")
        if get("XDG_RUNTIME_DIR"):
            yield os.path.join(get("XDG_RUNTIME_DIR", ""), "containers", "auth.json")
        yield os.path.join(get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "containers", "auth.json")
        if not get("DOCKER_CONFIG"):
            yield os.path.join(home, ".docker", "config.json")

    def _in(self, members: Mapping[str, JSON], host: str, repository: str, path: str) -> Credentials | None:
        auths, per_host = _object(members, "auths"), _object(members, "credHelpers")
        entries = {_normal(key): value for key, value in auths.items()}
        asked = {_normal(key): value for key, value in per_host.items()}
        server = _DOCKER_KEY if host in _DOCKER_HOSTS else host
        for key in _keys(host, repository):
            helper = asked.get(key)
            if isinstance(helper, str) and (found := self._from_helper(helper, server, path)) is not None:
                return found
            if (found := _of_entry(entries.get(key), path)) is not None:
                return found
        store = members.get("credsStore")
        return self._from_helper(store, server, path) if isinstance(store, str) and store else None

    def _from_helper(self, name: str, server: str, path: str) -> Credentials | None:
        try:
            found = helpers.ask(name, server, path)
        except HostError as error:
            if error.what not in self.notes:
                self.notes.append(error.what)
            return None
        if found is None:
            return None
        user, secret = found
        if user == _TOKEN_USER:
            return Credentials(identity_token=secret)
        return Credentials(user=user, password=secret)


def _read(path: str) -> Mapping[str, JSON] | None:
    try:
        with open(path, "rb") as file:
            raw = file.read(_MOST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise cannot("read credentials", error, path) from error
    if not raw.strip():
        return None
    try:
        found = documents.parse(raw, path, limit=_MOST).members
    except ContentError:  # its words could quote a part of the file
        found = {}
    if not found and raw.strip() != b"{}":
        raise UsageError("a file of credentials is malformed", where=path, expected="a JSON object")
    return found


def _object(members: Mapping[str, JSON], name: str) -> Mapping[str, JSON]:
    found = members.get(name)
    return found if isinstance(found, dict) else {}


def _normal(key: str) -> str:
    """Return the host and path of a key. Docker's are URLs of an old interface: `https://HOST/v1/`."""
    rest = key.partition("://")[2] or key
    host, _, path = rest.rstrip("/").partition("/")
    host = "docker.io" if host in _DOCKER_HOSTS else host
    return host if not path or path in ("v1", "v2") else f"{host}/{path}"


def _keys(host: str, repository: str) -> Iterator[str]:
    """Give the keys that fit a repository, the longest first (containers-auth.json(5), FORMAT)."""
    host = "docker.io" if host in _DOCKER_HOSTS else host
    parts = repository.split("/")
    for count in range(len(parts), 0, -1):
        yield "/".join((host, *parts[:count]))
    yield host


def _of_entry(entry: JSON, path: str) -> Credentials | None:
    """Return what an entry of `auths` holds. An empty one only says that a helper has the secret."""
    if not isinstance(entry, dict):
        return None

    def text(name: str) -> str:
        found = entry.get(name)
        return found if isinstance(found, str) else ""

    user, password = text("username"), text("password")
    if text("auth"):
        try:
            decoded = base64.b64decode(text("auth"), validate=True).decode("utf-8").rstrip("\0")
        except (binascii.Error, ValueError):
            raise UsageError(
                "an entry of `auths` is malformed", where=path, expected="base64 of USER:PASSWORD"
            ) from None
        user, _, password = decoded.partition(":")
    tokens = text("identitytoken"), text("registrytoken")
    if not (user or password or any(tokens)):
        return None
    return Credentials(user=user, password=password, identity_token=tokens[0], registry_token=tokens[1])
