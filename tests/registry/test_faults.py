"""Each fault that the registry of these tests can have is there as its name says. Clients must live with them."""

import http.client
import json
from collections.abc import Callable, Iterator

import pytest

from tests.support import build
from tests.support.registry import Registry, faults, guards

CONFIG, LAYER = b"{}", bytes(range(256)) * 100
BLOB = build.digest(LAYER)
IMAGE = build.dumped(
    {
        "schemaVersion": 2,
        "config": {"mediaType": build.OCI_CONFIG, "digest": build.digest(CONFIG), "size": 2},
        "layers": [{"mediaType": build.OCI_LAYER, "digest": BLOB, "size": len(LAYER)}],
    }
)
OF_IMAGE = build.digest(IMAGE)
FALLBACK = f"sha256-{build.hexed(OF_IMAGE)}"


class Line:
    """One connection that is kept for as long as the server keeps it."""

    def __init__(self, registry: Registry) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=10)
        self.headers: dict[str, str] = {}
        self.body = b""

    def __call__(self, method: str, path: str, body: bytes | None = None, **headers: str) -> int:
        self._line.request(method, path, body, {key.replace("_", "-"): value for key, value in headers.items()})
        answer = self._line.getresponse()
        self.headers = {key.lower(): value for key, value in answer.getheaders()}
        self.body = answer.read()
        return answer.status

    def close(self) -> None:
        self._line.close()


@pytest.fixture
def line() -> Iterator[Callable[..., Line]]:
    opened: list[Line | Registry] = []

    def begin(*some: faults.Fault) -> Line:
        registry = Registry(*some)
        registry.put("app", IMAGE, build.OCI_MANIFEST, [CONFIG, LAYER], "1.0")
        opened.append(registry.__enter__())
        opened.append(Line(registry))
        found = opened[-1]
        assert isinstance(found, Line)
        return found

    yield begin
    for one in reversed(opened):
        if isinstance(one, Line):
            one.close()
        else:
            one.__exit__(None, None, None)


Begin = Callable[..., Line]


def test_a_tag_is_answered_with_the_image(line: Begin) -> None:
    assert line()("GET", f"/v2/app/manifests/{FALLBACK}") == 404
    ask = line(faults.TagIsImage())
    assert (ask("GET", f"/v2/app/manifests/{FALLBACK}"), ask.body) == (200, IMAGE)


def test_entries_lack_their_type(line: Begin) -> None:
    index = build.dumped({"manifests": [{"digest": OF_IMAGE, "artifactType": "a/b", "annotations": {}}]})
    ask = line(faults.EntriesWithoutType())
    ask("PUT", f"/v2/app/manifests/{FALLBACK}", index, Content_Type=build.OCI_INDEX)
    assert ask("GET", f"/v2/app/manifests/{FALLBACK}") == 200
    assert json.loads(ask.body)["manifests"] == [{"digest": OF_IMAGE}]
    assert ask.headers["docker-content-digest"] == build.digest(ask.body)


@pytest.mark.parametrize(
    ("fault", "method", "path", "statuses"),
    [
        (faults.unavailable(2), "GET", f"/v2/app/blobs/{BLOB}", [503, 503, 200]),
        (faults.too_many(1, "7"), "GET", "/v2/app/manifests/1.0", [429, 200]),
        (faults.head_refused(), "HEAD", f"/v2/app/blobs/{BLOB}", [401, 401]),
        (faults.referrers_refused(), "GET", f"/v2/app/referrers/{OF_IMAGE}", [401, 401]),
        (faults.NoReferrers(), "GET", f"/v2/app/referrers/{OF_IMAGE}", [404]),
        (guards.Basic(challenge="Basic"), "GET", "/v2/", [401]),
    ],
)
def test_the_status_is_another(line: Begin, fault: faults.Fault, method: str, path: str, statuses: list[int]) -> None:
    ask = line(fault)
    assert [ask(method, path) for _ in statuses] == statuses
    assert ask.headers.get("www-authenticate", "Basic").startswith("Basic")


def test_retry_after_is_said(line: Begin) -> None:
    ask = line(faults.too_many(1, "7"))
    assert (ask("GET", "/v2/"), ask.headers["retry-after"]) == (429, "7")


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        (faults.WrongBytes(), LAYER[:-1] + bytes([LAYER[-1] ^ 1])),
        (faults.ShortBody(), LAYER[:-1]),
        (faults.LongBody(), LAYER + bytes(1000)),
    ],
)
def test_the_body_is_another(line: Begin, fault: faults.Fault, body: bytes) -> None:
    ask = line(fault)
    assert ask("GET", f"/v2/app/blobs/{BLOB}") == 200
    assert ask.body == body
    assert int(ask.headers["content-length"]) == len(body)


