"""Storage that real engines leave behind here: an archive is loaded, the engine is stopped, and its folder is read."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.interop.conftest import daemon, needed, program, root_only, short_folder
from tests.support import truth
from tests.support.call import Call, told

pytestmark = pytest.mark.interop

TRUTHS = truth.load()
#: Archives of one platform, in every compression, with files of several layers.
LOADED = ("docker20-two-images.tar", "docker26.tar", "buildx-oci-uncompressed.tar", "podman4-docker-archive.tar")
DOCKER_LOADED = ("docker20-two-images.tar", "docker26.tar", "podman4-docker-archive.tar")


def wanted(names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Give the diff_ids of each image for this platform, by its ID."""
    return {
        one.image_id: tuple(one.diff_ids)
        for name in names
        for one in TRUTHS[name].images
        if one.platform == "linux/amd64"
    }


@pytest.fixture
def short() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


def compared(source: Path, form: str, names: tuple[str, ...], folder: Path, call: Call) -> None:
    """Read storage, convert it into every format that holds several images, and compare with what was loaded."""
    seen = told(call("inspect", "--format", "json", source)).archive()
    assert seen["format"] == form
    assert found(seen["images"]) == wanted(names)
    report = told(call("audit", "--format", "json", source)).archive()
    assert [one for one in report["findings"] if one["severity"] == "error"] == []
    assert all(layer["verified"] for row in report["images"] for layer in row["layers"])
    for to in ("oci-layout", "docker-archive"):
        told(call("convert", source, folder / to, "--to", to))
        report = told(call("audit", "--format", "json", folder / to)).archive()
        assert report["findings"] == []
        assert found(report["images"]) == wanted(names)
        told(call("diff", source, folder / to))


def found(images: list[dict[str, object]]) -> dict[str, tuple[str, ...]]:
    return {
        str(row["image_id"]): tuple(layer["diff_id"] for layer in row["layers"])  # type: ignore[attr-defined]
        for row in images
    }


def test_podman(short: Path, tmp_path: Path, cli_call: Call) -> None:
    needed("podman")
    root_only()
    places = [f"--{name}={short / name}" for name in ("root", "runroot", "tmpdir")]
    podman = program("podman", *places, "--storage-driver", "vfs", "--events-backend", "none")
    for name in LOADED:
        podman("load", "-i", TRUTHS[name].path)
    compared(short / "root", "containers-storage", LOADED, tmp_path, cli_call)
    graph_root = json.loads(podman("info", "--format", "json"))["store"]["graphRoot"]
    spelled = f"containers-storage:[vfs@{graph_root}+/run/none]{min(wanted(LOADED)).removeprefix('sha256:')}"
    (row,) = told(cli_call("inspect", "--format", "json", spelled)).archive()["images"]
    assert row["image_id"] == min(wanted(LOADED))


def test_podman_with_an_additional_store(short: Path, tmp_path: Path, cli_call: Call) -> None:
    """Podman keeps no layer that a read-only store of `additionalimagestores` has: `--base` names that store."""
    needed("podman")
    root_only()
    low, upper = short / "low", short / "upper"
    places = [f"--{name}={short / name}" for name in ("runroot", "tmpdir")]
    podman = program("podman", *places, "--storage-driver", "vfs", "--events-backend", "none")
    podman("--root", low, "load", "-i", TRUTHS["docker20.tar"].path)
    podman("--root", upper, "--storage-opt", f"vfs.imagestore={low}", "load", "-i", TRUTHS[LOADED[0]].path)
    assert len(json.loads((upper / "vfs-layers" / "layers.json").read_text())) == 1
    told(cli_call("audit", upper), 1)
    told(cli_call("audit", "--strict", upper, "--base", low))
    for to in ("oci-layout", "docker-archive"):
        told(cli_call("convert", upper, tmp_path / to, "--to", to, "--base", low))
        report = told(cli_call("audit", "--strict", "--format", "json", tmp_path / to)).archive()
        assert found(report["images"]) == wanted(LOADED[:1])


@pytest.mark.parametrize("driver", ["vfs", "overlay2"])
def test_docker(driver: str, short: Path, tmp_path: Path, cli_call: Call) -> None:
    needed("docker", "dockerd", "containerd")
    root_only()
    (short / "daemon.json").write_text("{}")
    host = f"unix://{short}/sock"
    client = program("docker", "-H", host)
    command: list[str | Path] = [
        *("dockerd", "--config-file", short / "daemon.json", "-H", host, "--storage-driver", driver),
        *("--iptables=false", "--ip6tables=false", "--bridge=none"),
        *("--data-root", short / "data", "--exec-root", short / "exec", "--pidfile", short / "pid"),
    ]
    with daemon(command, lambda: client("version"), short):
        for name in DOCKER_LOADED:
            client("load", "-i", TRUTHS[name].path)
    compared(short / "data", "docker-storage", DOCKER_LOADED, tmp_path, cli_call)


def test_containerd(short: Path, tmp_path: Path, cli_call: Call) -> None:
    needed("containerd", "ctr")
    root_only()
    (short / "config.toml").write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
    client = program("ctr", "--address", short / "sock")
    command: list[str | Path] = [
        *("containerd", "--config", short / "config.toml", "--address", short / "sock"),
        *("--root", short / "root", "--state", short / "state"),
    ]
    name = "buildx-oci-attested.tar"
    with daemon(command, lambda: client("version"), short):
        client("images", "import", "--all-platforms", "--no-unpack", TRUTHS[name].path)
    told_of = {one.image_id: tuple(one.diff_ids) for one in TRUTHS[name].images}
    seen = told(cli_call("inspect", "--format", "json", short / "root")).archive()
    assert (seen["format"], found(seen["images"])) == ("containerd-storage", told_of)
    told(cli_call("convert", short / "root", tmp_path / "dest", "--to", "oci-layout"))
    told(cli_call("diff", TRUTHS[name].path, tmp_path / "dest", "--ignore", "names"))


def test_an_ordinary_user_reads_it(short: Path, cli_call: Call) -> None:
    """What a user may read suffices: no device is made, no owner set, nothing mounted."""
    root_only()
    needed("podman")
    places = [f"--{name}={short / name}" for name in ("root", "runroot", "tmpdir")]
    podman = program("podman", *places, "--storage-driver", "vfs", "--events-backend", "none")
    podman("load", "-i", TRUTHS["docker20.tar"].path)
    for path in (short, *short.rglob("*")):
        with suppress(OSError):
            if not path.is_symlink():
                os.chown(path, 65_534, 65_534)
    wanted_report = told(cli_call("audit", "--format", "json", short / "root")).archive()
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(65_534)
    os.seteuid(65_534)
    try:
        report = told(cli_call("audit", "--format", "json", short / "root")).archive()
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
    assert report == wanted_report
    assert report["findings"] == []
