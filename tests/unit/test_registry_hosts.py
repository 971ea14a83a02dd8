"""Names lose their hosts in a registry's storage, which has none in its paths: each host that is lost is told once.

Who reads the folder may say which host they had.
"""

from pathlib import Path

import pytest

import ociarchive
from ociarchive.errors import UsageError
from tests.support import build
from tests.support.build import Image, layer
from tests.support.call import Call, refused, told
from tests.support.tar import write_tar
from tests.support.truth import CORPUS

# names of images, the hosts that are told
HOSTS: list[tuple[list[str], list[str]]] = [
    (["docker.io/corpus/a:1"], []),
    (["registry.example.org/corpus/a:1"], ["registry.example.org"]),
    (["registry.example.org:5000/a:1", "docker.io/corpus/b:1"], ["registry.example.org:5000"]),
    (["b.example.org/a:1", "a.example.org/b:1", "b.example.org/c:1"], ["a.example.org", "b.example.org"]),
]


@pytest.mark.parametrize(("names", "hosts"), HOSTS)
def test_hosts_are_told(names: list[str], hosts: list[str], tmp_path: Path, cli_call: Call) -> None:
    roots = [
        Image(layers=[layer({"a": b"a"}, "gzip")], config_members={"author": name}).node().named(name) for name in names
    ]
    path = write_tar(tmp_path / "source.tar", build.layout(*roots))
    result = told(cli_call("convert", path, tmp_path / "dest", "--to", "registry-storage", "--no-sync"))
    lines = [line.removeprefix("notice: ") for line in result.stderr.splitlines()]
    assert [line for line in lines if line.startswith("host ")] == [
        f"host {host}: a registry has none in its paths" for host in hosts
    ]


REGISTRY = CORPUS / "registry-data"
HOST = "registry.example.org:5000"
NAME = f"{HOST}/corpus/app:1.0"


def stored(folder: Path, call: Call, *names: str) -> Path:
    roots = [Image(layers=[layer({"a": b"a"}, "gzip")]).node().named(name) for name in names]
    path = write_tar(folder / "made.tar", build.layout(*roots))
    told(call("convert", path, folder / "registry", "--to", "registry-storage", "--no-sync"))
    return folder / "registry"


def references(call: Call, path: Path, *options: str) -> list[str]:
    found = told(call("inspect", "--format", "json", path, *options)).archive()
    return sorted(name for one in found["images"] for name in one["references"])


def test_the_host_is_what_the_call_says(tmp_path: Path, cli_call: Call) -> None:
    path = stored(tmp_path, cli_call, "r.example/app:1", "r.example/library/app:2", "r.example/a/b.c:3")
    wanted = ["r.example/a/b.c:3", "r.example/app:1", "r.example/library/app:2"]
    assert references(cli_call, path, "--host", "r.example") == wanted
    default = ["docker.io/a/b.c:3", "docker.io/library/app:1", "docker.io/library/app:2"]
    assert references(cli_call, path) == references(cli_call, path, "--host", "docker.io") == default
    with ociarchive.open_archive(path, host="localhost") as archive:
        assert {root.label for root in archive.roots} == {name.replace("r.example", "localhost") for name in wanted}


def test_every_command_that_reads_takes_the_host(tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    given = ("--host", HOST)
    told(cli_call("convert", f"{REGISTRY}#{NAME}", dest, "--to", "oci-layout", "--no-sync", *given))
    assert references(cli_call, dest) == [NAME]
    found = cli_call("audit", "--format", "json", REGISTRY, *given, "--only", "digest-mismatch").archive()
    assert NAME in {name for one in found["images"] for name in one["references"]}
    told(cli_call("diff", f"{REGISTRY}#{NAME}", dest, *given))
    assert ociarchive.audit(REGISTRY, host=HOST, images=[NAME]).images == 6
    with ociarchive.open_archive(REGISTRY, host=HOST) as archive:
        assert NAME in {root.label for root in archive.roots}


def test_names_with_the_host_of_the_call_are_compared_in_full(tmp_path: Path, cli_call: Call) -> None:
    path = stored(tmp_path, cli_call, "r.example/corpus/app:1")
    made = tmp_path / "made.tar"
    told(cli_call("diff", path, made))
    told(cli_call("diff", path, made, "--host", "r.example"))
    told(cli_call("diff", path, made, "--host", "s.example"), 1)


@pytest.mark.parametrize("host", ["registry", "r.example/x", "", "r example", "http://r.example", "r.example:5000:1"])
def test_what_is_no_host(host: str, tmp_path: Path, cli_call: Call) -> None:
    dest = tmp_path / "dest"
    for call in (("convert", REGISTRY, dest, "--to", "oci-layout"), ("audit", REGISTRY), ("inspect", REGISTRY)):
        line = refused(cli_call(*call, "--host", host), 2, dest)
        assert "--host takes a registry's host" in line
    with pytest.raises(UsageError, match="--host takes"):
        ociarchive.diff(REGISTRY, REGISTRY, host=host)


def test_a_host_for_names_that_have_one_is_refused(tmp_path: Path, cli_call: Call) -> None:
    made, dest = CORPUS / "docker26.tar", tmp_path / "dest"
    for call in (("convert", made, dest, "--to", "oci-layout"), ("diff", made, made)):
        assert "no SOURCE is one: found docker-archive" in refused(cli_call(*call, "--host", HOST), 2, dest)
