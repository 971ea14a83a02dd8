"""Pulling: `docker://` as SOURCE of convert, audit, inspect and diff, from sound registries and from faulty ones."""

import base64
import json
import threading
from pathlib import Path

import pytest

from ociarchive.remote.urls import next_page
from ociarchive.remote.wire import length_of
from tests.support import build
from tests.support.call import Call, Result, hidden, refused, told
from tests.support.registry import Kind, Registry, Request, Response, Store, faults, guards
from tests.support.registry.filling import put

NAME = "corpus/app"
NOISE = [build.layer({f"file-{number}": bytes([number]) * 400_000}, "none") for number in range(3)]
IMAGE = build.Image(layers=[build.layer({"a": b"a"}, "gzip"), *NOISE, build.layer({"b": b"b"}, "gzip")])
ARM = build.Image(layers=[build.layer({"a": b"a"}, "gzip"), build.layer({"c": b"c"}, "gzip")], platform=build.ARM64)
LARGE = max(NOISE, key=lambda one: len(one.stored))

pytestmark = pytest.mark.usefixtures("pauses")


def filled(*some: faults.Fault, node: build.Node | None = None) -> Registry:
    registry = Registry(*some)
    put(registry, NAME, node or IMAGE.node(), "1.0")
    return registry


def source(registry: Registry, reference: str = ":1.0") -> str:
    return f"docker://{registry.address}/{NAME}{reference}"


def log_in(home: Path, registry: Registry, user: str = "user", password: str = "secret") -> None:  # noqa: S107  a test's
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker" / "config.json").write_text(json.dumps({"auths": {registry.address: {"auth": auth}}}))


def pulled(cli_call: Call, registry: Registry, dest: Path, *options: str, reference: str = ":1.0") -> Result:
    return cli_call("convert", source(registry, reference), dest, "--to", "oci-layout", *options)


def whole(cli_call: Call, dest: Path, image: build.Image = IMAGE) -> None:
    facts = told(cli_call("audit", dest, "--format", "json")).archive()
    assert [one["image_id"] for one in facts["images"]] == [image.image_id]
    assert [layer["diff_id"] for layer in facts["images"][0]["layers"]] == image.diff_ids


# Sound registries


def test_an_image_is_pulled_under_its_full_name(cli_call: Call, tmp_path: Path) -> None:
    with filled() as registry:
        told(pulled(cli_call, registry, tmp_path / "dest"))
        facts = told(cli_call("audit", tmp_path / "dest", "--format", "json")).archive()
        assert facts["images"][0]["references"] == [f"{registry.address}/{NAME}:1.0"]
        assert facts["images"][0]["manifest"] == IMAGE.node().digest
        whole(cli_call, tmp_path / "dest")
        fetched = [one.reference for one in registry.asked("GET blob")]
        assert len(set(fetched)) == len(fetched), "a blob was asked for twice"


def test_what_an_index_lists_may_be_blobs(cli_call: Call, tmp_path: Path) -> None:
    """A registry that is asked for the blobs of a build cache as manifests answers 500."""
    cache = build.build_cache(IMAGE.layers)
    with Registry() as registry:
        for digest, data in cache.blobs.items():
            if digest != cache.digest:
                registry.store.put_blob(NAME, data)
        registry.put(NAME, cache.blobs[cache.digest], build.OCI_INDEX, tag="1.0")
        told(pulled(cli_call, registry, tmp_path / "dest"))
        assert {one.reference for one in registry.asked("GET manifest")} <= {"1.0", build.tag_of(cache)}
    index = json.loads((tmp_path / "dest/index.json").read_text())
    assert [one["digest"] for one in index["manifests"]] == [cache.digest]
    kept = {f"sha256:{one.name}" for one in (tmp_path / "dest/blobs/sha256").iterdir()}
    assert kept == set(cache.blobs)


class _Together(faults.Fault):
    """Gives no layer before several are asked for."""

    def __init__(self, layers: set[str], count: int) -> None:
        self._layers, self._met = layers, threading.Barrier(count)
        self.met = True

    def before(self, request: Request) -> None:
        """Wait for the others."""
        if request.kind is Kind.BLOB and request.reference in self._layers:
            try:
                self._met.wait(20)
            except threading.BrokenBarrierError:
                self.met = False


