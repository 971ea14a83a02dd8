"""The registry of these tests obeys the OCI distribution specification 1.1, clause by clause.

Each row has the endpoint of the specification's table, and the sentence that it shows.
"""

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest

from tests.support import build
from tests.support.registry import Registry

MIB = 1024 * 1024
DATA = bytes(range(256)) * 8
DIGEST = build.digest(DATA)
ABSENT = build.digest(b"absent")
CONFIG = b"{}"
MANIFEST = build.dumped(
    {
        "schemaVersion": 2,
        "mediaType": build.OCI_MANIFEST,
        "config": {"mediaType": build.OCI_CONFIG, "digest": build.digest(CONFIG), "size": len(CONFIG)},
        "layers": [{"mediaType": build.OCI_LAYER, "digest": DIGEST, "size": len(DATA)}],
    }
)
OF_MANIFEST = build.digest(MANIFEST)


def referrer(subject: str, number: int, kind: str | None = "application/x.signature") -> bytes:
    """Make an artifact that refers to a manifest; without a type of its own it has that of its config."""
    document = {
        "schemaVersion": 2,
        "mediaType": build.OCI_MANIFEST,
        **({"artifactType": kind} if kind else {}),
        "config": {"mediaType": build.OCI_CONFIG, "digest": build.digest(CONFIG), "size": len(CONFIG)},
        "layers": [],
        "subject": {"mediaType": build.OCI_MANIFEST, "digest": subject, "size": len(MANIFEST)},
        "annotations": {"number": str(number)},
    }
    return build.dumped(document)


