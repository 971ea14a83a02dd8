"""Names lose their hosts in a registry's storage, which has none in its paths: each host that is lost is told once."""

from pathlib import Path

import pytest

from tests.support import build
from tests.support.build import Image, layer
from tests.support.call import Call, told
from tests.support.tar import write_tar

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
