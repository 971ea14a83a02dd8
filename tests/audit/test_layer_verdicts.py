"""What is said of layers that are no whole tar: never that every claim holds; convert takes none that is cut."""

import json
from pathlib import Path

import pytest

from tests.audit.cases import FAILS, GARBLED, HELD, of_tars
from tests.support.build import Image, layout, packed
from tests.support.call import Call, told
from tests.support.tar import BLOCK, Member, write_tar

CUT = of_tars(HELD[: BLOCK + 600])


@pytest.mark.parametrize("content", [CUT, of_tars(GARBLED), layout(Image(layers=[packed(b"t" * 600, "gzip")]).node())])
def test_the_verdict_is_not_that_every_claim_holds(content: list[Member], tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "archive", content)
    result = cli_call("audit", "--no-config", path)
    assert "every claim holds" not in result.stdout
    assert "0 of 1 layer proved" in result.stdout
    found = json.loads(cli_call("inspect", "--verify", "--format", "json", path).stdout)
    assert '"verified": true' not in json.dumps(found)


def test_convert_names_the_layer_and_the_byte(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "archive", CUT)
    result = cli_call("convert", path, tmp_path / "out", "--to", "oci-layout")
    told(result, 1)
    assert "layer 1, byte 1112 of what it unpacks to: the tar is cut short inside the member 'held'" in result.stderr
    assert not (tmp_path / "out").exists()


def test_convert_tells_of_a_link_to_nothing(tmp_path: Path, cli_call: Call) -> None:
    path = FAILS["layer-link-dangling"]["nowhere"].write(tmp_path)
    result = cli_call("convert", path, tmp_path / "out", "--to", "oci-layout")
    told(result, 0)
    assert "layer-link-dangling" in result.stderr
