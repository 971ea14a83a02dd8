"""Storage that somebody made to mislead or exhaust a reader: a clear error, nothing read outside, bounded work."""

import base64
import gzip
import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.audit.faults import NOWHERE
from tests.audit.making import IMAGE, TOP
from tests.hostile.process import MEMORY, run
from tests.support import stores
from tests.support.build import Image, dumped, hexed, layout
from tests.support.call import Call, refused, told
from tests.support.tar import Style, file, header, tar, write_folder

SECRET = b"nobody may read this"
CHAIN = hexed(stores.chain_ids(IMAGE.layers)[1])
SPLIT = f"image/overlay2/layerdb/sha256/{CHAIN}/tar-split.json.gz"
TREE = stores.tree_of(IMAGE.layers)
IDS = stores.layer_ids(IMAGE.layers)
LISTED = stores.entries(TOP.plain)
DATABASE = "io.containerd.metadata.v1.bolt/meta.db"


@pytest.fixture
def docker(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "store", stores.docker_storage({"corpus/app:1.0": IMAGE}))


@pytest.fixture
def podman(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "store", stores.containers_storage({"docker.io/corpus/app:1.0": IMAGE}))


@pytest.fixture
def containerd(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "store", stores.containerd_storage({"docker.io/corpus/app:1.0": IMAGE}))


@pytest.fixture(autouse=True)
def secret(tmp_path: Path) -> Path:
    """Put something outside of the storage that must not come out of it."""
    path = tmp_path / "outside"
    (path / "bin").mkdir(parents=True)
    (path / "bin" / "app").write_bytes(SECRET.ljust(550))
    (path / "app").write_bytes(SECRET.ljust(550))
    return path


def refuses(call: Call, store: Path, says: str) -> None:
    """Check that a conversion ends with an error that says so, and that an audit finds errors, nothing else."""
    dest = store.parent / "dest"
    line = refused(call("convert", store, dest, "--to", "oci-layout"), 1, dest)
    assert says in line, line
    report = told(call("audit", "--format", "json", store), 1)
    assert SECRET.decode() not in report.stdout + line
    told(call("inspect", store), 0)


def with_split(store: Path, listed: list[stores.Entry]) -> None:
    (store / SPLIT).write_bytes(stores.split_file(listed))


def named(name: str) -> list[stores.Entry]:
    return [{**one, "name": name} if one["type"] == 1 else one for one in LISTED]


def test_a_tar_split_with_a_gap(docker: Path, cli_call: Call) -> None:
    with_split(docker, [LISTED[0], *LISTED[2:]])
    refuses(cli_call, docker, "the tar-split has a gap: expected position 1, found 2")


@pytest.mark.parametrize("name", ["../../../outside/app", "/../../../../outside/app", "a/../../../../outside/app"])
def test_names_that_lead_out(name: str, docker: Path, cli_call: Call) -> None:
    with_split(docker, named(name))
    refuses(cli_call, docker, "is not in the storage" if name.startswith("/") else "leads out of the layer")


@pytest.mark.parametrize("target", ["/outside", "../../../outside", "ABSOLUTE"])
def test_a_linked_folder_that_leads_out(target: str, docker: Path, secret: Path, cli_call: Call) -> None:
    stores.linked(docker, f"{TREE}/bin", str(secret) if target == "ABSOLUTE" else target)
    refuses(cli_call, docker, "file bin/app lies behind a link that leads to nothing")


def test_a_linked_file_that_leads_out(docker: Path, secret: Path, cli_call: Call) -> None:
    stores.linked(docker, f"{TREE}/bin/app", str(secret / "app"))
    refuses(cli_call, docker, "file bin/app is no regular file in the storage")


@pytest.mark.parametrize("what", [TREE, TREE.rpartition("/")[0], "overlay2"])
def test_a_layer_whose_folder_leads_out(what: str, docker: Path, secret: Path, cli_call: Call) -> None:
    stores.linked(docker, what, str(secret))
    refuses(cli_call, docker, "is not in the storage (")