@pytest.mark.parametrize("command", ["convert", "audit"])
def test_layers_are_fetched_before_they_are_read(command: str, cli_call: Call, tmp_path: Path) -> None:
    together = _Together(_layers(IMAGE), len(IMAGE.layers))
    with filled(together) as registry:
        options: list[str | Path] = [tmp_path / "dest", "--to", "oci-layout"] if command == "convert" else []
        told(cli_call(command, source(registry), *options, "--jobs", "1"))
    assert together.met, "a layer was asked for only when another had come"


@pytest.mark.parametrize("compression", ["auto", "keep", "gzip", "zstd", "none"])
def test_a_media_type_that_lies_changes_nothing_but_the_number_of_requests(
    compression: str, cli_call: Call, tmp_path: Path
) -> None:
    lies = [build.layer({"a": b"a"}, "none", media_type=build.LAYER_TYPES["oci", "gzip"]),
            build.layer({"b": b"b"}, "gzip", media_type=build.LAYER_TYPES["oci", "zstd"])]  # fmt: skip
    image = build.Image(layers=[*lies, *NOISE, build.layer({"c": b"c"}, "gzip")])
    options = ("--to", "oci-layout", "--compression", compression)
    with filled(node=image.node()) as registry:
        told(cli_call("convert", source(registry), tmp_path / "kept", "--to", "dir", "--preserve-digests"))
        told(cli_call("convert", source(registry), tmp_path / "pulled", *options))
        name = f"{registry.address}/{NAME}:1.0"
        told(cli_call("convert", tmp_path / "kept", tmp_path / "converted", *options, "--tag", name))
    digests = [[one["digest"] for one in _descriptors(tmp_path / where)] for where in ("pulled", "converted")]
    assert digests[0] == digests[1]
    whole(cli_call, tmp_path / "pulled", image)


