"""The storage of podman as skopeo spells it."""

from pathlib import Path

import pytest

from ociarchive.errors import UsageError
from ociarchive.opening.spellings import spelled

HEX = "ab" * 32


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("[overlay@/srv/root+/run/root]app:1.0", "/srv/root", "app:1.0"),
        ("[overlay@/srv/root+/run/root:overlay.mountopt=nodev]app:1.0", "/srv/root", "app:1.0"),
        ("[vfs@/srv/root]docker.io/library/app@sha256:" + HEX, "/srv/root", "docker.io/library/app@sha256:" + HEX),
        ("[/srv/root]", "/srv/root", None),
        ("[/srv/root]@" + HEX, "/srv/root", "sha256:" + HEX),
        ("[/srv/root]" + HEX, "/srv/root", "sha256:" + HEX),
    ],
)
def test_a_root_that_is_named_is_read(text: str, path: str, name: str | None) -> None:
    found = spelled(f"containers-storage:{text}")
    assert (found.path, found.format, found.name) == (path, "containers-storage", name)


@pytest.mark.parametrize("text", ["", "app:1.0", "[]app", "[overlay]app", "[overlay@relative]app", "[/srv/root"])
def test_the_default_root_is_not_guessed(text: str) -> None:
    with pytest.raises(UsageError, match="graphRoot") as caught:
        spelled(f"containers-storage:{text}")
    assert "`podman save -o app.tar IMAGE` writes one" in str(caught.value)


def test_a_path_that_exists_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "containers-storage:app").mkdir()
    assert spelled("containers-storage:app").format is None