@pytest.mark.parametrize("name", ["../../outside", "..", ".", "a/b", "", "x" * 300, "\0"])
def test_a_folder_of_another_name(name: str, docker: Path, cli_call: Call) -> None:
    (docker / f"image/overlay2/layerdb/sha256/{CHAIN}/cache-id").write_text(name)
    refuses(cli_call, docker, "in which folder it lies")


def test_a_device_or_fifo_is_no_file(docker: Path, cli_call: Call) -> None:
    (docker / TREE / "bin/app").unlink()
    os.mkfifo(docker / TREE / "bin/app")
    refuses(cli_call, docker, "no regular file")


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x1f\x8b", stores.split_file(LISTED)[:40], b"nothing like it\n", gzip.compress(b"{" * 50_000, mtime=0)],
)
def test_a_tar_split_that_is_none(raw: bytes, docker: Path, cli_call: Call) -> None:
    (docker / SPLIT).write_bytes(raw)
    refuses(cli_call, docker, "cannot be rebuilt")


def test_a_tar_split_that_unpacks_to_very_much(docker: Path, cli_call: Call) -> None:
    (docker / SPLIT).write_bytes(gzip.compress(b"\n" * (64 << 20), mtime=0))
    call = cli_call("convert", docker, docker.parent / "dest", "--to", "oci-layout", "--max-ratio", "20")
    refused(call, 1, docker.parent / "dest")


@pytest.mark.parametrize("to", [0, 1])
def test_layers_that_lead_in_a_circle(to: int, tmp_path: Path, cli_call: Call) -> None:
    made = stores.containers_storage({"docker.io/corpus/app:1.0": IMAGE}, layer={0: {"parent": IDS[to]}})
    refuses(cli_call, write_folder(tmp_path / "store", made), "its layers lead in a circle")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": "../../../outside"}, "the storage has no layer"),
        ({"parent": "../../outside"}, "diff_ids"),
        ({"parent": 5}, ""),
        ({"diff-digest": "../x"}, "the storage says that it is another"),
    ],
)
def test_layers_of_podman_that_are_none(change: dict[str, object], says: str, tmp_path: Path, cli_call: Call) -> None:
    made = stores.containers_storage({"docker.io/corpus/app:1.0": IMAGE}, layer={0: change})
    store = write_folder(tmp_path / "store", made)
    if says:
        refuses(cli_call, store, says)
    else:  # a parent that is no text is none
        told(cli_call("audit", store), 0)


def test_a_layer_of_podman_that_is_a_path(tmp_path: Path, cli_call: Call) -> None:
    """A layer's ID is the name of its files: one that is a path must not lead to others."""
    store = write_folder(tmp_path / "store", stores.containers_storage({"docker.io/corpus/app:1.0": IMAGE}))
    for path in ("overlay-layers/layers.json", "overlay-images/images.json"):
        (store / path).write_text((store / path).read_text().replace(IDS[1], "../../outside"))
    refuses(cli_call, store, "which is no ID")


@pytest.mark.parametrize("name", ["overlay-images/images.json", "overlay-layers/layers.json"])
@pytest.mark.parametrize("raw", [b"", b"[", b"{}", b"[5]", b'[{"id": 5}]', b"[" * 2000, b'[{"id": "../x"}]'])
def test_lists_of_podman_that_are_none(name: str, raw: bytes, podman: Path, cli_call: Call) -> None:
    (podman / name).write_bytes(raw)
    dest = podman.parent / "dest"
    refused(cli_call("convert", podman, dest, "--to", "oci-layout"), 1, dest)


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{", b'{"Repositories": 5}', b'{"Repositories": {"a": 5}}', b'{"Repositories": {"a": {"a:1": 5}}}'],
)
def test_names_of_docker_that_are_none(raw: bytes, docker: Path, cli_call: Call) -> None:
    (docker / "image/overlay2/repositories.json").write_bytes(raw)
    told(cli_call("inspect", docker))
    told(cli_call("audit", docker), 1 if raw in (b"", b"{") or raw.endswith(b"5}}}") else 0)


