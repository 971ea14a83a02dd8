"""Pushing to registries with the faults that clients were reported for: each ends as the contract says."""

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import ociarchive
from ociarchive.errors import HostError, UsageError
from ociarchive.remote import upload
from ociarchive.transform import pushing
from ociarchive.values import Digest
from tests.support import build
from tests.support.build import Node
from tests.support.call import Call, Result, refused, told
from tests.support.registry import Registry, Request, Response, Store, error, faults, guards
from tests.support.registry.filling import put
from tests.support.tar import changed, tar

NAME = "team/app"
KIB = 1024
PATIENCE = 30  # seconds until a test that waits for ever fails
NOISE = build.layer({"noise": bytes((n * n + n // 7) % 251 for n in range(1_000_000))}, "none")
SMALL = build.layer({"etc/app": b"app"}, "gzip")
IMAGE = build.Image(layers=[NOISE, SMALL])
SIZE = len(NOISE.stored)

pytestmark = pytest.mark.usefixtures("pauses", "chunks")


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make chunks so small that one layer has some."""
    monkeypatch.setattr(upload, "CHUNK", 256 * KIB)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.tar"
    path.write_bytes(tar(build.layout(IMAGE.node())))
    return path


def push(cli_call: Call, source: Path, registry: Registry, *options: str) -> Result:
    return cli_call("convert", source, f"docker://{registry.address}/{NAME}:1.0", *options)


def tags(registry: Registry) -> dict[str, str]:
    there = registry.store.repositories.get(NAME)
    return {tag: str(digest) for tag, digest in there.tags.items()} if there else {}


def whole(registry: Registry, node: Node | None = None) -> None:
    """Check that the image is there, each blob with the bytes that its digest says, and no upload is left."""
    node = node or IMAGE.node()
    assert tags(registry)["1.0"] == node.digest
    there = registry.store.repositories[NAME]
    assert {str(one) for one in there.blobs} == {NOISE.digest, SMALL.digest, IMAGE.image_id}
    assert all(build.digest(registry.store.content[one]) == str(one) for one in there.blobs)
    assert not there.uploads


def received(registry: Registry) -> int:
    """Give the bytes of the large layer that came, more than once where they were sent again."""
    return sum(one.received for one in registry.asked("PATCH upload"))


def log_in(home: Path, registry: Registry) -> None:
    auth = base64.b64encode(b"user:secret").decode()
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker" / "config.json").write_text(json.dumps({"auths": {registry.address: {"auth": auth}}}))


def test_a_large_layer_goes_in_chunks(cli_call: Call, source: Path) -> None:
    with Registry() as registry:
        told(push(cli_call, source, registry))
        whole(registry)
        spans = [one.headers["content-range"] for one in registry.asked("PATCH upload")]
        assert spans[0] == f"0-{256 * KIB - 1}"
        assert spans[-1].endswith(f"-{SIZE - 1}")
        assert received(registry) == SIZE
        assert max(one.received for one in registry.asked("PATCH upload")) == 256 * KIB


def test_the_least_length_of_a_chunk_is_kept(cli_call: Call, source: Path) -> None:
    with Registry(least=400_000) as registry:
        told(push(cli_call, source, registry))
        whole(registry)
        assert [one.received for one in registry.asked("PATCH upload")][:-1] == [400_000] * (SIZE // 400_000)


@pytest.mark.parametrize("status", [413, 416])
def test_a_chunk_that_is_too_large_is_halved(cli_call: Call, source: Path, status: int) -> None:
    with Registry(faults.SmallChunks(100 * KIB, status)) as registry:
        told(push(cli_call, source, registry))
        whole(registry)
        assert [one.received for one in registry.asked("PATCH upload") if one.status == status] == [
            256 * KIB,
            128 * KIB,
        ]


def test_a_registry_that_takes_no_chunk_is_given_up(cli_call: Call, source: Path) -> None:
    with Registry(faults.SmallChunks(10)) as registry:
        assert "status 416" in refused(push(cli_call, source, registry), 3)
        assert tags(registry) == {}


class TakesOneByte(faults.Fault):
    """Refuses every chunk as too large, and says that it took one byte of it."""

    def __init__(self, status: int) -> None:
        self._status, self.taken = status, 0

    def instead(self, request: Request, store: Store) -> Response | None:
        """Take a byte."""
        del store
        if request.method not in ("PATCH", "PUT") or "uploads" not in request.path:
            return None
        self.taken += 1
        return Response(self._status, {"Location": request.path, "Range": f"0-{self.taken - 1}"})


@pytest.mark.parametrize("status", [413, 416])
def test_a_registry_that_takes_byte_by_byte_is_given_up(cli_call: Call, source: Path, status: int) -> None:
    fault = TakesOneByte(status)
    with Registry(fault) as registry:
        assert f"status {status}" in refused(push(cli_call, source, registry), 3)
        assert tags(registry) == {}
    assert fault.taken < 30


def test_an_upload_goes_on_after_a_break(cli_call: Call, source: Path) -> None:
    with Registry(faults.CutUpload(100_000, 3)) as registry:
        told(push(cli_call, source, registry))
        whole(registry)
        assert registry.asked("GET upload"), "the registry was asked how much it has"
        assert received(registry) == SIZE, "what came before a break is not sent again"


def test_an_upload_that_breaks_again_and_again_is_given_up(cli_call: Call, source: Path) -> None:
    with Registry(faults.CutUpload(0, None)) as registry:
        line = refused(push(cli_call, source, registry), 3)
        assert registry.address in line
        assert tags(registry) == {}


class Forgets(faults.Fault):
    """Forgets an upload in the middle, so many times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def instead(self, request: Request, store: Store) -> Response | None:
        """Answer that there is no such upload."""
        begins = request.headers.get("content-range", "0-").partition("-")[0]
        if request.asks != "PATCH upload" or begins == "0" or self.left == 0:
            return None
        self.left -= 1
        store.repository(request.name).uploads.pop(request.reference, None)
        return error(404, "BLOB_UPLOAD_UNKNOWN")


def test_an_upload_that_is_lost_is_read_and_sent_again(cli_call: Call, source: Path) -> None:
    with Registry(Forgets(2)) as registry:
        told(push(cli_call, source, registry))
        whole(registry)
        assert received(registry) > SIZE


def test_uploads_that_are_lost_each_time_end_the_push(cli_call: Call, source: Path) -> None:
    with Registry(Forgets(-1)) as registry:
        assert "does not know its own upload" in refused(push(cli_call, source, registry), 3)
        assert tags(registry) == {}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda: faults.unavailable(2, "PATCH upload"), id="503 to chunks"),
        pytest.param(lambda: faults.unavailable(2, "PUT upload"), id="503 at the end"),
        pytest.param(lambda: faults.unavailable(2), id="503 to whatever comes first"),
        pytest.param(lambda: faults.too_many(2, "0", "PATCH upload"), id="429 to chunks"),
        pytest.param(lambda: faults.too_many(1, "0", "PUT manifest"), id="429 to manifests"),
        pytest.param(faults.Closes, id="closed between requests"),
        pytest.param(lambda: faults.CutUpload(10, 2, "PUT upload"), id="cut in small blobs"),
        pytest.param(faults.MountRefused, id="no mounts"),
        pytest.param(faults.NoReferrers, id="no referrers"),
        pytest.param(faults.referrers_refused, id="401 from the referrers API"),
        pytest.param(faults.head_refused, id="401 to HEAD of a blob"),
    ],
)
def test_a_push_lives_with(fault: Callable[[], faults.Fault], cli_call: Call, source: Path) -> None:
    with Registry(fault()) as registry:
        told(push(cli_call, source, registry))
        whole(registry)


def test_retry_after_is_kept_in_an_upload(cli_call: Call, source: Path, pauses: list[float]) -> None:
    with Registry(faults.too_many(1, "9", "PATCH upload")) as registry:
        told(push(cli_call, source, registry))
        assert 9.0 in pauses


def test_a_lost_answer_to_the_last_request_is_found_out(cli_call: Call, source: Path) -> None:
    class Silent(faults.Fault):
        """Stores a blob, and hangs up before it says so."""

        def changed(self, request: Request, response: Response, store: Store) -> Response:
            """Say nothing."""
            del store
            if request.asks == "PUT upload" and response.status == 201:
                response.cut, response.length = 0, 5
            return response

    with Registry(Silent()) as registry:
        told(push(cli_call, source, registry))
        whole(registry)


# Who may push


def test_nobody_may_push_without_credentials(cli_call: Call, source: Path) -> None:
    with Registry(guards.Basic(challenge="Basic")) as registry:
        line = refused(push(cli_call, source, registry), 2)
        assert "refuses" in line
        assert tags(registry) == {}


@pytest.mark.parametrize(
    "guard",
    [
        pytest.param(lambda: guards.Basic(challenge="Basic"), id="Basic without a scope"),
        pytest.param(lambda: guards.Bearer("user"), id="Bearer"),
        pytest.param(lambda: guards.Bearer("user", life=3), id="tokens for three requests"),
        pytest.param(lambda: guards.Bearer("user", life=3, expired=400), id="400 for an expired token"),
    ],
)
def test_a_user_pushes(guard: Callable[[], faults.Fault], cli_call: Call, source: Path, alone: Path) -> None:
    with Registry(guard()) as registry:
        log_in(alone, registry)
        done = told(push(cli_call, source, registry, "-vv", "--jobs", "1"))
        whole(registry)
        assert "secret" not in done.stderr
        assert base64.b64encode(b"user:secret").decode() not in done.stderr


def test_a_token_that_expires_in_a_layer_is_renewed(cli_call: Call, source: Path, alone: Path) -> None:
    guard = guards.Bearer("user")
    with Registry(guard, guards.ExpiresInBlob(guard, 0)) as registry:
        log_in(alone, registry)
        told(push(cli_call, source, registry, "--jobs", "1"))  # another layer would meet the end of the token first
        whole(registry)
        assert any(one.status == 401 for one in registry.asked("PATCH upload", "PUT upload"))


def test_a_mount_asks_for_the_right_to_read_there(cli_call: Call, alone: Path) -> None:
    with Registry(guards.Bearer("user")) as registry:
        log_in(alone, registry)
        put(registry, "old/app", IMAGE.node(), "1.0")
        there = f"docker://{registry.address}/{NAME}:1.0"
        told(cli_call("convert", f"docker://{registry.address}/old/app:1.0", there))
        whole(registry)
        assert received(registry) == 0


def test_a_mount_that_is_refused_becomes_an_upload(cli_call: Call) -> None:
    with Registry(faults.MountRefused()) as registry:
        put(registry, "old/app", IMAGE.node(), "1.0")
        there = f"docker://{registry.address}/{NAME}:1.0"
        told(cli_call("convert", f"docker://{registry.address}/old/app:1.0", there))
        whole(registry)
        assert len(registry.asked("POST uploads")) == 3, "the upload that a mount began is used"


def test_an_upload_on_another_server_gets_no_credentials(cli_call: Call, source: Path, alone: Path) -> None:
    shared = Store()
    with Registry(faults.RefusesAuthorization(), store=shared) as other:

        class Elsewhere(faults.Fault):
            """Sends uploads to the other server."""

            def changed(self, request: Request, response: Response, store: Store) -> Response:
                """Name it."""
                del store
                if request.asks == "POST uploads" and "Location" in response.headers:
                    response.headers["Location"] = f"http://{other.address}{response.headers['Location']}"
                return response

        with Registry(guards.Bearer("user"), Elsewhere(), store=shared) as registry:
            log_in(alone, registry)
            told(push(cli_call, source, registry))
            whole(registry)
            assert other.asked("PATCH upload")
            assert all("authorization" not in one.headers for one in other.asked())


# What goes wrong leaves no tag


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (faults.Status(500, "PUT manifest"), 3),
        (faults.Status(403, "PUT manifest"), 2),
        (faults.Status(400, "PUT manifest"), 2),
        (faults.Status(409, "PUT manifest"), 2),
        (faults.Status(403, "POST uploads"), 2),
        (faults.Status(507, "PATCH upload"), 3),
        (faults.Status(500, "HEAD manifest", "GET manifest"), 3),
    ],
)
def test_a_push_that_fails_leaves_no_tag(fault: faults.Fault, status: int, cli_call: Call, source: Path) -> None:
    with Registry(fault) as registry:
        refused(push(cli_call, source, registry), status)
        assert tags(registry) == {}
        there = registry.store.repositories.get(NAME)
        assert there is None or not there.uploads, "uploads are cancelled"


