"""Chromium without a screen, behind a proxy that writes down whatever a page asks for."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

#: What Chromium asks for by itself, whatever page it shows.
OWN = re.compile(r"[/ .](?:google|googleapis|gvt1|gstatic)\.com[:/]")


@contextmanager
def proxy() -> Iterator[tuple[int, list[str]]]:
    """Stand between the browser and every network, and write down what it asks for."""
    requests: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def refuse(self) -> None:
            requests.append(self.requestline)
            self.send_error(403)

        do_GET = do_POST = do_CONNECT = do_HEAD = refuse  # noqa: N815  # as the base class has them

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_port, requests
        server.shutdown()
        thread.join()


def browse(page: Path, *options: str, port: int, profile: Path) -> str:
    """Open a page with the proxy at `port`, and return what Chromium prints; skips where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("not there: chromium")
    done = subprocess.run(
        [
            *(program, "--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-sync"),
            *("--disable-background-networking", "--disable-component-update", "--disable-default-apps"),
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            *(f"--user-data-dir={profile}", f"--proxy-server=http://127.0.0.1:{port}"),
            *("--proxy-bypass-list=<-loopback>", *options, page.as_uri()),
        ],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-1000:]
    return done.stdout.decode()
