"""Fixtures of registries: no credentials of the user who runs the tests, and no pauses."""

from pathlib import Path

import pytest

from ociarchive.remote import push
from ociarchive.remote.exchange import Exchange
from ociarchive.remote.wire import LostConnection


@pytest.fixture(autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home without credentials, and no proxies."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return home


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Do not wait; list how long a call would have waited."""
    waited: list[float] = []

    def pause(exchange: Exchange, tried: int, asked: float | None = None) -> None:
        if exchange._aborted.is_set():
            raise LostConnection("the work was given up")
        waited.append(max(0.5 * 2**tried, asked or 0.0))

    monkeypatch.setattr(Exchange, "pause", pause)
    monkeypatch.setattr(push, "settle", lambda _: None)
    return waited
