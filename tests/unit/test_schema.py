"""What documents need, member by member: where a fault is, what was expected there and what was found."""

import pytest

from ociarchive.schema.manifests import index_problems, manifest_problems
from ociarchive.schema.platform_members import required_problems
from ociarchive.schema.required import Malformed, diff_ids_in
from ociarchive.values import JSON
from tests.support.build import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, digest

Members = dict[str, JSON]
GOOD: Members = {"mediaType": OCI_LAYER, "digest": digest(b""), "size": 0}
ODD: Members = {**GOOD, "mediaType": "no media type"}
DIFF_ID = digest(b"layer")


# rootfs of a config; what is said, and what stands in its place
ROOTFS: list[tuple[JSON, str, str]] = [
    (None, "rootfs is not there", "null"),
    ([], "rootfs has the wrong type", "an array"),
    ({}, "type of rootfs is not there", "nothing"),
    ({"type": None}, "type of rootfs is not there", "null"),
    ({"type": "layer"}, "type of rootfs has the wrong value", "'layer'"),
    ({"type": ""}, "type of rootfs has the wrong value", "an empty string"),
    ({"type": "layers", "diff_ids": {}}, "diff_ids has the wrong type", "an object"),
    ({"type": "layers", "diff_ids": ""}, "diff_ids has the wrong type", "a string"),
]


@pytest.mark.parametrize(("rootfs", "message", "found"), ROOTFS)
def test_a_rootfs_that_says_no_diff_ids(rootfs: JSON, message: str, found: str) -> None:
    with pytest.raises(Malformed, match=message) as caught:
        diff_ids_in({"rootfs": rootfs})
    assert caught.value.found == found


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_diff_id_that_is_no_digest_has_its_place(number: int) -> None:
    listed: list[JSON] = [DIFF_ID, DIFF_ID, DIFF_ID]
    listed[number] = "sha256:0"
    with pytest.raises(Malformed, match="a diff_id is no digest") as caught:
        diff_ids_in({"rootfs": {"type": "layers", "diff_ids": listed}})
    assert (caught.value.pointer, caught.value.rule) == (f"/rootfs/diff_ids/{number}", "digest-malformed")


def test_diff_ids() -> None:
    assert list(map(str, diff_ids_in({"rootfs": {"type": "layers", "diff_ids": [DIFF_ID, DIFF_ID]}}))) == [DIFF_ID] * 2
    assert diff_ids_in({"rootfs": {"type": "layers"}}) == ()
    assert diff_ids_in({"rootfs": {"type": "layers", "diff_ids": None}}) == ()


# which of os and architecture are empty, what is said of a platform
EMPTY = [
    ({"os": ""}, "os of a platform is empty"),
    ({"architecture": ""}, "architecture of a platform is empty"),
    ({"os": "", "architecture": ""}, " of a platform are empty"),
    ({}, None),
]


@pytest.mark.parametrize(("members", "message"), EMPTY)
def test_an_empty_platform(members: Members, message: str | None) -> None:
    given: Members = {"os": "linux", "architecture": "amd64", **members}
    found = [one.message for one in required_problems(given, "/platform", "a platform", "platform-malformed")]
    assert len(found) == (message is not None)
    assert all(one.endswith(str(message)) for one in found)


def test_every_descriptor_of_a_manifest_is_looked_at() -> None:
    manifest: Members = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {**GOOD, "mediaType": OCI_CONFIG},
        "layers": [GOOD, GOOD],
    }
    assert list(manifest_problems(manifest)) == []
    changes: dict[str, Members] = {
        "/config/mediaType": {"config": ODD},
        "/layers/0/mediaType": {"layers": [ODD, GOOD]},
        "/layers/1/mediaType": {"layers": [GOOD, ODD]},
        "/subject/mediaType": {"subject": ODD},
    }
    for pointer, changed in changes.items():
        assert [one.pointer for one in manifest_problems({**manifest, **changed})] == [pointer]


def test_every_descriptor_of_an_index_is_looked_at() -> None:
    index: Members = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [GOOD, GOOD]}
    assert list(index_problems(index)) == []
    changes: dict[str, Members] = {
        "/manifests/0/mediaType": {"manifests": [ODD, GOOD]},
        "/manifests/1/mediaType": {"manifests": [GOOD, ODD]},
        "/subject/mediaType": {"subject": ODD},
    }
    for pointer, changed in changes.items():
        assert [one.pointer for one in index_problems({**index, **changed})] == [pointer]
    assert list(index_problems({**index, "manifests": None})) == []