class Holds(faults.Fault):
    """Lets a request wait."""

    def __init__(self, asks: str) -> None:
        self._asks = asks
        self.reached, self.released = threading.Event(), threading.Event()

    def reads(self, request: Request) -> int | None:
        """Wait before the body is read."""
        if request.asks == self._asks:
            self.reached.set()
            self.released.wait(60)
        return None


@pytest.mark.parametrize("asks", ["POST uploads", "PATCH upload", "PUT manifest"])
def test_an_interrupted_push_leaves_no_tag(asks: str, source: Path, alone: Path) -> None:
    large = source.with_name("large.tar")
    noise = build.layer({"noise": bytes(9 << 20)}, "none")
    large.write_bytes(tar(build.layout(build.Image(layers=[noise]).node())))
    held = Holds(asks)
    with Registry(held) as registry:
        command = [sys.executable, "-m", "ociarchive", "convert", str(large), f"docker://{registry.address}/{NAME}:1.0"]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(alone)}
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            assert held.reached.wait(60)
            process.send_signal(signal.SIGINT)
            held.released.set()
            _, said = process.communicate(timeout=60)
        assert (process.returncode, "Traceback" in said) == (130, False)
        assert tags(registry) == {}


def test_a_damaged_source_leaves_no_tag(cli_call: Call, tmp_path: Path) -> None:
    broken = NOISE.stored[:-2000] + b"\1" + NOISE.stored[-1999:]
    files = changed(build.layout(IMAGE.node()), build.blob_path(NOISE.digest), broken)
    (tmp_path / "damaged.tar").write_bytes(tar(files))
    with Registry() as registry:
        line = refused(push(cli_call, tmp_path / "damaged.tar", registry), 1)
        assert NOISE.digest in line
        assert tags(registry) == {}
        assert not registry.store.repositories[NAME].uploads


