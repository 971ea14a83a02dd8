"""Addresses that servers send us to: where a redirect, an upload, a page or a token server is."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urljoin, urlsplit, urlunsplit

from ociarchive.errors import HostError

_URL: Final = re.compile(r"https?://[^/?#\s]+(?:[/?][^\s#]*)?\Z")
#: A link with what is said of it. No character is looked at for two links: a header may have thousands.
_LINK: Final = re.compile(r"<([^<>\s]{1,2048})>\s*;([^,<]*)")
#: That it is the next page, in quotes or not.
_NEXT: Final = re.compile(r"\brel=\"?next\"?", re.IGNORECASE)


def joined(url: str, location: str) -> str:
    """Return the address that the server at `url` sends to, which may be a relative one (RFC 3986, 5).

    HostError: it is no address of HTTP.
    """
    try:
        target = urljoin(url, location).partition("#")[0]
        usable = _URL.match(target) is not None and urlsplit(target).port != 0
    except ValueError:
        usable = False
    if not usable:
        raise no_address(url, location)
    return target


def goes_on(url: str, location: str) -> str:
    """Return where what began at `url` goes on, which need not be the same server. What began with TLS keeps it.

    A registry behind a proxy that does its TLS may not know of it. HostError: another server without TLS, no address.
    """
    target = joined(url, location)
    before, behind = urlsplit(url), urlsplit(target)
    if (before.scheme, behind.scheme) != ("https", "http"):
        return target
    if before.hostname != behind.hostname:
        raise HostError("the registry sends to a server without TLS", where=shown(target))
    return urlunsplit(behind._replace(scheme=before.scheme, netloc=before.netloc))


def next_page(url: str, links: str) -> str | None:
    """Return where the page behind the one at `url` is, by its Link headers (RFC 8288, `rel=next`); None for no page.

    HostError: as in `goes_on`.
    """
    found = next((one for one in _LINK.finditer(links) if _NEXT.search(one[2])), None)
    return goes_on(url, found[1]) if found is not None else None


def no_address(url: str, location: str) -> HostError:
    """Return the error for a server that sends us to something that is no address of HTTP."""
    return HostError("a server sends to an address that is none", where=shown(url), found=shown(location))


def shown(url: str) -> str:
    """Return an address for messages: without its query, which may hold a signature, and without a user."""
    try:
        parts = urlsplit(url.replace("\\", "/"))
    except ValueError:
        bare = re.split(r"[?#]", url, maxsplit=1)[0]
        return f"{bare.partition('//')[0]}//{bare.partition('//')[2].rpartition('@')[2]}"[:200]
    start = f"{parts.scheme}:" if parts.scheme else ""
    server = f"//{parts.netloc.rpartition('@')[2]}" if parts.netloc else "//" if parts.scheme == "file" else ""
    return f"{start}{server}{parts.path}"[:200]
