"""Who may ask: Basic and Bearer, with what registries do of it that the specifications do not say."""

import base64
import json
import uuid
from collections.abc import Callable

from tests.support.registry.exchange import Kind, Request, Response, error
from tests.support.registry.faults import Fault
from tests.support.registry.store import Store


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Basic(Fault):
    """A user and a password with each request (RFC 7617). `challenge` may lack all parameters."""

    def __init__(self, user: str = "user", password: str = "secret", challenge: str = 'Basic realm="registry"') -> None:  # noqa: S107  a test's
        self._right, self._challenge = _basic(user, password), challenge

    def instead(self, request: Request, store: Store) -> Response | None:
        """Challenge who sends neither."""
        del store
        if request.headers.get("authorization") == self._right:
            return None
        return error(401, "UNAUTHORIZED", WWW_Authenticate=self._challenge)


class Bearer(Fault):
    """Tokens from `/token` (distribution, docs/spec/auth/token.md), for a user or, where None, for everybody.

    A token is good for `life` requests; `expired` is the status for one that is not any more. `realm` gives the URL of
    the endpoint, that of the host that was asked where it is None.
    """

    def __init__(
        self,
        user: str | None = None,
        password: str = "secret",  # noqa: S107  a test's
        *,
        life: int | None = None,
        expired: int = 401,
        realm: Callable[[], str] | None = None,
    ) -> None:
        self._right = _basic(user, password) if user is not None else None
        self._life, self._expired, self._realm = life, expired, realm
        self._left: dict[str, int] = {}
        self._scopes: dict[str, frozenset[str]] = {}

    def revoke(self) -> None:
        """End every token."""
        self._left = dict.fromkeys(self._left, 0)

    def instead(self, request: Request, store: Store) -> Response | None:
        """Give a token, or ask for one."""
        del store
        if request.kind is Kind.TOKEN:
            return self._give(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer" and token in self._left:
            if self._left[token] <= 0:
                return self._challenge(request, self._expired, "invalid_token")
            if self._needs(request) <= self._scopes[token]:
                self._left[token] -= 1
                return None
            return self._challenge(request, 401, "insufficient_scope")
        return self._challenge(request, 401)

    @staticmethod
    def _needs(request: Request) -> frozenset[str]:
        if not request.name:
            return frozenset()
        action = "pull" if request.method in ("GET", "HEAD") else "push"
        found = {f"{request.name}:{action}"}
        if request.query.get("from"):
            found.add(f"{request.query['from']}:pull")
        return frozenset(found)

    def _challenge(self, request: Request, status: int, why: str = "") -> Response:
        realm = self._realm() if self._realm else f"http://{request.headers['host']}/token"
        told = f'Bearer realm="{realm}",service="registry"'
        if request.name:
            actions = "pull" if request.method in ("GET", "HEAD") else "pull,push"
            told += f',scope="repository:{request.name}:{actions}"'
        if why:
            told += f',error="{why}"'
        return error(status, "UNAUTHORIZED", WWW_Authenticate=told)

    def _give(self, request: Request) -> Response:
        if self._right is not None and request.headers.get("authorization") != self._right:
            return error(401, "UNAUTHORIZED")
        token = uuid.uuid4().hex
        granted = set()
        for scope in (one for told in request.scopes for one in told.split()):
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            if kind == "repository":
                granted |= {f"{name}:{action}" for action in actions.split(",")}
        self._left[token] = self._life if self._life is not None else 1 << 62
        self._scopes[token] = frozenset(granted)
        return Response(200, {"Content-Type": "application/json"}, json.dumps({"token": token}).encode())


class ExpiresInBlob(Fault):
    """The connection ends after so many bytes of a blob, down or up, and with it every token."""

    def __init__(self, guard: Bearer, after: int) -> None:
        self._guard, self._after, self._done = guard, after, False

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        """Cut, once."""
        del store
        if (
            not self._done
            and request.asks == "GET blob"
            and response.status == 200
            and len(response.body) > self._after
        ):
            self._done = True
            response.cut = self._after
            self._guard.revoke()
        elif not self._done and request.asks == "PATCH upload" and response.status == 202:
            self._done = True
            self._guard.revoke()
        return response