@pytest.mark.parametrize("asks", ["PUT upload", "PUT manifest"])
def test_a_registry_that_stores_other_bytes_is_found_out(asks: str, cli_call: Call, source: Path) -> None:
    class Lies(faults.Fault):
        """Names another digest than it was sent."""

        def changed(self, request: Request, response: Response, store: Store) -> Response:
            """Name it."""
            del store
            if request.asks == asks and response.status == 201:
                response.headers["Docker-Content-Digest"] = build.digest(b"other")
            return response

    with Registry(Lies()) as registry:
        assert "the registry stored other bytes" in refused(push(cli_call, source, registry), 3)
        assert tags(registry) == {}


# Referrers where the registry lists none

NOTES = [build.artifact(b"note %d" % n, "application/x.note", subject=IMAGE.node()) for n in range(2)]
LIST = f"sha256-{build.hexed(IMAGE.node().digest)}"


def noted(folder: Path, *notes: Node) -> Path:
    path = folder / "noted.tar"
    path.write_bytes(tar(build.layout(IMAGE.node(), *notes)))
    return path


def listed(registry: Registry) -> list[dict[str, object]]:
    there = registry.store.repositories[NAME]
    entries: list[dict[str, object]] = there.manifests[there.tags[LIST]].members["manifests"]
    return entries