def spoiled(raw: bytes, offset: int, new: bytes) -> bytes:
    return raw[:offset] + new + raw[offset + len(new) :]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda raw: raw[: 3 * stores.PAGE], "outside of the file"),
        (lambda raw: raw[:70], "no bbolt database"),
        (lambda _: b"", "no bbolt database"),
        (lambda raw: spoiled(raw, 3 * stores.PAGE + 8, struct.pack("<HHI", 1, 1, 0)), "outside of the file"),
        (lambda raw: spoiled(raw, 3 * stores.PAGE, stores.branch(3, [3, 3, 3])), "reached twice"),
        (lambda raw: spoiled(raw, 3 * stores.PAGE + 8, struct.pack("<HHI", 2, 65_535, 0)), "fewer elements"),
        (lambda raw: spoiled(raw, 3 * stores.PAGE + 12, struct.pack("<I", 1 << 31)), "longer than it can be"),
    ],
)
def test_databases_that_are_damaged(
    change: Callable[[bytes], bytes], says: str, containerd: Path, cli_call: Call
) -> None:
    (containerd / DATABASE).write_bytes(change((containerd / DATABASE).read_bytes()))
    assert says in refused(cli_call("inspect", containerd), 1)


def test_a_bucket_that_is_its_own_root(tmp_path: Path, cli_call: Call) -> None:
    """The bucket of a namespace leads to the page that it stands in, which has it again, without an end."""
    page = stores.leaf(3, {b"v1": b"?" * 16, b"x": b"y"})
    key = page.index(b"v1")
    page = spoiled(page, key + 2, struct.pack("<QQ", 3, 0))
    page = spoiled(page, 16, struct.pack("<I", 1))
    database = stores.bolt({b"a": b"b"})[: 3 * stores.PAGE] + stores.filled(page, 3)
    made = stores.containerd_storage({"docker.io/corpus/app:1.0": IMAGE}, database=database)
    call = cli_call("convert", write_folder(tmp_path / "store", made), tmp_path / "dest", "--to", "oci-layout")
    assert "no image in the archive" in refused(call, 1, tmp_path / "dest")


@pytest.mark.parametrize("target", [{}, {b"digest": b"sha256:x"}, {b"digest": NOWHERE.encode(), b"size": b"\xff"}])
def test_names_of_containerd_that_lead_to_nothing(target: stores.Tree, tmp_path: Path, cli_call: Call) -> None:
    names: stores.Tree = {b"corpus/bad:1": {b"target": target}}
    made = stores.containerd_storage({"docker.io/corpus/app:1.0": IMAGE}, names=names)
    store = write_folder(tmp_path / "store", made)
    report = told(cli_call("audit", "--format", "json", store), 1)
    assert report.rules() == {"store-name-dangling"}


def test_files_that_stand_for_folders(docker: Path, cli_call: Call) -> None:
    config = docker / f"image/overlay2/imagedb/content/sha256/{hexed(IMAGE.image_id)}"
    for bad in (b"[]", b"{}", b"x", dumped({"rootfs": {"diff_ids": ["x"]}})):
        config.write_bytes(bad)
        told(cli_call("audit", docker), 1)
    config.unlink()
    config.mkdir()
    told(cli_call("audit", docker), 1)


