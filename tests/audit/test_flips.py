"""One byte altered anywhere in a layer, config, manifest or index of the corpus is always found."""

import os
import random
from functools import cache
from pathlib import Path

import pytest

from tests.audit.editing import Bundle, opened
from tests.support.build import sha256
from tests.support.call import Call, Result
from tests.support.tar import flipped
from tests.support.truth import load

# Of each archive so many; a seed of one's own tries others.
FLIPS = 12
# A layer without a descriptor has its name alone to tell that its header was changed: a warning may do.
STATUS = {"crane-tarball.tar": (0, 1)}
SEED = os.environ.get("FLIPS_SEED", "0")


@cache
def named(name: str) -> tuple[str, ...]:
    """Give the members whose bytes are claimed: by a descriptor, a digest in the name, or a diff_id."""
    bundle = opened(name)
    found = [member for member, one in bundle.members.items() if one.data and is_claimed(bundle, member)]
    return tuple(dict.fromkeys([*found, *legacy(bundle)]))


def is_claimed(bundle: Bundle, member: str) -> bool:
    return sha256(bundle.members[member].data) in member


def legacy(bundle: Bundle) -> list[str]:
    """Give config and layers of a docker-archive, whatever their names."""
    if not bundle.is_tar or "manifest.json" not in bundle.members:
        return []
    entries = bundle.json("manifest.json")
    return [bundle.real(one) for entry in entries for one in (entry["Config"], *entry["Layers"])]


@pytest.mark.parametrize("name", sorted(load()))
def test_one_flipped_byte_is_found(name: str, tmp_path: Path, cli_call: Call) -> None:
    chance = random.Random(f"{SEED}{name}")  # which byte is no secret
    blobs = named(name)
    for number in range(FLIPS):
        bundle = opened(name)
        # Every blob has its turn, large and small alike; then any byte of it.
        member = blobs[number % len(blobs)] if number < len(blobs) else chance.choice(blobs)
        at, mask = chance.randrange(len(bundle.members[member].data)), 1 << chance.randrange(8)
        bundle.lie(member, flipped(bundle.members[member].data, at, mask))
        folder = tmp_path / str(number)
        folder.mkdir()
        result = cli_call("audit", "--format", "json", "--no-config", "--jobs", "1", bundle.write(folder))
        assert result.status in STATUS.get(name, (1,)), f"byte {at} of {member}, mask {mask}, seed {SEED}"
        assert named_in(result), f"byte {at} of {member}, mask {mask}, seed {SEED}"


def of_gzip(name: str) -> list[str]:
    return [one for one in named(name) if opened(name).data(one)[:2] == b"\x1f\x8b"]


@pytest.mark.parametrize("name", [name for name in sorted(load()) if of_gzip(name)])
def test_a_byte_of_a_gzip_header_is_found(name: str, tmp_path: Path, cli_call: Call) -> None:
    """The time in it changes nothing that is unpacked."""
    bundle = opened(name)
    layer = of_gzip(name)[0]
    bundle.lie(layer, flipped(bundle.data(layer), 4))
    result = cli_call("audit", "--format", "json", "--no-config", "--jobs", "1", bundle.write(tmp_path))
    assert result.status in STATUS.get(name, (1,))
    assert named_in(result)


def named_in(result: Result) -> bool:
    """Tell whether the audit found something that it does not find in the archive as it is."""
    return bool(result.rules() - {"blob-unreferenced", "sparse-index", "attestation-dangling", "media-type-mismatch"})


def test_blobs_of_every_kind_are_flipped() -> None:
    bundle = opened("buildx-oci-attested.tar")
    claimed = named("buildx-oci-attested.tar")
    assert {bundle.config, bundle.manifest, bundle.index, *bundle.layers} <= set(claimed)
    assert len(claimed) == sum(one.startswith("blobs/") and not one.endswith("/") for one in bundle.members)
    assert set(named("docker20.tar")) >= {opened("docker20.tar").config, *opened("docker20.tar").layers}