@pytest.mark.parametrize("more", [(), (faults.TagIsImage(),), (faults.referrers_refused(),)])
def test_a_referrer_is_listed_under_a_tag(more: tuple[faults.Fault, ...], cli_call: Call, tmp_path: Path) -> None:
    with Registry(faults.NoReferrers(), *more) as registry:
        told(push(cli_call, noted(tmp_path, *NOTES), registry))
        assert listed(registry) == [
            {
                "mediaType": build.OCI_MANIFEST,
                "digest": note.digest,
                "size": note.descriptor["size"],
                "artifactType": "application/x.note",
            }
            for note in NOTES
        ]
        put_ones = [one.reference for one in registry.asked("PUT manifest")]
        assert put_ones.index(LIST) < put_ones.index("1.0")


def test_the_list_grows_and_keeps_what_is_there(cli_call: Call, tmp_path: Path) -> None:
    with Registry(faults.NoReferrers()) as registry:
        told(push(cli_call, noted(tmp_path, NOTES[0]), registry))
        told(push(cli_call, noted(tmp_path, NOTES[1]), registry))
        told(push(cli_call, noted(tmp_path, *NOTES), registry))
        assert [one["digest"] for one in listed(registry)] == [note.digest for note in NOTES]


def test_a_list_whose_entries_have_no_type_is_kept(cli_call: Call, tmp_path: Path) -> None:
    entry = {"mediaType": build.OCI_MANIFEST, "digest": NOTES[0].digest, "size": NOTES[0].descriptor["size"]}
    with Registry(faults.NoReferrers()) as registry:
        put(registry, NAME, NOTES[0])
        registry.put(NAME, build.dumped({"schemaVersion": 2, "manifests": [entry]}), build.OCI_INDEX, tag=LIST)
        told(push(cli_call, noted(tmp_path, *NOTES), registry))
        assert listed(registry)[0] == entry
        assert [one["digest"] for one in listed(registry)] == [note.digest for note in NOTES]


