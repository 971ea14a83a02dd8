"""Registries whose answers are small and mean much work: lists, links between pages, challenges, tokens, documents."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard

from tests.hostile.parts import IMAGE
from tests.hostile.process import bounded, run
from tests.support import build
from tests.support.build import Json, Node, dumped
from tests.support.registry import Kind, Registry, Request, Response, Store, error, faults
from tests.support.registry.filling import put
from tests.support.tar import file, header, write_tar

NAME = "corpus/app"
#: Names and values of headers have so many bytes on one line (http.client).
LINE = 65_000
Instead = Callable[[Request, Store], Response | None]


class Answers(faults.Fault):
    """Answers with what a function makes of a request, where it makes anything."""

    def __init__(self, answer: Instead) -> None:
        self._answer = answer

    def instead(self, request: Request, store: Store) -> Response | None:
        return self._answer(request, store)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def serving(instead: Instead, node: Node | None = None) -> Iterator[str]:
    with Registry(Answers(instead)) as registry:
        put(registry, NAME, node or IMAGE.node(), "1.0")
        yield f"docker://{registry.address}/{NAME}:1.0"


def lists(kind: Kind, body: bytes, **headers: str) -> Instead:
    def instead(request: Request, _: Store) -> Response | None:
        return Response(200, {"Content-Type": build.OCI_INDEX, **headers}, body) if request.kind is kind else None

    return instead


def referrers(count: int) -> bytes:
    entry: Json = {"mediaType": build.OCI_MANIFEST, "size": 1, "artifactType": "a/b"}
    return dumped({"manifests": [{**entry, "digest": f"sha256:{number:064x}"} for number in range(count)]})


def refuses(challenge: str) -> Instead:
    return lambda *_: error(401, "UNAUTHORIZED", WWW_Authenticate=challenge)


def _token(body: bytes, scopes: str = "a") -> Instead:
    def instead(request: Request, _: Store) -> Response | None:
        if request.kind is Kind.TOKEN:
            return Response(200, {}, body)
        realm = f"http://{request.headers['host']}/token"
        return error(401, "UNAUTHORIZED", WWW_Authenticate=f'Bearer realm="{realm}",scope="{scopes}"')

    return instead


TAGS = dumped({"tags": [f"a-tag-of-a-usual-length-{number:012}" for number in range(100_000)]})
SHORT_TAGS = dumped({"tags": [f"{number:x}" for number in range(400_000)]})
NO_TAGS = b'{"tags":[]}'
TINY = b'{"manifests":[%b]}' % b",".join([b"[]"] * 1_240_000)
LINKS = "<a>;" * (LINE // 4)

ANSWERED: dict[str, tuple[Instead, tuple[int, ...]]] = {
    "tags-100-000": (lists(Kind.TAGS, TAGS), (0,)),
    "tags-400-000": (lists(Kind.TAGS, SHORT_TAGS), (0,)),
    "tags-in-a-ring": (lists(Kind.TAGS, NO_TAGS, Link='</v2/corpus/app/tags/list?n=1000>; rel="next"'), (0,)),
    "links-that-say-nothing": (lists(Kind.TAGS, NO_TAGS, Link=LINKS), (0,)),
    "links-of-referrers": (lists(Kind.REFERRERS, b'{"manifests":[]}', Link=LINKS), (0,)),
    "referrers-that-are-none": (lists(Kind.REFERRERS, TINY), (0,)),
    "referrers-24-000": (lists(Kind.REFERRERS, referrers(24_000)), (1,)),
    "referrers-30-000": (lists(Kind.REFERRERS, referrers(30_000)), (0, 1)),
    "redirects-in-a-ring": (
        lambda request, _: Response(307, {"Location": request.path}) if request.asks == "GET blob" else None,
        (3,),
    ),
    "a-challenge-of-30-000-parts": (refuses("a," * (LINE // 2)), (2,)),
    "a-challenge-of-30-000-scopes": (_token(b'{"token":"a"}', "a " * 30_000), (2,)),
    "a-challenge-without-an-end": (refuses('Bearer realm="' + '\\"' * (LINE // 2 - 20)), (2,)),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERED)
def test_what_a_registry_lists_is_read_within_the_bounds(name: str, tmp_path: Path) -> None:
    instead, statuses = ANSWERED[name]
    with serving(instead) as source:
        bounded(run("audit", source, "--jobs", "2", place=tmp_path, network=True), *statuses)


def _put(registry: Registry, top: Node) -> str:
    """Keep an index and the images in it, each once however often it is listed."""
    for entry in {one["digest"]: one for one in top.document["manifests"]}.values():
        for name in {one["digest"] for one in json.loads(top.blobs[entry["digest"]])["layers"]}:
            registry.store.put_blob(NAME, top.blobs[name])
        registry.store.put_blob(NAME, top.blobs[json.loads(top.blobs[entry["digest"]])["config"]["digest"]])
        registry.put(NAME, top.blobs[entry["digest"]], entry["mediaType"])
    registry.put(NAME, top.blobs[top.digest], build.OCI_INDEX, tag="1.0")
    return f"docker://{registry.address}/{NAME}:1.0"


def test_what_entries_of_an_index_have_is_counted_before_it_is_told(tmp_path: Path) -> None:
    """Thousands of entries that lead to one image of thousands of layers."""
    node = build.Image(layers=[IMAGE.layers[0]] * 8000).node()
    with Registry() as registry:
        source = _put(registry, build.index([node.described(n=number) for number in range(14_000)]))
        ended = run("audit", source, "--jobs", "2", "--format", "json", place=tmp_path, network=True)
    bounded(ended, 1)
    assert "--limit listed=N" in ended.stdout.decode() + ended.stderr


def test_lists_of_tiny_values_are_read_one_at_a_time(tmp_path: Path) -> None:
    images = [build.Image(layers=IMAGE.layers, config_members={"author": str(number)}) for number in range(8)]
    with serving(lists(Kind.REFERRERS, TINY), build.index([one.node() for one in images])) as source:
        bounded(run("audit", source, "--jobs", "2", place=tmp_path, network=True), 0)


TOKENS = {
    "100-mb": b'{"token":"%b"}' % (b"a" * 100_000_000),
    "nested": b'{"token":%b}' % (b"[" * 100_000 + b"]" * 100_000),
    "values": b'{"token":[%b]}' % (b"[]," * 80_000 + b"[]"),
    "long": b'{"token":"%b","expires_in":1e300}' % (b"a" * 60_000),
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_is_read_within_the_bounds(name: str, tmp_path: Path) -> None:
    with serving(_token(TOKENS[name])) as source:
        bounded(run("audit", source, place=tmp_path, network=True), 2, 3)


DOCUMENTS = {
    "values": b'{"schemaVersion":2,"a":[%b]}' % b",".join([b"[]"] * 1_200_000),
    "too-many-values": b'{"schemaVersion":2,"a":[%b]}' % b",".join([b"{}"] * 1_390_000),
    "numbers": b'{"schemaVersion":2,"a":[%b]}' % b",".join([b"1"] * 2_000_000),
    "nested": b'{"schemaVersion":2,"a":%b}' % (b"[" * 2_000_000 + b"]" * 2_000_000),
    "10-mb": b'{"schemaVersion":2,"a":"%b"}' % (b"a" * 10_000_000),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_manifest_of_very_many_values_is_read_within_the_bounds(name: str, tmp_path: Path) -> None:
    raw = DOCUMENTS[name]
    with Registry() as registry:
        registry.put(NAME, raw, build.OCI_MANIFEST, tag="1.0")
        source = f"docker://{registry.address}/{NAME}:1.0"
        bounded(run("audit", source, "--jobs", "2", place=tmp_path, network=True), 1)


def test_a_referrer_that_the_registry_lacks_is_a_notice(tmp_path: Path) -> None:
    with serving(lists(Kind.REFERRERS, referrers(3))) as source:
        bounded(run("audit", source, place=tmp_path, network=True), 0)
        ended = run("convert", source, tmp_path / "dest", "--to", "oci-layout", place=tmp_path, network=True)
        bounded(ended, 0)
        assert "the registry lists referrers that it does not have: sha256:" in ended.stderr


@pytest.mark.parametrize(("count", "statuses"), [(40_000, (0,)), (78_000, (1,))])
def test_signatures_that_a_registry_keeps(count: int, statuses: tuple[int, ...], tmp_path: Path) -> None:
    listed = b'{"signatures":[%b]}' % b",".join([b'{"schemaVersion":2,"type":"atomic","content":""}'] * count)

    def instead(request: Request, _: Store) -> Response | None:
        if request.kind is Kind.BASE:
            return Response(200, {"X-Registry-Supports-Signatures": "1"}, b"{}")
        return Response(200, {}, listed) if request.path.startswith("/extensions/v2/") else None

    with serving(instead) as source:
        bounded(run("audit", source, "--jobs", "2", place=tmp_path, network=True), *statuses)


def test_chunks_of_the_largest_least_size_are_in_memory_once(tmp_path: Path) -> None:
    """A registry may ask for chunks of 64 MiB, and two blobs are sent at a time."""
    source = tmp_path / "source"
    write_tar(source, build.layout(build.Image(layers=[_large(number) for number in range(2)]).node()))
    with Registry(least=64 << 20) as registry:
        options = ("--compression", "none", "--jobs", "2", "--no-sync")
        ended = run(
            "convert", source, f"docker://{registry.address}/{NAME}:1.0", *options, place=tmp_path, network=True
        )
        bounded(ended, 0)


def _large(number: int) -> build.Layer:
    """A layer of 150 MiB that packs well."""
    unit = random.Random(number).randbytes(40_000).ljust(1 << 20, b"\0")
    plain = header(file("large", b""), 150 << 20) + unit * 150 + bytes(1024)
    stored = zstandard.ZstdCompressor(level=1).compress(plain)
    return build.Layer(plain=plain, stored=stored, media_type="application/vnd.oci.image.layer.v1.tar+zstd")