@dataclass(frozen=True)
class Got:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401  a document of any kind
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the first error in the body."""
        code: str = self.json["errors"][0]["code"]
        return code


@dataclass
class Client:
    """A client that knows nothing: it sends what a test says."""

    registry: Registry
    name: str = "team/app"
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Got:
        connection = http.client.HTTPConnection("127.0.0.1", self.registry.port, timeout=10)
        try:
            named = {key.replace("_", "-"): value for key, value in headers.items()}
            target = path if path.startswith("/") else f"/v2/{self.name}/{path}"
            connection.request(method, target, body, named)
            answer = connection.getresponse()
            return Got(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def begin(self) -> Got:
        """Begin an upload."""
        got = self("POST", "blobs/uploads/")
        assert got.status == 202
        return got

    def image(self, tag: str = "1.0") -> None:
        """Push an image, a tag with it."""
        for data in (DATA, CONFIG):
            assert self("POST", f"blobs/uploads/?digest={quote(build.digest(data))}", data).status == 201
        assert self("PUT", f"manifests/{tag}", MANIFEST, Content_Type=build.OCI_MANIFEST).status == 201

    def refer(self, count: int = 1) -> list[str]:
        """Push referrers of the image."""
        made = [referrer(OF_MANIFEST, number) for number in range(count)]
        for raw in made:
            put = self("PUT", f"manifests/{build.digest(raw)}", raw, Content_Type=build.OCI_MANIFEST)
            assert put.status == 201
        return [build.digest(raw) for raw in made]


@pytest.fixture
def ask() -> Iterator[Client]:
    with Registry() as registry:
        yield Client(registry)


Row = tuple[str, str, Callable[[Client], None]]
ROWS: list[Row] = []


def clause(endpoint: str, sentence: str) -> Callable[[Callable[[Client], None]], Callable[[Client], None]]:
    """Put a row into the table."""

    def keep(check: Callable[[Client], None]) -> Callable[[Client], None]:
        ROWS.append((endpoint, sentence, check))
        return check

    return keep


@clause("end-1", "Determining Support: if the response is 200 OK, the registry implements this specification")
def _(ask: Client) -> None:
    assert ask("GET", "/v2/").status == 200


@clause("end-2", "Pulling blobs: a GET to an existing blob MUST give 200 OK, the body its contents")
def _(ask: Client) -> None:
    ask.image()
    got = ask("GET", f"blobs/{DIGEST}")
    assert (got.status, got.body) == (200, DATA)


@clause("end-2", "Pulling blobs: the value of Docker-Content-Digest SHOULD be the digest of the blob")
def _(ask: Client) -> None:
    ask.image()
    assert ask("GET", f"blobs/{DIGEST}").headers["docker-content-digest"] == DIGEST


@clause("end-2", "Pulling blobs: if the blob is not found, the response code MUST be 404 Not Found")
def _(ask: Client) -> None:
    ask.image()
    got = ask("GET", f"blobs/{ABSENT}")
    assert (got.status, got.code) == (404, "BLOB_UNKNOWN")


@clause("end-2", "Pulling blobs: a registry SHOULD support the Range request header (RFC 9110)")
def _(ask: Client) -> None:
    ask.image()
    got = ask("GET", f"blobs/{DIGEST}", Range="bytes=10-19")
    assert (got.status, got.body) == (206, DATA[10:20])
    assert got.headers["content-range"] == f"bytes 10-19/{len(DATA)}"
    assert ask("GET", f"blobs/{DIGEST}", Range="bytes=2000-").body == DATA[2000:]
    assert ask("GET", f"blobs/{DIGEST}", Range="bytes=-5").body == DATA[-5:]
    assert ask("GET", f"blobs/{DIGEST}", Range=f"bytes={len(DATA)}-").status == 416


@clause("end-2", "Checking if content exists: HEAD to an existing blob MUST give 200 OK, and SHOULD give its size")
def _(ask: Client) -> None:
    ask.image()
    got = ask("HEAD", f"blobs/{DIGEST}")
    assert (got.status, got.body, got.headers["content-length"]) == (200, b"", str(len(DATA)))


@clause("end-2", "Checking if content exists: if it is not found, the response code MUST be 404 Not Found")
def _(ask: Client) -> None:
    assert ask("HEAD", f"blobs/{DIGEST}").status == 404
    assert ask("HEAD", "manifests/1.0").status == 404


@clause("end-3", "Pulling manifests: a GET by tag or digest MUST give 200 OK and the manifest")
def _(ask: Client) -> None:
    ask.image()
    for reference in ("1.0", OF_MANIFEST):
        got = ask("GET", f"manifests/{reference}", Accept=build.OCI_MANIFEST)
        assert (got.status, got.body) == (200, MANIFEST)
        assert got.headers["docker-content-digest"] == OF_MANIFEST


@clause("end-3", "Pulling manifests: Content-Type SHOULD match what the client pushed as the manifest's Content-Type")
def _(ask: Client) -> None:
    ask.image()
    assert ask("GET", "manifests/1.0").headers["content-type"] == build.OCI_MANIFEST


@clause("end-3", "Pulling manifests: if the manifest is not found, the response code MUST be 404 Not Found")
def _(ask: Client) -> None:
    ask.image()
    got = ask("GET", "manifests/2.0")
    assert (got.status, got.code) == (404, "MANIFEST_UNKNOWN")


@clause("end-3", "Checking if content exists: HEAD to an existing manifest MUST give 200 OK, with digest and size")
def _(ask: Client) -> None:
    ask.image()
    got = ask("HEAD", "manifests/1.0")
    assert (got.status, got.headers["content-length"]) == (200, str(len(MANIFEST)))
    assert got.headers["docker-content-digest"] == OF_MANIFEST


@clause("end-4a", "POST then PUT: the response MUST have 202 Accepted, and MUST have a Location")
def _(ask: Client) -> None:
    assert ask.begin().headers["location"].startswith("/v2/team/app/blobs/uploads/")


@clause("end-4b", "Single POST: on success, the response MUST have 201 Created and a Location with a pullable blob")
def _(ask: Client) -> None:
    got = ask("POST", f"blobs/uploads/?digest={DIGEST}", DATA, Content_Type="application/octet-stream")
    assert got.status == 201
    assert ask("GET", got.headers["location"]).body == DATA


@clause(
    "end-5", "Chunked: each successful chunk upload MUST have 202 Accepted, Location, and Range of all that is there"
)
def _(ask: Client) -> None:
    got = ask.begin()
    for start in range(0, len(DATA), 512):
        span = f"{start}-{start + 511}"
        got = ask("PATCH", got.headers["location"], DATA[start : start + 512], Content_Range=span)
        assert (got.status, got.headers["range"]) == (202, f"0-{start + 511}")
    got = ask("PUT", f"{got.headers['location']}&digest={DIGEST}")
    assert (got.status, got.headers["docker-content-digest"]) == (201, DIGEST)
    assert ask("GET", f"blobs/{DIGEST}").body == DATA


@clause(
    "end-5", "Chunked: chunks MUST be uploaded in order; if one is out of order, 416 Requested Range Not Satisfiable"
)
def _(ask: Client) -> None:
    place = ask.begin().headers["location"]
    assert ask("PATCH", place, DATA[:100], Content_Range="0-99").status == 202
    got = ask("PATCH", place, DATA[200:300], Content_Range="200-299")
    assert (got.status, got.headers["range"]) == (416, "0-99")
    assert ask("PATCH", place, DATA[:100], Content_Range="0-99").status == 416
    assert ask("PATCH", place, DATA[:100], Content_Range="nonsense").status == 416
    assert ask("PATCH", place, DATA[100:200], Content_Range="100-198").status == 416


@clause("end-5", "Chunked: an unknown session is 404 Not Found")
def _(ask: Client) -> None:
    got = ask("PATCH", "blobs/uploads/none", DATA, Content_Range="0-99")
    assert (got.status, got.code) == (404, "BLOB_UPLOAD_UNKNOWN")


@clause("end-5", "Streamed: a PATCH without Content-Range, its length unknown, adds to the upload")
def _(ask: Client) -> None:
    place = ask.begin().headers["location"]
    connection = http.client.HTTPConnection("127.0.0.1", ask.registry.port, timeout=10)
    connection.request("PATCH", place, iter([DATA[:1000], DATA[1000:]]), encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Range")) == (202, f"0-{len(DATA) - 1}")
    connection.close()
    assert ask("PUT", f"{place}&digest={DIGEST}").status == 201


@clause("end-6", "POST then PUT: upon success, the response MUST be 201 Created, and MUST have a Location")
def _(ask: Client) -> None:
    got = ask("PUT", f"{ask.begin().headers['location']}&digest={quote(DIGEST)}", DATA)
    assert got.status == 201
    assert ask("GET", got.headers["location"]).body == DATA


@clause("end-6", "Chunked: the closing PUT may have the last chunk, in its order")
def _(ask: Client) -> None:
    place = ask.begin().headers["location"]
    ask("PATCH", place, DATA[:1000], Content_Range="0-999")
    wrong = ask("PUT", f"{place}&digest={DIGEST}", DATA[1000:], Content_Range=f"999-{len(DATA) - 2}")
    assert wrong.status == 416
    right = ask("PUT", f"{place}&digest={DIGEST}", DATA[1000:], Content_Range=f"1000-{len(DATA) - 1}")
    assert right.status == 201


@clause("end-6", "a digest that is not the content's, or none, is 400 with DIGEST_INVALID")
def _(ask: Client) -> None:
    for query in (f"&digest={ABSENT}", "&digest=nonsense", ""):
        got = ask("PUT", ask.begin().headers["location"] + query, DATA)
        assert (got.status, got.code) == (400, "DIGEST_INVALID")
    assert ask("HEAD", f"blobs/{ABSENT}").status == 404


@clause("end-7", "Pushing manifests: 201 Created, Location of the manifest; the reference is a tag or the digest")
def _(ask: Client) -> None:
    ask.image()
    for reference in ("2.0", OF_MANIFEST):
        got = ask("PUT", f"manifests/{reference}", MANIFEST, Content_Type=build.OCI_MANIFEST)
        assert (got.status, got.headers["docker-content-digest"]) == (201, OF_MANIFEST)
        assert ask("GET", got.headers["location"]).body == MANIFEST


@clause("end-7", "Pushing manifests: the registry MUST store the manifest in the exact byte representation")
def _(ask: Client) -> None:
    raw = json.dumps(json.loads(MANIFEST), indent=7).encode()
    ask.image()
    assert ask("PUT", "manifests/spaced", raw, Content_Type=build.OCI_MANIFEST).status == 201
    assert ask("GET", "manifests/spaced").body == raw


@clause("end-7", "Pushing manifests: the Content-Type MUST match the mediaType of the manifest")
def _(ask: Client) -> None:
    ask.image()
    got = ask("PUT", "manifests/3.0", MANIFEST, Content_Type=build.DOCKER_MANIFEST)
    assert (got.status, got.code) == (400, "MANIFEST_INVALID")


@clause("end-7", "Pushing manifests: it MAY be refused when a blob is not there (404, MANIFEST_BLOB_UNKNOWN)")
def _(ask: Client) -> None:
    got = ask("PUT", "manifests/1.0", MANIFEST, Content_Type=build.OCI_MANIFEST)
    assert (got.status, got.code) == (404, "MANIFEST_BLOB_UNKNOWN")
    index = build.dumped({"schemaVersion": 2, "manifests": [{"digest": ABSENT, "size": 1}]})
    assert ask("PUT", "manifests/1.0", index, Content_Type=build.OCI_INDEX).status == 404


@clause("end-7", "Pushing manifests: by a digest that is not its own it is refused")
def _(ask: Client) -> None:
    ask.image()
    got = ask("PUT", f"manifests/{ABSENT}", MANIFEST, Content_Type=build.OCI_MANIFEST)
    assert (got.status, got.code) == (400, "DIGEST_INVALID")


@clause("end-7", "Pushing manifests: a limit SHOULD be 4 megabytes or more; beyond it MUST be 413 Payload Too Large")
def _(ask: Client) -> None:
    ask.image()
    document = json.loads(MANIFEST) | {"annotations": {"a": "x" * (4 * MIB)}}
    large = ask("PUT", "manifests/large", build.dumped(document), Content_Type=build.OCI_MANIFEST)
    document["annotations"]["a"] = "x" * (4 * MIB - 1000)
    fits = ask("PUT", "manifests/fits", build.dumped(document), Content_Type=build.OCI_MANIFEST)
    assert (large.status, fits.status) == (413, 201)


@clause("end-7", "Pushing manifests with subject: the response MUST have OCI-Subject with the subject's digest")
def _(ask: Client) -> None:
    ask.image()
    got = ask("PUT", "manifests/of", referrer(OF_MANIFEST, 1), Content_Type=build.OCI_MANIFEST)
    assert (got.status, got.headers["oci-subject"]) == (201, OF_MANIFEST)
    assert "oci-subject" not in ask("PUT", "manifests/x", MANIFEST, Content_Type=build.OCI_MANIFEST).headers


@clause("end-7", "Pushing manifests with subject: the registry MUST accept one whose subject does not exist")
def _(ask: Client) -> None:
    ask.image()
    assert ask("PUT", "manifests/of", referrer(ABSENT, 1), Content_Type=build.OCI_MANIFEST).status == 201
    assert len(ask("GET", f"referrers/{ABSENT}").json["manifests"]) == 1


@clause("end-8a", "Listing tags: 200 OK, and a JSON body with name and tags in lexical order")
def _(ask: Client) -> None:
    for tag in ("b", "a", "B"):
        ask.image(tag)
    got = ask("GET", "tags/list")
    assert (got.status, got.json) == (200, {"name": "team/app", "tags": ["B", "a", "b"]})
    assert ask("GET", "/v2/other/tags/list").status == 404


@clause("end-8b", "Listing tags: n limits the number and last begins after a tag; there MUST NOT be more than n")
def _(ask: Client) -> None:
    for tag in ("a", "b", "c", "d", "e"):
        ask.image(tag)
    path, found = "tags/list?n=2", []
    while path:
        got = ask("GET", path)
        found.append(got.json["tags"])
        path = got.headers.get("link", "").partition(">")[0].removeprefix("<")
    assert found == [["a", "b"], ["c", "d"], ["e"]]
    assert ask("GET", "tags/list?last=d").json["tags"] == ["e"]


@clause("end-8b", "Listing tags: when n is zero the list MUST be empty, without a Link header")
def _(ask: Client) -> None:
    ask.image()
    got = ask("GET", "tags/list?n=0")
    assert (got.json["tags"], got.headers.get("link")) == ([], None)


@clause("end-9", "Deleting tags: 202 Accepted, and then GET is 404; the manifest stays")
def _(ask: Client) -> None:
    ask.image()
    assert ask("DELETE", "manifests/1.0").status == 202
    assert ask("GET", "manifests/1.0").status == 404
    assert ask("GET", f"manifests/{OF_MANIFEST}").status == 200


@clause("end-9", "Deleting manifests: 202 Accepted; a deleted one is 404, its tags too; an unknown one MUST be 404")
def _(ask: Client) -> None:
    ask.image()
    assert ask("DELETE", f"manifests/{OF_MANIFEST}").status == 202
    assert [ask("GET", f"manifests/{one}").status for one in ("1.0", OF_MANIFEST)] == [404, 404]
    assert ask("DELETE", f"manifests/{OF_MANIFEST}").status == 404


@clause("end-9", "Deleting manifests: a referrer that is deleted MUST not be listed any more")
def _(ask: Client) -> None:
    ask.image()
    (digest,) = ask.refer()
    assert ask("DELETE", f"manifests/{digest}").status == 202
    assert ask("GET", f"referrers/{OF_MANIFEST}").json["manifests"] == []


@clause("end-9, end-10", "Deleting: where it is disabled, the response MUST be 405 Method Not Allowed")
def _(ask: Client) -> None:
    with Registry(store=ask.registry.store, deletes=False) as keeping:
        other = Client(keeping)
        other.image()
        assert other("DELETE", f"manifests/{OF_MANIFEST}").status == 405
        assert other("DELETE", f"blobs/{DIGEST}").status == 405


@clause("end-10", "Deleting blobs: 202 Accepted; if the blob is not found, 404 Not Found MUST be returned")
def _(ask: Client) -> None:
    ask.image()
    assert ask("DELETE", f"blobs/{DIGEST}").status == 202
    assert ask("GET", f"blobs/{DIGEST}").status == 404
    assert ask("DELETE", f"blobs/{DIGEST}").status == 404


@clause("end-11", "Mounting: on success, the response MUST be 201 Created with the blob's Location; no byte is sent")
def _(ask: Client) -> None:
    ask.image()
    other = Client(ask.registry, "other")
    got = other("POST", f"blobs/uploads/?mount={quote(DIGEST)}&from={quote('team/app', safe='')}")
    assert got.status == 201
    assert other("GET", got.headers["location"]).body == DATA


@clause("end-11", "Mounting: else the registry SHOULD give 202 Accepted and begin an upload")
def _(ask: Client) -> None:
    ask.image()
    for query in (f"mount={ABSENT}&from=team/app", f"mount={DIGEST}&from=unknown", f"mount={DIGEST}"):
        got = Client(ask.registry, "other")("POST", f"blobs/uploads/?{query}")
        assert got.status == 202
        assert ask("PUT", f"{got.headers['location']}&digest={DIGEST}", DATA).status == 201


@clause(
    "end-12a", "Listing referrers: 200 OK with an image index; each entry has the type and annotations of its manifest"
)
def _(ask: Client) -> None:
    ask.image()
    (digest,) = ask.refer()
    got = ask("GET", f"referrers/{OF_MANIFEST}")
    assert (got.status, got.headers["content-type"], got.json["mediaType"]) == (200, build.OCI_INDEX, build.OCI_INDEX)
    (entry,) = got.json["manifests"]
    assert entry == {
        "mediaType": build.OCI_MANIFEST,
        "digest": digest,
        "size": len(referrer(OF_MANIFEST, 0)),
        "artifactType": "application/x.signature",
        "annotations": {"number": "0"},
    }


@clause("end-12a", "Listing referrers: without artifactType it MUST be the mediaType of the config")
def _(ask: Client) -> None:
    ask.image()
    ask("PUT", "manifests/of", referrer(OF_MANIFEST, 1, None), Content_Type=build.OCI_MANIFEST)
    (entry,) = ask("GET", f"referrers/{OF_MANIFEST}").json["manifests"]
    assert entry["artifactType"] == build.OCI_CONFIG


@clause("end-12a", "Listing referrers: no referrers MUST be an empty list, MUST NOT be 404; a malformed digest is 400")
def _(ask: Client) -> None:
    got = ask("GET", f"referrers/{ABSENT}")
    assert (got.status, got.json["manifests"]) == (200, [])
    assert ask("GET", "referrers/nonsense").status == 400


@clause("end-12a", "Listing referrers: a list in several responses MUST have a Link header to the next")
def _(ask: Client) -> None:
    with Registry(store=ask.registry.store, page=2) as paging:
        other = Client(paging)
        other.image()
        wanted = other.refer(5)
        path, found = f"referrers/{OF_MANIFEST}", []
        while path:
            got = other("GET", path)
            found += [one["digest"] for one in got.json["manifests"]]
            path = got.headers.get("link", "").partition(">")[0].removeprefix("<")
        assert found == wanted


@clause("end-12b", "Listing referrers: where artifactType filters, OCI-Filters-Applied MUST say so")
def _(ask: Client) -> None:
    ask.image()
    ask.refer(2)
    ask("PUT", "manifests/of", referrer(OF_MANIFEST, 9, "application/x.sbom"), Content_Type=build.OCI_MANIFEST)
    got = ask("GET", f"referrers/{OF_MANIFEST}?artifactType=application%2Fx.sbom")
    assert [one["annotations"]["number"] for one in got.json["manifests"]] == ["9"]
    assert got.headers["oci-filters-applied"] == "artifactType"
    assert "oci-filters-applied" not in ask("GET", f"referrers/{OF_MANIFEST}").headers


@clause("end-13", "Upload status: 204 No Content, with Location, and Range of what is there")
def _(ask: Client) -> None:
    place = ask.begin().headers["location"]
    ask("PATCH", place, DATA[:700], Content_Range="0-699")
    got = ask("GET", place)
    assert (got.status, got.headers["range"]) == (204, "0-699")
    assert got.headers["location"]
    assert ask("GET", "blobs/uploads/none").status == 404


@clause("DELETE upload", "an upload that is cancelled is unknown")
def _(ask: Client) -> None:
    place = ask.begin().headers["location"]
    assert ask("DELETE", place).status == 204
    assert ask("GET", place).status == 404


@clause("errors", "4XX responses: the body MAY be JSON with errors, each with a code, a message and a detail")
def _(ask: Client) -> None:
    (told,) = ask("GET", "blobs/nonsense").json["errors"]
    assert sorted(told) == ["code", "detail", "message"]
    assert ask("GET", "/v2/No_Name/tags/list").code == "NAME_INVALID"
    assert ask("POST", "manifests/1.0").status == 405


@pytest.mark.parametrize(("endpoint", "sentence", "check"), ROWS, ids=[f"{row[0]}-{n}" for n, row in enumerate(ROWS)])
def test_a_clause_holds(endpoint: str, sentence: str, check: Callable[[Client], None], ask: Client) -> None:
    assert endpoint
    assert sentence
    check(ask)


def test_every_endpoint_stands_in_the_table() -> None:
    named = {one for endpoint, _, _ in ROWS for one in endpoint.split(", ")}
    numbers = {*(f"end-{n}" for n in (1, 2, 3, 5, 6, 7, 9, 10, 11, 13)), "end-4a", "end-4b", "end-8a", "end-8b"}
    assert numbers | {"end-12a", "end-12b"} <= named


def test_a_least_length_of_chunks_is_told_and_kept() -> None:
    # Chunked: OCI-Chunk-Min-Length; a client SHOULD NOT send a smaller chunk, but for the last one.
    with Registry(least=1000) as registry:
        ask = Client(registry)
        got = ask.begin()
        assert got.headers["oci-chunk-min-length"] == "1000"
        got = ask("PATCH", got.headers["location"], DATA[:100], Content_Range="0-99")
        assert got.status == 202
        assert ask("PATCH", got.headers["location"], DATA[100:], Content_Range=f"100-{len(DATA) - 1}").status == 416


def test_it_counts_requests_and_bytes_by_kind() -> None:
    with Registry() as registry:
        ask = Client(registry)
        ask.image()
        ask("GET", f"blobs/{DIGEST}", Range="bytes=0-99")
        ask("HEAD", f"blobs/{DIGEST}")
        assert registry.counts() == {"POST uploads": 2, "PUT manifest": 1, "GET blob": 1, "HEAD blob": 1}
        assert [one.sent for one in registry.asked("GET blob", "HEAD blob")] == [100, 0]
        assert sum(one.received for one in registry.asked("POST uploads")) == len(DATA) + len(CONFIG)