def test_a_list_of_the_source_is_joined_with_the_one_there(cli_call: Call, tmp_path: Path) -> None:
    with Registry(faults.NoReferrers()) as one, Registry(faults.NoReferrers()) as other:
        told(push(cli_call, noted(tmp_path, NOTES[0]), one))
        told(push(cli_call, noted(tmp_path, NOTES[1]), other))
        there = f"docker://{other.address}/{NAME}:1.0"
        told(cli_call("convert", f"docker://{one.address}/{NAME}:1.0", there))
        assert {entry["digest"] for entry in listed(other)} == {note.digest for note in NOTES}


def test_a_tag_of_a_list_that_is_none_stays_and_is_said(cli_call: Call, tmp_path: Path) -> None:
    other = build.Image(layers=[SMALL]).node()
    with Registry(faults.NoReferrers()) as registry:
        put(registry, NAME, other, LIST)
        done = told(push(cli_call, noted(tmp_path, NOTES[0]), registry))
        assert "is no index, so what refers to" in " ".join(done.stderr.split())
        assert tags(registry)[LIST] == other.digest
        assert Digest.parse(NOTES[0].digest) in registry.store.repositories[NAME].manifests


class UploadsElsewhere(faults.Fault):
    """Sends an upload to an address that is none, and takes everything."""

    def __init__(self, location: str) -> None:
        self._location = location

    def instead(self, request: Request, store: Store) -> Response | None:
        del store
        if request.method in ("GET", "HEAD"):
            return error(404, "UNKNOWN")
        return Response(202, {"Location": self._location})


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://[x", "ftp://store.example/u/1"])
def test_an_upload_to_no_address_ends_the_push(location: str, cli_call: Call, source: Path, tmp_path: Path) -> None:
    with Registry(UploadsElsewhere(location)) as registry:
        found = refused(push(cli_call, source, registry, "--receipt", str(tmp_path / "receipt.json")), 3)
        assert "an address that is none" in found
        assert not registry.asked("PUT manifest")
    assert not (tmp_path / "receipt.json").exists()


class StoresNothing(faults.Fault):
    """Takes every manifest and stores none."""

    def instead(self, request: Request, store: Store) -> Response | None:
        """Answer as if it were stored."""
        del store
        return Response(201, {"Location": request.path}) if request.asks == "PUT manifest" else None


class Moved(faults.Fault):
    """Another push has the tag as soon as it is stored."""

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        """Move the tag."""
        if request.asks == "PUT manifest" and request.reference == "1.0":
            store.repository(NAME).tags["1.0"] = store.put_manifest(
                NAME, OTHER.blobs[OTHER.digest], str(OTHER.descriptor["mediaType"])
            )
        return response


OTHER = build.Image(layers=[SMALL]).node()


def test_a_registry_that_stores_nothing_is_found_out(cli_call: Call, source: Path) -> None:
    with Registry(StoresNothing()) as registry:
        line = refused(push(cli_call, source, registry), 3)
        assert "the registry took 1.0 and does not have it" in line
        assert IMAGE.node().digest in line


def test_a_registry_that_shows_an_image_a_moment_later(cli_call: Call, source: Path) -> None:
    asked: list[str] = []

    class Later(faults.Fault):
        def instead(self, request: Request, store: Store) -> Response | None:
            if not tagged(store) or request.method not in ("HEAD", "GET") or request.reference != "1.0":
                return None
            asked.append(request.asks)
            return error(404, "MANIFEST_UNKNOWN") if len(asked) < 3 else None

    def tagged(store: Store) -> bool:
        there = store.repositories.get(NAME)
        return there is not None and "1.0" in there.tags

    with Registry(Later()) as registry:
        told(push(cli_call, source, registry))
        assert len(asked) == 3
        whole(registry)


def test_of_two_pushes_of_a_tag_the_one_that_lost_it_says_so(cli_call: Call, source: Path) -> None:
    with Registry(Moved()) as registry:
        line = refused(push(cli_call, source, registry), 2)
        assert "another push has moved the tag in the meantime" in line
        assert OTHER.digest in line


class _BothLook(faults.Fault):
    """Of two pushes both have looked at the tag, and found it free, before one of them stores it."""

    def __init__(self) -> None:
        self._both = threading.Barrier(2)

    def before(self, request: Request) -> None:
        """Wait for the other."""
        if request.asks == "PUT manifest" and request.reference == "1.0":
            self._both.wait(PATIENCE)


