"""An index that is made of archives goes into a registry without a file between, and grows there."""

from pathlib import Path

import pytest

from tests.support import build
from tests.support.call import Call, refused, told
from tests.support.registry import Registry
from tests.support.tar import write_tar

pytestmark = pytest.mark.usefixtures("pauses")
PLATFORMS = (build.AMD64, build.ARM64, build.Platform(os="linux", architecture="arm", variant="v7"))
NODES = [build.Image(layers=[build.layer({"a": b"a"}, "gzip")], platform=one).node() for one in PLATFORMS]


def test_an_index_of_two_archives_is_pushed_and_gets_a_third_platform(tmp_path: Path, cli_call: Call) -> None:
    paths = [write_tar(tmp_path / f"{number}.tar", build.layout(node)) for number, node in enumerate(NODES)]
    with Registry() as registry:
        dest = f"docker://{registry.address}/corpus/app:1.0"
        assert "--tag has no use" in refused(cli_call("index", "create", *paths[:2], dest, "--tag", "app:1.0"), 2)
        told(cli_call("index", "create", *paths[:2], dest))
        told(cli_call("index", "create", paths[2], dest, "--add"))
        found = told(cli_call("inspect", "--format", "json", dest)).archive()
    assert [one["manifest"] for one in found["images"]] == [node.digest for node in NODES]
    assert {name for one in found["images"] for name in one["references"]} == {f"{registry.address}/corpus/app:1.0"}