def _descriptors(layout: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads((layout / "index.json").read_bytes())["manifests"]
    return found


def test_an_image_is_pulled_by_its_digest(cli_call: Call, tmp_path: Path) -> None:
    digest = IMAGE.node().digest
    with filled() as registry:
        told(pulled(cli_call, registry, tmp_path / "dest", reference=f"@{digest}"))
        whole(cli_call, tmp_path / "dest")
        assert registry.asked("GET manifest")[0].reference == digest


def test_the_usual_tag_is_latest(cli_call: Call, tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry, NAME, IMAGE.node(), "latest")
        told(pulled(cli_call, registry, tmp_path / "dest", reference=""))
        whole(cli_call, tmp_path / "dest")


def test_every_platform_comes(cli_call: Call, tmp_path: Path) -> None:
    with filled(node=build.platforms([IMAGE, ARM])) as registry:
        told(pulled(cli_call, registry, tmp_path / "dest"))
        facts = told(cli_call("audit", tmp_path / "dest", "--format", "json")).archive()
        assert [one["image_id"] for one in facts["images"]] == [IMAGE.image_id, ARM.image_id]


def test_inspect_fetches_documents_alone(cli_call: Call) -> None:
    with filled(node=build.platforms([IMAGE, ARM])) as registry:
        facts = told(cli_call("inspect", source(registry), "--format", "json")).archive()
        assert facts["format"] == "registry"
        assert [one["image_id"] for one in facts["images"]] == [IMAGE.image_id, ARM.image_id]
        assert [one["compression"] for one in facts["images"][1]["layers"]] == ["gzip", "gzip"]
        assert {one.reference for one in registry.asked("GET blob")} == {IMAGE.image_id, ARM.image_id}


def test_audit_reads_every_blob_once_and_writes_nothing(
    cli_call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with filled(node=build.platforms([IMAGE, ARM])) as registry:
        facts = told(cli_call("audit", source(registry), "--format", "json")).archive()
        assert all(layer["verified"] for one in facts["images"] for layer in one["layers"])
        fetched = [one.reference for one in registry.asked("GET blob")]
        assert len(fetched) == len(set(fetched)) == len({IMAGE.image_id, ARM.image_id, *_layers(IMAGE), *_layers(ARM)})
        assert not list(tmp_path.iterdir())


def _layers(image: build.Image) -> set[str]:
    return {layer.digest for layer in image.layers}


def test_diff_compares_with_a_registry(cli_call: Call, tmp_path: Path) -> None:
    with filled() as registry:
        told(pulled(cli_call, registry, tmp_path / "dest"))
        told(cli_call("diff", source(registry), tmp_path / "dest"))
        put(registry, NAME, ARM.node(), "arm")
        told(cli_call("diff", source(registry), source(registry, ":arm")), 1)


def test_the_steps_are_said(cli_call: Call, tmp_path: Path) -> None:
    with filled() as registry:
        found = told(pulled(cli_call, registry, tmp_path / "dest", "-v"))
        steps = [line for line in found.stderr.splitlines() if line.startswith("pull ")]
        assert [step.partition(":")[0] for step in steps] == [f"pull {number}/7" for number in range(1, 8)]
        assert IMAGE.node().digest in steps[1]
        layers = sum(len(one.stored) for one in IMAGE.layers)
        assert f"{len(IMAGE.layers)} ({layers:,} bytes)" in steps[4]
        assert not [
            line for line in told(pulled(cli_call, registry, tmp_path / "d2")).stderr.splitlines() if "pull" in line
        ]


# Merging


def test_what_dest_has_is_not_fetched(cli_call: Call, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    with filled() as registry:
        put(registry, NAME, build.Image(layers=IMAGE.layers[:-1]).node(), "before")
        told(pulled(cli_call, registry, dest, reference=":before"))
        registry.forget()
        told(pulled(cli_call, registry, dest, "--merge"))
        fetched = {one.reference for one in registry.asked("GET blob")}
        assert fetched == {IMAGE.image_id, IMAGE.layers[-1].digest}
    facts = told(cli_call("audit", dest, "--format", "json")).archive()
    assert IMAGE.image_id in [one["image_id"] for one in facts["images"]]


@pytest.mark.parametrize("fmt", ["oci-layout", "registry-storage"])
def test_of_an_image_that_dest_has_nothing_but_the_manifest_is_fetched(
    fmt: str, cli_call: Call, tmp_path: Path
) -> None:
    dest = tmp_path / "dest"
    with filled() as registry:
        told(cli_call("convert", source(registry), dest, "--to", fmt))
        registry.forget()
        found = told(cli_call("convert", source(registry), dest, "--to", fmt, "--merge", "-v"))
        assert not registry.asked("GET blob", "HEAD blob")
        assert len(registry.asked("GET manifest")) == 1
        assert "nothing more is fetched" in found.stderr
    told(cli_call("audit", dest))


def test_of_an_image_that_dest_has_with_another_manifest_nothing_is_fetched(cli_call: Call, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    with filled() as registry:
        told(pulled(cli_call, registry, dest, "--compression", "zstd"))
        registry.forget()
        found = told(pulled(cli_call, registry, dest, "--merge", "--tag", "here:2"))
        assert not registry.asked("GET blob", "HEAD blob")
        assert f"the image of {IMAGE.node().digest[:19]} is at DEST already" in found.stderr
        told(pulled(cli_call, registry, dest, "--merge", "--preserve-digests", "--tag", "here:3"))
        assert {one.reference for one in registry.asked("GET blob")} == _layers(IMAGE)
    facts = told(cli_call("audit", dest, "--format", "json")).archive()
    found_names = {name: one["manifest"] for one in facts["images"] for name in one["references"]}
    assert found_names["docker.io/library/here:3"] == IMAGE.node().digest
    assert found_names["docker.io/library/here:2"] != IMAGE.node().digest
    assert {one["image_id"] for one in facts["images"]} == {IMAGE.image_id}


@pytest.mark.parametrize("codec", ["zstd", "none"])
def test_a_layer_that_dest_has_as_it_would_be_compressed_is_not_fetched(
    codec: str, cli_call: Call, tmp_path: Path
) -> None:
    """The registry has it by another digest, so that only its diff_id shows that it is there."""
    dest, alone, receipt = tmp_path / "dest", tmp_path / "alone", tmp_path / "receipt.json"
    layers = [build.packed(one.plain, "gzip") for one in IMAGE.layers]
    before, after = build.Image(layers=layers[:-1]), build.Image(layers=layers)
    with filled(node=after.node()) as registry:
        put(registry, NAME, before.node(), "before")
        told(pulled(cli_call, registry, dest, "--compression", codec, reference=":before"))
        registry.forget()
        told(pulled(cli_call, registry, dest, "--compression", codec, "--merge", "--receipt", str(receipt)))
        fetched = {one.reference for one in registry.asked("GET blob") if "range" not in one.headers}
        assert fetched == {after.image_id, layers[-1].digest}
        told(pulled(cli_call, registry, alone, "--compression", codec))
    told(cli_call("audit", dest, "--strict"))
    facts = told(cli_call("audit", dest, "--format", "json")).archive()
    made = {one["image_id"]: one["manifest"] for one in facts["images"]}
    (whole,) = told(cli_call("audit", alone, "--format", "json")).archive()["images"]
    assert made[after.image_id] == whole["manifest"], "it is what it would be without DEST"
    old = [one["old"]["digest"] for one in json.loads(receipt.read_text())["layers"]]
    assert old == [one.digest for one in layers]


def test_a_layer_of_dest_that_lies_is_refused(cli_call: Call, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    layers = [build.packed(one.plain, "gzip") for one in IMAGE.layers]
    before, after = build.Image(layers=layers[:-1]), build.Image(layers=layers)
    with filled(node=after.node()) as registry:
        put(registry, NAME, before.node(), "before")
        told(pulled(cli_call, registry, dest, "--compression", "none", reference=":before"))
        path = dest / "blobs" / before.diff_ids[1].replace(":", "/")
        raw = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(raw[:600] + bytes([raw[600] ^ 1]) + raw[601:])
        index = (dest / "index.json").read_bytes()
        assert pulled(cli_call, registry, dest, "--compression", "none", "--merge").status == 1
        assert (dest / "index.json").read_bytes() == index


def test_a_blob_of_dest_is_proved_before_it_is_used(cli_call: Call, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    with filled() as registry:
        told(pulled(cli_call, registry, dest))
        path = dest / build.blob_path(LARGE.digest)
        path.chmod(0o644)
        path.write_bytes(bytes(len(LARGE.stored)))
        put(registry, NAME, build.Image(layers=NOISE).node(), "other")
        refused(pulled(cli_call, registry, dest, "--merge", reference=":other"), 1)
        assert not hidden(tmp_path)


# Calls at fault


def test_a_tag_that_is_not_there(cli_call: Call, tmp_path: Path) -> None:
    with filled() as registry:
        error = refused(pulled(cli_call, registry, tmp_path / "dest", reference=":2.0"), 2, tmp_path / "dest")
        assert "no image 2.0" in error
        assert "there is 1.0" in error


def test_a_repository_that_is_not_there(cli_call: Call, tmp_path: Path) -> None:
    with filled() as registry:
        found = cli_call("convert", f"docker://{registry.address}/no/such", tmp_path / "dest", "--to", "oci-layout")
        refused(found, 2, tmp_path / "dest")


def test_access_without_credentials(cli_call: Call, tmp_path: Path) -> None:
    with filled(guards.Basic()) as registry:
        error = refused(pulled(cli_call, registry, tmp_path / "dest"), 2, tmp_path / "dest")
        assert f"docker login {registry.address}" in error


def test_credentials_that_are_refused(cli_call: Call, tmp_path: Path, alone: Path) -> None:
    with filled(guards.Bearer("user")) as registry:
        log_in(alone, registry, "user", "wrong-word")
        found = pulled(cli_call, registry, tmp_path / "dest", "-vv")
        assert found.status == 2
        assert "podman login" in found.stderr
        assert "Traceback" in found.stderr
        assert "wrong-word" not in found.stderr
        assert base64.b64encode(b"user:wrong-word").decode() not in found.stderr


@pytest.mark.parametrize(
    "text",
    [
        "docker://", "docker://127.0.0.1:5000/", "docker://127.0.0.1:5000/UP:1", "docker://h:1/a@sha256:12",
        "docker://127.0.0.1", "docker://127.0.0.1:5000", "docker://localhost:5000", "docker://registry.example:443",
    ],
)  # fmt: skip
def test_addresses_that_are_none(text: str, cli_call: Call, tmp_path: Path) -> None:
    refused(cli_call("convert", text, tmp_path / "dest", "--to", "oci-layout"), 2, tmp_path / "dest")


@pytest.mark.parametrize(
    "text", ["docker:127.0.0.1:5000/a:1", "docker:/127.0.0.1:5000/a:1", "https://127.0.0.1:5000/a:1"]
)
def test_an_address_that_is_spelled_otherwise(text: str, cli_call: Call, tmp_path: Path) -> None:
    for line in (
        refused(cli_call("inspect", text), 2),
        refused(cli_call("convert", text, tmp_path / "dest", "--to", "dir"), 2, tmp_path / "dest"),
        refused(cli_call("convert", tmp_path, text, "--to", "dir"), 2),
    ):
        assert "docker://127.0.0.1:5000/a:1" in line


@pytest.mark.parametrize(
    ("text", "hinted"),
    [
        ("127.0.0.1:5000/a:1", True), ("registry.example/team/a:1", True), (f"registry.example/a@sha256:{0:064}", True),
        ("team/a:1", False), ("../a:1", False), ("folder.d/a", False), ("./registry.example/a:1", False),
    ],
)  # fmt: skip
def test_an_address_without_its_beginning_is_known(text: str, hinted: bool, cli_call: Call) -> None:
    line = refused(cli_call("inspect", text), 2)
    assert "no such file or folder" in line
    assert (f"an image in a registry is docker://{text}" in line) is hinted


def test_options_that_contradict_each_other(cli_call: Call, tmp_path: Path) -> None:
    found = cli_call("inspect", "docker://127.0.0.1:1/app", "--plain-http", "--ca-file", tmp_path / "ca.pem")
    assert "--plain-http" in refused(found, 2)


def test_no_registry_answers(cli_call: Call, tmp_path: Path) -> None:
    with Registry() as registry:
        gone = registry.address
    found = cli_call("convert", f"docker://{gone}/app", tmp_path / "dest", "--to", "oci-layout")
    assert "refused" in refused(found, 3, tmp_path / "dest")


def test_a_server_without_tls_where_tls_is_asked_for(cli_call: Call, tmp_path: Path) -> None:
    with filled() as registry:
        found = pulled(cli_call, registry, tmp_path / "dest", "--insecure-skip-verify")
        assert "TLS" in refused(found, 3, tmp_path / "dest")


# Faults that end the pull


@pytest.mark.parametrize(
    ("fault", "status", "word"),
    [
        (faults.WrongBytes("GET blob"), 1, "digest"),
        (faults.ShortBody("GET blob"), 1, "bytes"),
        (faults.LongBody("GET blob"), 1, "bytes"),
        (faults.Status(404, "GET blob"), 1, "config"),
        (faults.WrongDigestHeader(), 1, "digest"),
        (faults.Status(503, "GET blob"), 3, "status 503"),
        (faults.Status(500), 3, "status 500"),
        (faults.Status(429, "GET manifest"), 3, "status 429"),
        (faults.Status(403, "GET blob"), 2, "docker login"),
        (faults.Status(401, "GET manifest"), 2, "docker login"),
        (faults.CutDownload(10, None), 3, "connection"),
        (faults.Redirect(lambda _: "http://[x"), 3, "address that is none"),
        (faults.Redirect(lambda _: "file:///etc/passwd"), 3, "address that is none"),
        (faults.Redirect(lambda _: f"http://{'a' * 80}.example/x"), 3, "address that is none"),
        (faults.Status(401, WWW_Authenticate='Bearer realm="http://[x"'), 3, "address that is none"),
        (faults.Status(401, WWW_Authenticate='Bearer realm="file:///etc/passwd"'), 3, "address that is none"),
    ],
)  # fmt: skip
def test_faults_that_end_a_pull(fault: faults.Fault, status: int, word: str, cli_call: Call, tmp_path: Path) -> None:
    with filled(fault) as registry:
        error = refused(pulled(cli_call, registry, tmp_path / "dest"), status, tmp_path / "dest")
        assert word in error


class OfLayer(faults.Fault):
    """A fault of one layer alone, so that it is met after the documents."""

    def __init__(self, fault: faults.Fault, digest: str = LARGE.digest) -> None:
        self._fault, self._digest = fault, digest

    def instead(self, request: Request, store: Store) -> Response | None:
        return self._fault.instead(request, store) if request.reference == self._digest else None

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        return self._fault.changed(request, response, store) if request.reference == self._digest else response


LAYER_FAULTS = {
    "wrong bytes": (faults.WrongBytes(), 1, "digest"),
    "short": (faults.ShortBody(), 1, "bytes"),
    "long": (faults.LongBody(), 1, "bytes"),
    "not there": (faults.Status(404), 1, "not in the registry"),
    "refused": (faults.Status(403), 2, "docker login"),
    "broken": (faults.Status(502), 3, "status 502"),
    "cut": (faults.CutDownload(1000, None), 3, "connection"),
}


@pytest.mark.parametrize("name", LAYER_FAULTS)
def test_faults_of_a_layer(name: str, cli_call: Call, tmp_path: Path) -> None:
    fault, status, word = LAYER_FAULTS[name]
    with filled(OfLayer(fault)) as registry:
        error = refused(pulled(cli_call, registry, tmp_path / "dest"), status, tmp_path / "dest")
        assert word in error
        assert LARGE.digest.partition(":")[2][:12] in error or status == 2


class _Silent(faults.Fault):
    """Does not begin to answer for one layer before the pull has ended."""

    def __init__(self, digest: str) -> None:
        self._digest, self.asked, self.ended, self.waited = digest, threading.Event(), threading.Event(), False

    def before(self, request: Request) -> None:
        """Wait for the end. Answers for other layers wait until this one is asked for."""
        if request.kind is Kind.BLOB and request.reference == self._digest:
            self.asked.set()
            self.waited = not self.ended.wait(20)
        elif request.kind is Kind.BLOB and request.reference in _layers(IMAGE):
            self.asked.wait(20)


def test_a_pull_that_failed_does_not_wait_for_a_silent_server(cli_call: Call, tmp_path: Path) -> None:
    silent = _Silent(IMAGE.layers[0].digest)
    with filled(silent, OfLayer(faults.WrongBytes())) as registry:
        refused(pulled(cli_call, registry, tmp_path / "dest"), 1, tmp_path / "dest")
        silent.ended.set()
    assert silent.asked.is_set()
    assert not silent.waited, "it ended when the server did"


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("wrong bytes", "digest-mismatch"),
        ("short", "size-mismatch"),
        ("long", "size-mismatch"),
        ("not there", "blob-missing"),
    ],
)
def test_an_audit_finds_faults_of_a_layer(name: str, rule: str, cli_call: Call) -> None:
    with filled(OfLayer(LAYER_FAULTS[name][0])) as registry:
        found = told(cli_call("audit", source(registry), "--format", "json"), 1)
        assert rule in found.rules("error")


# Faults that clients were reported for, and that end nothing


@pytest.mark.parametrize(
    "fault",
    [
        faults.TagIsImage(),
        faults.head_refused(),
        faults.referrers_refused(),
        faults.NoReferrers(),
        faults.Closes(),
        faults.NoRanges(),
        faults.unavailable(2),
        faults.too_many(1, "2"),
        faults.CutDownload(100_000, 3),
        faults.Status(404, "GET tags"),
        faults.Status(401, "GET tags"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_faults_that_a_pull_survives(fault: faults.Fault, cli_call: Call, tmp_path: Path) -> None:
    with filled(fault) as registry:
        told(pulled(cli_call, registry, tmp_path / "dest"))
        whole(cli_call, tmp_path / "dest")


def test_a_broken_transfer_goes_on_where_it_was(cli_call: Call, tmp_path: Path) -> None:
    with filled(OfLayer(faults.CutDownload(150_000, 2))) as registry:
        told(pulled(cli_call, registry, tmp_path / "dest"))
        whole(cli_call, tmp_path / "dest")
        ranges = [one.headers.get("range") for one in registry.asked("GET blob") if one.reference == LARGE.digest]
        assert ranges[-2:] == ["bytes=150000-", "bytes=300000-"]


def test_a_broken_transfer_from_a_server_without_ranges(cli_call: Call, tmp_path: Path) -> None:
    with filled(faults.NoRanges(), OfLayer(faults.CutDownload(150_000, 2))) as registry:
        told(pulled(cli_call, registry, tmp_path / "dest"))
        whole(cli_call, tmp_path / "dest")


class CutsFurther(faults.Fault):
    """Knows no Range, and breaks off a little later each time that it sends all again."""

    def __init__(self, digest: str, step: int) -> None:
        self._digest, self._step, self.sent = digest, step, 0

    def instead(self, request: Request, store: Store) -> Response | None:
        del store
        request.headers.pop("range", None)
        return None

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        del store
        if request.kind is Kind.BLOB and request.reference == self._digest:
            self.sent += 1
            response.cut = self._step * self.sent if self._step * self.sent < len(response.body) else None
        return response


def test_a_server_that_sends_all_again_is_left_when_little_is_new(cli_call: Call, tmp_path: Path) -> None:
    noise = build.packed(bytes(range(256)) * 40_000, "none")
    image = build.Image(layers=[noise])
    fault = CutsFurther(noise.digest, 70_000)
    with filled(fault, node=image.node()) as registry:
        refused(pulled(cli_call, registry, tmp_path / "dest"), 3, tmp_path / "dest")
        assert fault.sent < 30, "of 147 times"
    fault = CutsFurther(noise.digest, 2_600_000)
    with filled(fault, node=image.node()) as registry:
        told(pulled(cli_call, registry, tmp_path / "dest"))
        assert fault.sent >= 4


@pytest.mark.parametrize(
    ("links", "page"),
    [
        ('<?n=1&last=b>; rel="next"', "?n=1&last=b"), ("<?n=1>;rel=next", "?n=1"), ("<?n=1> ; a=b; REL=NEXT", "?n=1"),
        ('<?n=0>; rel="prev", <?n=2>; rel="next"', "?n=2"), ("<?a,b>; rel=next", "?a,b"), ("<?n=1>", None),
        ('<?n=1>; rel="prev"', None), ("<?n=1>, rel=next", None), ("rel=next", None), ("<?n=1>;" * 9_000, None),
    ],
)  # fmt: skip
def test_the_link_to_the_next_page(links: str, page: str | None) -> None:
    base = "https://registry.example/v2/app/tags/list"
    assert next_page(base, links) == (f"{base}{page}" if page is not None else None)


def test_a_length_that_is_none_is_not_read() -> None:
    assert length_of({"content-length": "17"}) == 17
    assert length_of({"content-length": "9" * 5_000}) is None
    assert length_of({"content-length": "-1"}) is None


def test_retry_after_is_honoured(cli_call: Call, tmp_path: Path, pauses: list[float]) -> None:
    with filled(faults.too_many(1, "7")) as registry:
        told(pulled(cli_call, registry, tmp_path / "dest"))
    assert 7.0 in pauses


def test_retry_after_is_bounded(cli_call: Call, tmp_path: Path) -> None:
    with filled(faults.too_many(1, "86400")) as registry:
        error = refused(pulled(cli_call, registry, tmp_path / "dest"), 3, tmp_path / "dest")
        assert "86400 seconds" in error


# Who may ask


@pytest.mark.parametrize("challenge", ['Basic realm="registry"', "Basic", 'basic realm="a, b", charset="UTF-8"'])
def test_basic_challenges(challenge: str, cli_call: Call, tmp_path: Path, alone: Path) -> None:
    with filled(guards.Basic(challenge=challenge)) as registry:
        log_in(alone, registry)
        told(pulled(cli_call, registry, tmp_path / "dest"))
        whole(cli_call, tmp_path / "dest")


@pytest.mark.parametrize("user", [None, "user"])
def test_bearer_challenges(user: str | None, cli_call: Call, tmp_path: Path, alone: Path) -> None:
    with filled(guards.Bearer(user)) as registry:
        if user is not None:
            log_in(alone, registry)
        told(pulled(cli_call, registry, tmp_path / "dest"))
        whole(cli_call, tmp_path / "dest")
        assert len(registry.asked("GET token")) == 1, "one token serves all requests of a scope"


@pytest.mark.parametrize("status", [401, 400, 403])
def test_a_token_that_expired_is_renewed(status: int, cli_call: Call, tmp_path: Path) -> None:
    with filled(guards.Bearer(life=3, expired=status)) as registry:
        told(pulled(cli_call, registry, tmp_path / "dest"))
        whole(cli_call, tmp_path / "dest")
        assert len(registry.asked("GET token")) > 2


def test_a_token_that_expires_within_a_large_blob(cli_call: Call, tmp_path: Path) -> None:
    guard = guards.Bearer()
    with filled(guard, guards.ExpiresInBlob(guard, 200_000)) as registry:
        told(pulled(cli_call, registry, tmp_path / "dest"))
        whole(cli_call, tmp_path / "dest")
        assert len(registry.asked("GET token")) == 2


def test_a_store_behind_a_redirect_gets_no_authorization(cli_call: Call, tmp_path: Path) -> None:
    with filled(faults.RefusesAuthorization()) as store:
        guard = guards.Bearer()
        with filled(guard, faults.Redirect(lambda path: f"http://{store.address}{path}?signature=s3cret")) as registry:
            told(pulled(cli_call, registry, tmp_path / "dest"))
            whole(cli_call, tmp_path / "dest")
        assert store.asked("GET blob")
        assert not any("authorization" in one.headers for one in store.asked())


def test_a_challenge_after_a_redirect(cli_call: Call, tmp_path: Path, alone: Path) -> None:
    with filled(guards.Bearer()) as store:
        there = faults.Redirect(lambda path: f"http://{store.address}{path}")
        with filled(guards.Basic(), there) as registry:
            log_in(alone, registry)
            told(pulled(cli_call, registry, tmp_path / "dest"))
            whole(cli_call, tmp_path / "dest")
        assert len(store.asked("GET token")) == 1
        basic = base64.b64encode(b"user:secret").decode()
        assert not any(basic in value for one in store.asked() for value in one.headers.values())


def test_what_a_redirect_signs_is_not_shown(cli_call: Call, tmp_path: Path) -> None:
    with Registry(faults.Status(500)) as store:
        there = faults.Redirect(lambda path: f"http://{store.address}{path}?signature=s3cret")
        with filled(there) as registry:
            found = pulled(cli_call, registry, tmp_path / "dest", "-vv")
            assert found.status == 3
            assert "s3cret" not in found.stderr


def test_urls_of_foreign_layers_are_never_followed(cli_call: Call, tmp_path: Path) -> None:
    with Registry() as elsewhere:
        urls = {"urls": [f"http://{elsewhere.address}/layer.tar"]}
        foreign = build.packed(
            NOISE[0].plain, "gzip", members=urls,
            media_type="application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        )  # fmt: skip
        image = build.Image(layers=[*IMAGE.layers, foreign])
        with Registry() as registry:
            put(registry, NAME, image.node(), "1.0")
            registry.store.repositories[NAME].blobs -= {
                one for one in registry.store.content if str(one) == foreign.digest
            }
            told(pulled(cli_call, registry, tmp_path / "dest"))
        assert not elsewhere.log


# What refers to an image


def attached(registry: Registry, *, api: bool) -> tuple[build.Node, build.Node, build.Node]:
    image = IMAGE.node()
    sbom = build.artifact(b"sbom", "application/spdx+json", subject=image)
    on_sbom = build.artifact(b"signed", "application/x.signature", subject=sbom)
    signed = build.signature(image)
    put(registry, NAME, image, "1.0")
    put(registry, NAME, sbom)
    put(registry, NAME, on_sbom)
    put(registry, NAME, signed, f"sha256-{build.hexed(image.digest)}.sig")
    if not api:
        for subject, referrer in ((image, sbom), (sbom, on_sbom)):
            put(registry, NAME, build.index([referrer]), f"sha256-{build.hexed(subject.digest)}")
    return sbom, on_sbom, signed


REFERRED: dict[str, tuple[bool, tuple[faults.Fault, ...]]] = {
    "api": (True, ()),
    "api-no-list": (True, (faults.Status(404, "GET tags"),)),
    "tags": (False, (faults.NoReferrers(),)),
    "tags-no-list": (False, (faults.NoReferrers(), faults.Status(404, "GET tags"))),
    "refused": (False, (faults.referrers_refused(),)),
    "no-type": (False, (faults.NoReferrers(), faults.EntriesWithoutType())),
}


@pytest.mark.parametrize("name", REFERRED)
def test_what_refers_to_an_image_comes_along(name: str, cli_call: Call, tmp_path: Path) -> None:
    api, some = REFERRED[name]
    with Registry(*some) as registry:
        sbom, on_sbom, signed = attached(registry, api=api)
        told(pulled(cli_call, registry, tmp_path / "dest"))
        facts = told(cli_call("inspect", tmp_path / "dest", "--format", "json")).archive()
        wanted = {sbom.digest, on_sbom.digest, *([] if name == "no-type" else [signed.digest])}  # it writes all anew
        assert wanted <= {one["manifest"] for one in facts["artifacts"]}
        whole(cli_call, tmp_path / "dest")


def test_referrers_come_in_pages(cli_call: Call, tmp_path: Path) -> None:
    image = IMAGE.node()
    with Registry(page=2) as registry:
        put(registry, NAME, image, "1.0")
        some = [build.artifact(f"sbom {n}".encode(), "application/spdx+json", subject=image) for n in range(5)]
        for one in some:
            put(registry, NAME, one)
        told(pulled(cli_call, registry, tmp_path / "dest"))
        facts = told(cli_call("inspect", tmp_path / "dest", "--format", "json")).archive()
        assert {one.digest for one in some} <= {one["manifest"] for one in facts["artifacts"]}


class Pages(faults.Fault):
    """Lists no referrer, and names another page each time."""

    def __init__(self, link: str) -> None:
        self._link, self._number = link, 0

    def instead(self, request: Request, store: Store) -> Response | None:
        del store
        if request.kind is not Kind.REFERRERS:
            return None
        self._number += 1
        link = f"<{self._link.format(number=self._number)}>; rel=next"
        return Response(200, {"Link": link, "Content-Type": build.OCI_INDEX}, b'{"schemaVersion":2,"manifests":[]}')


@pytest.mark.parametrize(
    ("link", "word"), [("?page={number}", "lists without end"), ("http://[x", "an address that is none")]
)
def test_pages_that_lead_nowhere(link: str, word: str, cli_call: Call, tmp_path: Path) -> None:
    with filled(Pages(link)) as registry:
        assert word in refused(pulled(cli_call, registry, tmp_path / "dest"), 3, tmp_path / "dest")
        assert len(registry.asked("GET referrers")) <= 1000