def test_of_two_pushes_in_the_same_moment_one_ends_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = threading.Barrier(2)
    # Each waits longer than the other takes from its look to its storing: here, until the other has stored its tag.
    monkeypatch.setattr("ociarchive.remote.push.settle", lambda _: stored.wait(PATIENCE))
    images = {name: build.Image(layers=[build.layer({name: b"x"}, "gzip")]) for name in ("first", "second")}
    for name, image in images.items():
        (tmp_path / name).write_bytes(tar(build.layout(image.node())))
    ended: dict[str, str | None] = {}

    def one(name: str, registry: Registry) -> None:
        try:
            ociarchive.convert(tmp_path / name, f"docker://{registry.address}/{NAME}:1.0")
        except UsageError as error:
            ended[name] = error.what
        else:
            ended[name] = None

    with Registry(_BothLook()) as registry:
        threads = [threading.Thread(target=one, args=(name, registry)) for name in images]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(map(str, ended.values())) == ["None", "another push has moved the tag in the meantime"]
        winner = next(name for name, fault in ended.items() if fault is None)
        assert tags(registry)["1.0"] == images[winner].node().digest


class _MovesOther(faults.Fault):
    """While one tag is stored, another push stores the other one."""

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        """Store it."""
        others = {"1.0", "2.0"} - {request.reference}
        if request.asks == "PUT manifest" and len(others) == 1:
            digest = store.put_manifest(NAME, OTHER.blobs[OTHER.digest], str(OTHER.descriptor["mediaType"]))
            store.repository(NAME).tags.setdefault(others.pop(), digest)
        return response


def test_each_tag_is_looked_at_right_before_it_is_stored(cli_call: Call, tmp_path: Path) -> None:
    two = [
        build.Image(layers=[build.layer({tag: b"x"}, "gzip")]).node().named(f"docker.io/{NAME}:{tag}")
        for tag in ("1.0", "2.0")
    ]
    source = tmp_path / "two.tar"
    source.write_bytes(tar(build.layout(*two)))
    with Registry(_MovesOther()) as registry:
        line = refused(cli_call("convert", source, f"docker://{registry.address}/{NAME}"), 2)
        assert "DEST exists" in line
        assert OTHER.digest in tags(registry).values(), "what another push stored was moved"


def test_a_registry_that_lets_nobody_look_is_believed(cli_call: Call, source: Path) -> None:
    with Registry(faults.Status(403, "HEAD manifest", "GET manifest")) as registry:
        done = told(push(cli_call, source, registry, "--force"))
        assert "does not say whether it has 1.0" in done.stderr
        whole(registry)


def noisy(folder: Path) -> Path:
    """Write a docker-archive of one layer that no compression makes as small as three chunks."""
    noise = build.layer({"noise": b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(30_000))}, "none")
    assert len(noise.stored) > 3 * upload.CHUNK
    path = folder / "saved.tar"
    path.write_bytes(tar(build.docker_archive(build.Saved(image=build.Image(layers=[noise])))))
    return path


def test_layers_made_anew_are_not_sent_again_however_large(cli_call: Call, tmp_path: Path) -> None:
    """They are larger than a chunk, so that the first bytes would be sent before their digest is known."""
    saved = noisy(tmp_path)
    with Registry() as registry:
        told(push(cli_call, saved, registry))
        registry.forget()
        told(push(cli_call, saved, registry))
        assert registry.asked("POST uploads", "PATCH upload", "PUT upload") == []
        lost = max(registry.store.repositories[NAME].blobs, key=lambda one: len(registry.store.content[one]))
        registry.store.repositories[NAME].blobs.discard(lost)
        registry.forget()
        told(push(cli_call, saved, registry))  # what waited is sent after all
        assert lost in registry.store.repositories[NAME].blobs
        assert len(registry.asked("PATCH upload")) > 1


def test_without_space_layers_are_sent_while_they_are_made(
    cli_call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = noisy(tmp_path)

    def full(_: int, data: bytes, where: str) -> None:
        raise HostError(f"cannot write {len(data)} bytes: no space left on device", where=where)

    with Registry() as registry:
        told(push(cli_call, saved, registry))
        first = dict(registry.store.content)
        monkeypatch.setattr(pushing, "write_all", full)
        registry.forget()
        told(push(cli_call, saved, registry))
        assert registry.asked("PATCH upload")
        assert registry.store.content == first
