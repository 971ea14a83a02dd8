"""Proxies from the environment: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as Go's programs read them."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

from ociarchive.errors import UsageError
from ociarchive.remote.address import host_of, is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROXY: Final = re.compile(r"(?P<scheme>https?)://(?:(?P<user>[^@/]*)@)?(?P<server>[^@/?#\s]+)/?\Z")
_USUAL_PORTS: Final = {"http": "80", "https": "443"}


class Proxy:
    """A proxy. `user` is `NAME:PASSWORD`, percent-encoded, or None, and is never shown."""

    __slots__ = ("url", "user")

    def __init__(self, url: str, user: str | None) -> None:
        self.url, self.user = url, user

    def __repr__(self) -> str:
        return f"Proxy({self.url!r})"


def proxy_for(scheme: str, server: str, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for a server `HOST[:PORT]`, None where it is spoken to directly. Loopback hosts always are.

    UsageError: the variable holds no URL of a proxy. Its value is not shown: it may hold a password.
    """
    name = f"{scheme}_proxy"
    value = environment.get(name) or environment.get(name.upper())
    if not value or is_loopback(server) or _left_out(scheme, server, environment):
        return None
    found = _PROXY.match(value if "://" in value else f"http://{value}")
    if found is None:
        raise UsageError(f"{name.upper()} is no URL of a proxy", expected="http://HOST:PORT")
    return Proxy(f"{found['scheme']}://{found['server']}", found["user"])


def _left_out(scheme: str, server: str, environment: Mapping[str, str]) -> bool:
    """Whether NO_PROXY names a server: its host, a domain above it, its address, or a range of addresses."""
    host = host_of(server)
    port = _port_of(server) or _USUAL_PORTS[scheme]
    for one in (environment.get("no_proxy") or environment.get("NO_PROXY") or "").split(","):
        entry = one.strip().lower()
        if entry == "*" or (entry and _names(entry, host, port)):
            return True
    return False


def _names(entry: str, host: str, port: str) -> bool:
    if "/" in entry:
        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    wanted = _port_of(entry)
    if wanted and wanted != port:
        return False
    name = (host_of(entry) if entry.count(":") < _COLONS_OF_IPV6 or entry.startswith("[") else entry).removeprefix("*")
    return host == name.removeprefix(".") or host.endswith(f".{name.removeprefix('.')}")


_COLONS_OF_IPV6: Final = 2


def _port_of(server: str) -> str:
    rest = server.partition("]")[2] if server.startswith("[") else server
    return rest.rpartition(":")[2] if rest.count(":") == 1 else ""