def test_a_layer_of_a_gigabyte_stays_within_the_memory_bound(tmp_path: Path) -> None:
    store, size, piece = tmp_path / "store", 1 << 30, os.urandom(1 << 20)
    files: dict[str, bytes] = {f"d/{number}": bytes([number % 256]) * 900 for number in range(3000)}
    small = tar([*(file(name, data) for name, data in files.items())], end=0)
    head = header(file("big", b""), size)
    hashed = hashlib.sha256(small + head)
    for _ in range(size >> 20):
        hashed.update(piece)
    hashed.update(bytes(1024))
    listed = stores.entries(small, checksums=False)
    listed[-1]["payload"] = base64.b64encode(base64.b64decode(listed[-1]["payload"]) + head).decode()
    listed.append({"type": 1, "name": "big", "size": size, "position": len(listed)})
    listed.append({"type": 2, "payload": base64.b64encode(bytes(1024)).decode(), "position": len(listed)})
    image = Image(config_members={"rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashed.hexdigest()}"]}})
    base, cache = f"image/vfs/layerdb/sha256/{hashed.hexdigest()}", "c" * 64
    made = [*stores.docker_storage({"corpus/big:1": image}, driver="vfs"), *stores.content(small, f"vfs/dir/{cache}")]
    made += [file(f"{base}/diff", f"sha256:{hashed.hexdigest()}".encode()), file(f"{base}/cache-id", cache.encode())]
    write_folder(store, [*made, file(f"{base}/tar-split.json.gz", stores.split_file(listed))])
    with (store / f"vfs/dir/{cache}/big").open("wb") as out:
        for _ in range(size >> 20):
            out.write(piece)

    ended = run(
        "convert", store, tmp_path / "dest.tar", "--to", "docker-archive", "--jobs", "2", "--no-sync", place=tmp_path
    )
    assert ended.status == 0, ended.stderr
    assert ended.peak < MEMORY
    assert (tmp_path / "dest.tar").stat().st_size > size


def test_a_tar_of_storage_is_to_be_unpacked(tmp_path: Path, cli_call: Call) -> None:
    for made in (
        stores.docker_storage({"corpus/app:1.0": IMAGE}),
        stores.containers_storage({"docker.io/corpus/app:1.0": IMAGE}),
        stores.containerd_storage({"docker.io/corpus/app:1.0": IMAGE}),
    ):
        (tmp_path / "store.tar").write_bytes(tar(made, style=Style.GNU))
        assert "unpack the tar" in refused(cli_call("inspect", tmp_path / "store.tar"), 1)


def test_storage_is_never_replaced(docker: Path, tmp_path: Path, cli_call: Call) -> None:
    before = sorted(path for path in docker.rglob("*"))
    archive = write_folder(tmp_path / "layout", layout(IMAGE.node()))
    line = told(cli_call("convert", archive, docker, "--to", "oci-layout", "--force"), 2).stderr
    assert "--force does not remove it" in line
    assert sorted(path for path in docker.rglob("*")) == before


def test_what_only_looks_like_storage(tmp_path: Path, cli_call: Call) -> None:
    store = write_folder(tmp_path / "store", [file("image/overlay2/x", b"")])
    assert "not an image archive" in refused(cli_call("inspect", store), 1)


def test_many_images_of_one_long_chain_of_layers(tmp_path: Path) -> None:
    store = tmp_path / "store"
    for folder in ("overlay-images", "overlay-layers"):
        (store / folder).mkdir(parents=True)
    layers = [{"id": f"l{number}", "parent": f"l{number - 1}"} for number in range(9_000)]
    images = [{"id": f"{number:064x}", "layer": "l8999", "names": [f"a{number}"]} for number in range(4_000)]
    (store / "overlay-layers" / "layers.json").write_bytes(dumped(layers))
    (store / "overlay-images" / "images.json").write_bytes(dumped(images))
    for words, status in ((("audit", "--format", "json", store), 1), (("inspect", store), 1)):
        ended = run(*words, place=tmp_path)
        assert ended.status == status, ended.stderr
        assert ended.peak < MEMORY
        assert "more than the 50000 allowed" in ended.stderr + ended.stdout.decode()
