"""Who we are, to one server: challenges answered, tokens fetched, kept until they expire, and renewed.

Sources: RFC 7617 (Basic); distribution, Token Authentication Specification and its OAuth 2 form.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from ociarchive import documents
from ociarchive.errors import ContentError, HostError, UsageError
from ociarchive.remote.challenges import challenges
from ociarchive.remote.urls import joined, shown
from ociarchive.remote.wire import SMALL

if TYPE_CHECKING:
    from collections.abc import Callable

    from ociarchive.remote.challenges import Challenge
    from ociarchive.remote.credentials import Credentials, Keyring
    from ociarchive.remote.wire import Response

#: Tokens without `expires_in` live so long, in seconds; they are renewed a little before their end.
_USUAL_LIFE: Final = 60
_EARLY: Final = 5
_CLIENT: Final = "ociarchive"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
#: Token servers that know no POST answer so.
_NO_FORM: Final = (404, 405)
_REFUSED: Final = (400, 401, 403)


@dataclass(frozen=True, slots=True, repr=False)
class _Token:
    value: str
    until: float


@dataclass(frozen=True, slots=True)
class Renewed:
    """An Authorization header after another was refused. `mine`: it was made for this request, by no other thread."""

    header: str
    mine: bool


class Authority:
    """What one server is to be shown. `send` asks a token server: method, URL, headers, body.

    `base` is an address of it. Where it has no TLS its token server need not have it either.
    """

    def __init__(
        self,
        host: str,
        repository: str,
        keyring: Keyring,
        send: Callable[[str, str, dict[str, str], bytes | None], Response],
        *,
        base: str,
    ) -> None:
        self._host, self._repository, self._keyring, self._send, self._base = host, repository, keyring, send, base
        self._lock = threading.Lock()
        self._credentials: Credentials | None = None
        self._looked = False
        self._bearer: Challenge | None = None
        self._basic: str | None = None
        self._tokens: dict[frozenset[str], _Token] = {}

    def shown(self, scopes: frozenset[str]) -> str | None:
        """Return the Authorization header for requests in these scopes, None before a challenge."""
        with self._lock:
            if self._basic is not None:
                return self._basic
            token = self._tokens.get(scopes)
            if token is not None and token.until > time.monotonic():
                return f"Bearer {token.value}"
            if self._bearer is None:
                return None
            return self._fetch(self._bearer, scopes)

    def renew(self, refused: str | None, header: str, scopes: frozenset[str]) -> Renewed | None:
        """Return another header after one was refused, None where there is no other. `header` has the challenges.

        Where a thread renewed it meanwhile, it is that one. UsageError: the token server refuses our credentials.
        """
        with self._lock:
            now = self._now(scopes)
            if now is not None and now != refused:
                return Renewed(now, mine=False)
            asked = challenges(header)
            bearer = next((one for one in asked if one.scheme == "bearer" and one.parameters.get("realm")), None)
            if bearer is None and not asked and refused is not None:
                bearer = self._bearer  # a server that does not say that a token expired
            if bearer is not None:
                self._bearer = bearer
                return Renewed(self._fetch(bearer, scopes), mine=True)
            found = self._find()
            if any(one.scheme == "basic" for one in asked) and found is not None and found.user:
                self._basic = found.basic
                return Renewed(self._basic, mine=True) if self._basic != refused else None
            return None

    @property
    def known(self) -> bool:
        """Whether there are credentials for it."""
        return self._credentials is not None

    def _now(self, scopes: frozenset[str]) -> str | None:
        token = self._tokens.get(scopes)
        return self._basic or (f"Bearer {token.value}" if token is not None else None)

    def _find(self) -> Credentials | None:
        if not self._looked:
            self._credentials = self._keyring.find(self._host, self._repository)
            self._looked = True
        return self._credentials

    def _fetch(self, challenge: Challenge, scopes: frozenset[str]) -> str:
        """Get a token for the scopes that we need and those that the server names."""
        found = self._find()
        if found is not None and found.registry_token:
            self._tokens[scopes] = _Token(found.registry_token, float("inf"))
            return f"Bearer {found.registry_token}"
        realm = joined(self._base, challenge.parameters["realm"])
        self._require_safe(realm, found)
        asked = [("service", challenge.parameters["service"])] if challenge.parameters.get("service") else []
        wanted = sorted(scopes | challenge.scopes)
        response = self._ask(realm, asked, wanted, found)
        if response.status in _REFUSED:
            response.pass_over()
            known = "the credentials for it" if found is not None else "a call without credentials"
            raise UsageError(
                f"the token server of {self._host} refuses {known} (status {response.status})",
                where=shown(realm), hint=login_hint(self._host, self._keyring),
            )  # fmt: skip
        if response.status != _OK:
            response.pass_over()
            raise HostError(f"the token server answers with status {response.status}", where=shown(realm))
        value, life = _token_in(response)
        self._tokens[scopes] = _Token(value, time.monotonic() + max(life - _EARLY, life / 2))
        return f"Bearer {value}"

    def _ask(self, realm: str, asked: list[tuple[str, str]], scopes: list[str], found: Credentials | None) -> Response:
        if found is not None and found.identity_token:
            form = [
                ("grant_type", "refresh_token"), ("refresh_token", found.identity_token), ("client_id", _CLIENT),
                ("access_type", "offline"), *asked, ("scope", " ".join(scopes)),
            ]  # fmt: skip
            response = self._send("POST", realm, dict(_FORM), urlencode(form).encode())
            if response.status not in _NO_FORM:
                return response
            response.pass_over()
        query = [*asked, *(("scope", scope) for scope in scopes), ("client_id", _CLIENT)]
        headers: dict[str, str] = {}
        if found is not None and found.user:
            query.append(("account", found.user))
            headers["Authorization"] = found.basic
        mark = "&" if urlsplit(realm).query else "?"
        return self._send("GET", f"{realm}{mark}{urlencode(query)}", headers, None)

    def _require_safe(self, realm: str, found: Credentials | None) -> None:
        clear = {urlsplit(self._base).scheme, urlsplit(realm).scheme} == {"http"}
        if found is not None and not clear and urlsplit(realm).scheme != "https":
            raise HostError("the registry asks to send credentials to a server without TLS", where=shown(realm))


_OK: Final = 200


def _token_in(response: Response) -> tuple[str, float]:
    """Return the token of an answer and its life in seconds."""
    where = shown(response.url)
    try:
        members = documents.parse(response.read(SMALL * 4), where, limit=SMALL * 4).members
    except ContentError:  # its words could quote a part of a token
        members = {}
    value = members.get("token") or members.get("access_token")
    if not isinstance(value, str) or not value.isprintable() or not value.isascii():
        raise HostError("the token server gives no token", where=where)
    life = members.get("expires_in")
    usable = isinstance(life, int | float) and not isinstance(life, bool) and life > 0
    return value, float(life) if usable and isinstance(life, int | float) else _USUAL_LIFE


def login_hint(host: str, keyring: Keyring) -> str:
    """Return what to do where a registry refuses us."""
    notes = f" ({'; '.join(keyring.notes)})" if keyring.notes else ""
    return f"`docker login {host}` or `podman login {host}` stores credentials{notes}"