def test_a_range_is_ignored(line: Begin) -> None:
    ask = line(faults.NoRanges())
    assert (ask("GET", f"/v2/app/blobs/{BLOB}", Range="bytes=5-9"), ask.body) == (200, LAYER)


def test_a_connection_ends_in_a_blob_and_after_answers(line: Begin) -> None:
    ask = line(faults.CutDownload(1000))
    with pytest.raises(http.client.IncompleteRead) as cut:
        ask("GET", f"/v2/app/blobs/{BLOB}")
    assert cut.value.partial == LAYER[:1000]
    ask.close()
    assert ask("GET", f"/v2/app/blobs/{BLOB}") == 200
    closing = line(faults.Closes())
    assert closing("GET", "/v2/") == 200
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        closing("GET", "/v2/")


def test_a_connection_ends_in_an_upload_and_what_came_stays(line: Begin) -> None:
    ask = line(faults.CutUpload(700))
    ask("POST", "/v2/app/blobs/uploads/")
    place = ask.headers["location"]
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        ask("PATCH", place, LAYER, Content_Range=f"0-{len(LAYER) - 1}")
    ask.close()
    assert (ask("GET", place), ask.headers["range"]) == (204, "0-699")


def test_chunks_are_too_large_for_it(line: Begin) -> None:
    ask = line(faults.SmallChunks(1000))
    ask("POST", "/v2/app/blobs/uploads/")
    place = ask.headers["location"]
    assert ask("PATCH", place, LAYER[:1000], Content_Range="0-999") == 202
    assert ask("PATCH", place, LAYER[1000:2001], Content_Range="1000-2000") == 416
    assert ask.headers["range"] == "0-999"


def test_a_mount_becomes_an_upload(line: Begin) -> None:
    ask = line(faults.MountRefused())
    assert ask("POST", f"/v2/other/blobs/uploads/?mount={BLOB}&from=app") == 202


def test_a_redirect_leads_to_a_store_that_takes_no_authorization(line: Begin) -> None:
    ask = line(faults.Redirect(lambda path: f"http://store.example{path}"))
    assert ask("GET", f"/v2/app/blobs/{BLOB}") == 307
    assert ask.headers["location"] == f"http://store.example/v2/app/blobs/{BLOB}"
    store = line(faults.RefusesAuthorization())
    assert store("GET", f"/v2/app/blobs/{BLOB}", Authorization="Bearer x") == 400
    assert store("GET", f"/v2/app/blobs/{BLOB}") == 200


def token_of(ask: Line, scope: str = "repository:app:pull") -> str:
    assert ask("GET", f"/token?service=registry&scope={scope}") == 200
    token: str = json.loads(ask.body)["token"]
    return f"Bearer {token}"


@pytest.mark.parametrize("expired", [401, 400])
def test_a_token_expires(line: Begin, expired: int) -> None:
    ask = line(guards.Bearer(life=2, expired=expired))
    assert ask("GET", "/v2/app/manifests/1.0") == 401
    assert 'scope="repository:app:pull"' in ask.headers["www-authenticate"]
    token = token_of(ask)
    got = [ask("GET", "/v2/app/manifests/1.0", Authorization=token) for _ in range(3)]
    assert got == [200, 200, expired]
    assert 'error="invalid_token"' in ask.headers["www-authenticate"]


def test_a_token_is_for_what_was_asked(line: Begin) -> None:
    ask = line(guards.Bearer())
    token = token_of(ask)
    assert ask("POST", "/v2/app/blobs/uploads/", Authorization=token) == 401
    assert ask("GET", "/v2/other/manifests/1.0", Authorization=token) == 401
    token = token_of(ask, "repository:app:pull,push")
    assert ask("POST", "/v2/app/blobs/uploads/", Authorization=token) == 202


def test_a_user_has_a_password(line: Begin) -> None:
    ask = line(guards.Bearer("user"))
    assert ask("GET", "/token?service=registry") == 401
    assert ask("GET", "/token?service=registry", Authorization="Basic dXNlcjpzZWNyZXQ=") == 200
    assert line(guards.Basic())("GET", "/v2/", Authorization="Basic dXNlcjpzZWNyZXQ=") == 200


def test_a_token_expires_in_a_blob(line: Begin) -> None:
    guard = guards.Bearer()
    ask = line(guard, guards.ExpiresInBlob(guard, 1000))
    token = token_of(ask)
    with pytest.raises(http.client.IncompleteRead):
        ask("GET", f"/v2/app/blobs/{BLOB}", Authorization=token)
    ask.close()
    assert ask("GET", f"/v2/app/blobs/{BLOB}", Authorization=token) == 401


def test_a_digest_in_a_header_is_wrong(line: Begin) -> None:
    ask = line(faults.WrongDigestHeader())
    ask("GET", "/v2/app/manifests/1.0")
    assert ask.headers["docker-content-digest"] == f"sha256:{'0' * 64}"
