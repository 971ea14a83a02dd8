"""A delta and its base are the whole, for any pair of archives, any format and any compression."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.support.build import Image, Layer, Saved, docker_archive, layer, layout
from tests.support.call import Call, told
from tests.support.shelf import read as files_of
from tests.support.strategies import CODECS, CONTENTS
from tests.support.tar import write_folder, write_tar

COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
#: Few contents, so that two images often share layers, at the same place or at another.
STACKS = st.lists(st.builds(layer, st.sampled_from(CONTENTS[:4]), st.sampled_from(CODECS)), min_size=1, max_size=4)
PLAIN = st.lists(st.builds(layer, st.sampled_from(CONTENTS[:4])), min_size=1, max_size=4)
FORMS = st.sampled_from(("docker-archive", "oci-layout", "oci-archive"))
COMPRESSIONS = st.sampled_from(("auto", "gzip", "zstd", "none"))


def written(path: Path, stack: list[Layer], name: str, *, saved: bool, folder: bool) -> Path:
    """Write an image as a layout, or as `docker save` did before version 25."""
    image = Image(layers=stack, config_members={"author": name})
    if saved:
        write_tar(path, docker_archive(Saved(image=image, tags=[f"corpus/{name}:1"])))
    else:
        write = write_folder if folder else write_tar
        write(path, layout(image.node().named(f"docker.io/corpus/{name}:1")))
    return path


@settings(COMMON, max_examples=5)
@given(
    stacks=st.tuples(STACKS | PLAIN, STACKS | PLAIN),
    form=FORMS,
    compression=COMPRESSIONS,
    flags=st.tuples(*[st.booleans()] * 4),
)
def test_a_delta_and_its_base_are_the_whole(
    stacks: tuple[list[Layer], list[Layer]],
    form: str,
    compression: str,
    flags: tuple[bool, bool, bool, bool],
    tmp_path: Path,
    cli_call: Call,
) -> None:
    before, after = stacks
    listed, folder, *tarred = flags
    saved = [yes and all(one.codec == "none" for one in stack) for yes, stack in zip(tarred, stacks, strict=True)]
    with TemporaryDirectory(dir=tmp_path) as name:
        place = Path(name)
        there = written(place / "there", before, "old", saved=saved[0], folder=folder)
        new = written(place / "new", after, "new", saved=saved[1], folder=not folder)
        delta, whole, joined, have = (place / one for one in ("delta", "whole", "joined", "have.json"))
        told(cli_call("inventory", there, "--output", have))
        how = ("--to", form, "--compression", compression, "--no-sync")
        told(cli_call("convert", new, delta, *how, "--have", have if listed else there))
        told(cli_call("convert", new, whole, *how))
        held = files_of(delta)
        gone = json.loads(held["delta.json"])["left_out"] if "delta.json" in held else []
        event(f"{len(gone)} left out")

        assert not {f"blobs/{one['digest'].replace(':', '/')}" for one in gone} & held.keys()
        assert not {f"blobs/{one.digest.replace(':', '/')}" for one in before} & held.keys()
        told(cli_call("audit", delta))
        told(cli_call("audit", delta, "--have", have))
        told(cli_call("audit", delta, "--base", there))
        told(cli_call("convert", delta, joined, "--to", form, "--base", there, "--no-sync"))
        told(cli_call("audit", joined))
        assert "delta.json" not in files_of(joined)
        told(cli_call("diff", joined, whole))
        if not any("by" in one for one in gone):
            assert files_of(joined)["index.json"] == held["index.json"]
