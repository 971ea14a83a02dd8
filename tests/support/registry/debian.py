"""Debian's docker-registry on loopback, a free port and a folder: what many registries are made of."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def docker_registry(folder: Path, root: Path | None = None) -> Iterator[str]:
    """Run the registry, and give HOST:PORT. Its data is in `root`, else below `folder`. Skip where it is missing."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("not there: docker-registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    storage = root or folder / "storage"
    config = folder / "config.yml"  # JSON is YAML
    settings = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": os.path.abspath(storage)}, "delete": {"enabled": True}},
        "http": {"addr": address},
        "compatibility": {"schema1": {"enabled": True}},
    }
    config.write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://{address}/v2/", timeout=5).close()
                break
            except (OSError, urllib.error.URLError):
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)
        else:
            pytest.fail(f"docker-registry does not answer: {(folder / 'log').read_text()}")
        yield address
    finally:
        process.terminate()
        process.wait(20)
