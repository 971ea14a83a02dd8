"""Ways to a registry: TLS and whom it trusts, proxies, and connections that are kept."""

import http.client
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ociarchive.errors import ContentError, HostError
from ociarchive.remote.address import Access, parse
from ociarchive.remote.client import Client
from tests.support import build
from tests.support.call import Call, refused, told
from tests.support.registry import Registry, Request, Response, Store, faults, guards
from tests.support.registry.filling import put

NAME = "corpus/app"
IMAGE = build.Image(layers=[build.layer({"a": b"a"}, "gzip"), build.layer({"b": b"b"}, "gzip")])
SILENT = Access(pause=0.0)
Talk = Callable[[Registry], Client]


@pytest.fixture
def client() -> Iterator[Callable[[Registry], Client]]:
    made: list[Client] = []

    def make(registry: Registry) -> Client:
        made.append(Client(parse(f"docker://{registry.address}/{NAME}:1.0"), SILENT))
        return made[-1]

    yield make
    for one in made:
        one.close()


@contextmanager
def filled(*some: faults.Fault) -> Iterator[Registry]:
    with Registry(*some) as registry:
        put(registry, NAME, IMAGE.node(), "1.0")
        yield registry


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for 127.0.0.1 that is its own authority."""
    if shutil.which("openssl") is None:
        pytest.skip("not there: openssl")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@contextmanager
def with_tls(folder: Path) -> Iterator[Registry]:
    registry = Registry()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    server = registry._server
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with registry:
        put(registry, NAME, IMAGE.node(), "1.0")
        yield registry


def test_an_authority_that_is_named_is_trusted(certificate: Path, cli_call: Call, tmp_path: Path) -> None:
    with with_tls(certificate) as registry:
        source = f"docker://{registry.address}/{NAME}:1.0"
        told(cli_call("convert", source, tmp_path / "dest", "--to", "oci-layout", "--ca-file", certificate / "ca.pem"))
        told(cli_call("audit", source, "--ca-file", certificate / "ca.pem"))
        told(cli_call("inspect", source, "--insecure-skip-verify"))
        told(cli_call("diff", source, tmp_path / "dest", "--insecure-skip-verify"))


def test_a_certificate_that_nobody_vouches_for(certificate: Path, cli_call: Call, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    pem = ssl.DER_cert_to_PEM_cert(ssl.create_default_context().get_ca_certs(binary_form=True)[0])
    other.write_text(pem)
    with with_tls(certificate) as registry:
        source = f"docker://{registry.address}/{NAME}:1.0"
        found = cli_call("convert", source, tmp_path / "dest", "--to", "oci-layout", "--ca-file", other)
        error = refused(found, 3, tmp_path / "dest")
        assert "TLS refuses the server" in error
        assert "--ca-file" in error


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_authorities(content: str | None, cli_call: Call, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    found = cli_call("inspect", "docker://127.0.0.1:1/app", "--ca-file", path)
    assert str(path) in refused(found, 2)


# Proxies


@contextmanager
def proxy(registry: Registry) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Run a proxy that sends all requests to a registry; give its address, and what it was asked as whom."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Proxy-Authorization")))
            line = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=10)
            parts = urlsplit(self.path)
            headers = {key: value for key, value in self.headers.items() if not key.lower().startswith("proxy")}
            line.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path, headers=headers)
            answer = line.getresponse()
            body = answer.read()
            line.close()
            self.send_response(answer.status)
            for key, value in answer.getheaders():
                if key.lower() not in ("connection", "date", "server"):
                    self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name that http.server gives it
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_proxy_of_the_environment_is_used(cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled() as registry, proxy(registry) as (address, asked):
        monkeypatch.setenv("HTTP_PROXY", f"http://me:s%40cret@{address}")
        source = f"docker://registry.example:5000/{NAME}:1.0"
        facts = told(cli_call("inspect", source, "--plain-http", "--format", "json")).archive()
        assert facts["images"][0]["references"] == [f"registry.example:5000/{NAME}:1.0"]
        assert asked[0] == (
            f"http://registry.example:5000/v2/{NAME}/manifests/1.0", "Basic bWU6c0BjcmV0"
        )  # fmt: skip
        assert not any("proxy-authorization" in one.headers for one in registry.asked())


def test_a_proxy_is_passed_by(cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled() as registry:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        told(cli_call("inspect", f"docker://{registry.address}/{NAME}:1.0"))


def test_a_proxy_that_does_not_answer(pauses: list[float], cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:s3cret@127.0.0.1:1")
    found = cli_call("inspect", f"docker://registry.example:5000/{NAME}:1.0", "--plain-http", "-vv")
    assert found.status == 3
    assert "s3cret" not in found.stderr
    assert pauses


# Connections and the client's own interface


def test_a_connection_is_kept(client: Talk) -> None:
    with filled() as registry:
        one = client(registry)
        for _ in range(5):
            assert one.manifest("1.0") is not None
        assert registry.connections == 1


def test_head(client: Talk) -> None:
    with filled() as registry:
        found = client(registry).head("1.0")
        assert found is not None
        assert (str(found.digest), found.media_type) == (IMAGE.node().digest, build.OCI_MANIFEST)
        assert found.size == len(IMAGE.node().blobs[IMAGE.node().digest])
        assert client(registry).head("2.0") is None
    with filled(faults.Status(405, "HEAD manifest")) as registry:
        found = client(registry).head("1.0")
        assert found is not None
        assert str(found.digest) == IMAGE.node().digest


@pytest.mark.parametrize("fault", [faults.Fault(), faults.head_refused(), faults.Status(405, "HEAD blob")])
def test_whether_a_blob_is_there(fault: faults.Fault, client: Talk) -> None:
    with filled(fault) as registry:
        there, absent = (
            parse(f"docker://r.example/a@{IMAGE.image_id}").digest,
            parse(f"docker://r.example/a@{build.digest(b'?')}").digest,
        )
        assert there is not None
        assert absent is not None
        assert client(registry).has_blob(there)
        assert not client(registry).has_blob(absent)


def test_tags_come_in_pages(client: Talk) -> None:
    with filled() as registry:
        for number in range(7):
            put(registry, NAME, IMAGE.node(), f"t{number}")
        assert set(client(registry).tags() or ()) == {"1.0", *(f"t{number}" for number in range(7))}


def test_a_document_that_is_too_large_is_not_read(client: Talk) -> None:
    with filled() as registry:
        raw = build.dumped({"schemaVersion": 2, "layers": [], "x": "y" * (5 << 20)})
        registry.put(NAME, raw, build.OCI_MANIFEST, tag="large")
        with pytest.raises(ContentError, match="more than a document"):
            client(registry).manifest("large")


def test_a_connection_outlives_challenges_and_redirects(client: Talk) -> None:
    with filled() as store:
        there = faults.Redirect(lambda path: f"http://{store.address}{path}", "GET manifest")
        with filled(guards.Bearer(), there) as registry:
            one = client(registry)
            for _ in range(3):
                assert one.manifest("1.0") is not None
            assert store.connections == 1
            assert registry.connections <= 2, "one for requests, one for tokens"


def test_redirects_end(client: Talk) -> None:
    with Registry() as registry:
        registry.faults.append(faults.Redirect(lambda path: path, "GET manifest"))
        with pytest.raises(HostError, match="redirects more than"):
            client(registry).manifest("1.0")


# Servers that say nothing any more


class Stalls(faults.Fault):
    """Says nothing to whoever asks for a layer, until the test has ended."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def changed(self, request: Request, response: Response, store: Store) -> Response:
        """Say half of it."""
        del store
        if request.asks == "GET blob" and "range" not in request.headers and request.reference != IMAGE.image_id:
            response.length = len(response.body) + 1
            self.asked.set()
        return response


@pytest.mark.parametrize("command", ["convert", "audit"])
def test_an_interrupt_waits_for_no_server(command: str, tmp_path: Path) -> None:
    stalls = Stalls()
    with filled(stalls) as registry:
        call = [sys.executable, "-m", "ociarchive", command, f"docker://{registry.address}/{NAME}:1.0"]
        call += [str(tmp_path / "dest"), "--to", "oci-layout"] if command == "convert" else []
        with subprocess.Popen(call, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
            assert stalls.asked.wait(60)
            process.send_signal(signal.SIGINT)
            _, words = process.communicate(timeout=SILENT.read / 2)
        assert process.returncode in (130, -signal.SIGINT), words
        assert "Traceback" not in words
    assert not list(tmp_path.iterdir())
