"""Bounds that no finished archive shows: no call is made, a bomb is left early, a source that changes is refused."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ociarchive.blobio.limits import LimitError, Limits
from ociarchive.blobio.source import Bytes
from ociarchive.measure import measure
from tests.hostile.layers import zeros
from tests.hostile.parts import LAYER
from tests.hostile.process import run
from tests.support.build import Image, layer, layout, packed
from tests.support.tar import BLOCK, file, header, write_tar

_GIBIBYTE = 1 << 30


@dataclass
class Count:
    """Hears what is unpacked."""

    size: int = 0
    largest: int = 0
    stored: bool = False
    waits: bool = False

    def take(self, data: bytes) -> None:
        """Count."""
        self.size += len(data)
        self.largest = max(self.largest, len(data))


def test_sixteen_gibibytes_of_zeros_stop_before_one_is_unpacked() -> None:
    """CVE-2017-14992."""
    bomb, count = Bytes(zeros(64) * 256, "bomb"), Count()
    fact = measure(bomb, limits=Limits(), unpack=True, tee=count)
    assert "--max-ratio" in (fact.limit or "")
    assert count.size < _GIBIBYTE
    assert count.largest <= 1 << 20


def test_with_a_ratio_that_was_asked_for_half_a_gibibyte_stops_at_once() -> None:
    count = Count()
    fact = measure(Bytes(zeros(512), "bomb"), limits=Limits(ratio=100, ratio_from=1 << 20), unpack=True, tee=count)
    assert "more than 100 times" in (fact.limit or "")
    assert count.size < 64 << 20


def test_34_gb_of_model_weights_pass() -> None:
    guard = Limits().within(34_000_000_000).guard("weights")
    guard.stored = 34_000_000_000
    guard.unpacked(34_000_000_000)


def test_a_bomb_in_many_layers_is_one() -> None:
    limits = Limits().within(1 << 20)
    guards = [limits.guard(f"layer {number}") for number in range(4)]
    for guard in guards:
        guard.stored = 4 << 20
    for guard in guards[:3]:
        guard.unpacked(600 << 20)
    with pytest.raises(LimitError, match="the archive's layers"):
        guards[3].unpacked(600 << 20)


@dataclass
class Server:
    """A server that hears whether anybody calls."""

    port: int = 0
    calls: list[object] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        found, over = Server(listening.getsockname()[1]), threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    connection, address = listening.accept()
                    connection.close()
                    found.calls.append(address)
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen)
        thread.start()
        yield found
        over.set()
        thread.join()


def test_a_foreign_layers_url_is_not_called(server: Server, tmp_path: Path) -> None:
    """CVE-2020-15157, with a network there to be used."""
    url = f"http://127.0.0.1:{server.port}/layer"
    kind = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    foreign = layer({"a": b"a"}, "gzip", media_type=kind, members={"urls": [url]})
    node = Image(layers=[LAYER, foreign]).node().described(urls=[url])
    source = write_tar(tmp_path / "a.tar", layout(node, without=[foreign.digest]))
    assert run("audit", source, place=tmp_path, network=True).status == 0
    assert run("convert", source, tmp_path / "dest", "--to", "oci-layout", place=tmp_path, network=True).status == 0
    with socket.create_connection(("127.0.0.1", server.port)):  # that it would hear a call
        pass
    assert_within(lambda: len(server.calls) == 1)


def assert_within(holds: object, seconds: float = 10) -> None:
    """Wait for something that another thread does."""
    assert callable(holds)
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("command", ["audit", "convert"])
def test_a_source_that_shrinks_while_it_is_read(command: str, tmp_path: Path) -> None:
    """CVE-2018-20482: neither without end nor good."""
    source, dest = tmp_path / "a.tar", tmp_path / "dest"
    layer_size = 2 << 30
    node = Image(layers=[packed(b"", "none", members={"size": layer_size})]).node()
    write_tar(source, layout(node))
    _grow(source, layer_size)
    options = ["--to", "oci-layout", "--no-sync"] if command == "convert" else []
    arguments = [str(source), *([str(dest)] if command == "convert" else []), *options]
    with subprocess.Popen(
        [sys.executable, "-m", "ociarchive", command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:  # fmt: skip
        assert_within(lambda: _read(process.pid) > 32 << 20, 60)
        os.truncate(source, 1 << 20)
        out, err = process.communicate(timeout=120)
    assert process.returncode in (1, 3)
    assert b"Traceback" not in err
    assert b"shrank" in err + out
    assert not os.path.lexists(dest)


def _read(process: int) -> int:
    """The bytes that a process has read."""
    words = Path(f"/proc/{process}/io").read_text().split()
    return int(words[words.index("rchar:") + 1])


def _grow(source: Path, size: int) -> None:
    """Give the empty layer of an archive `size` bytes of zeros that take no space on disk."""
    raw = source.read_bytes()
    name = f"blobs/sha256/{packed(b'', 'none').digest.partition(':')[2]}"
    place = raw.index(name.encode())
    with source.open("r+b") as out:
        out.seek(place)
        out.write(header(file(name, b""), size, base256=True))
        out.truncate(place + BLOCK)
        out.seek(size + -size % BLOCK, os.SEEK_END)
        out.write(raw[place + BLOCK :])
