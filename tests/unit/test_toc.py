"""Tables of contents in layers: footers that say more than annotations, and places that another's fault hides."""

import struct
from collections.abc import Callable, Sequence

import pytest

from ociarchive.blobio.limits import Limits
from ociarchive.blobio.source import Bytes
from ociarchive.toc.check import check
from ociarchive.values import Descriptor
from tests.audit.tables import SPLIT, chunked, estargz
from tests.support.build import Image, Json

#: Seven numbers of 64 bits, the last three of the tar-split data, and the magic.
NUMBERS = struct.Struct("<7Q")
FOOTER = NUMBERS.size + 8


def told_of(image: Image, stored: bytes | None = None, split: str | None = None) -> list[tuple[str, str]]:
    """Give the rules and messages of a check of the image's one layer, perhaps stored otherwise than it says."""
    (layer,) = image.layers
    described = layer.descriptor("oci")
    if split is not None:
        described["annotations"] = {**described["annotations"], SPLIT: split}
    source = Bytes(layer.stored if stored is None else stored, "layer")
    return [(one.rule, one.message) for one in check(Descriptor.parse(described), source, len(layer.plain), Limits())]


class Computed:
    """A layer that gives no part of its bytes, and does not know how many it has."""

    size = None
    where = "layer"

    def __init__(self, stored: bytes) -> None:
        self.chunks = Bytes(stored, "layer").chunks
        self.head = Bytes(stored, "layer").head


@pytest.mark.parametrize("kind", [chunked, estargz])
def test_tables_of_computed_layers_are_compared_too(kind: Callable[[], Image]) -> None:
    (layer,) = kind().layers
    described = Descriptor.parse(layer.descriptor("oci"))
    assert check(described, Computed(layer.stored), len(layer.plain), Limits()) == []
    damaged = layer.stored[:-1]
    found = check(described, Computed(damaged), len(layer.plain), Limits())
    assert found == check(described, Bytes(damaged, "layer"), len(layer.plain), Limits()) != []


def footed(stored: bytes, numbers: Sequence[int]) -> bytes:
    return stored[:-FOOTER] + NUMBERS.pack(*numbers) + stored[-8:]


ANOTHER_PLACE = [("toc-annotation", "the layer's footer says another place of its tar-split data")]
# name: what the footer says of the tar-split data, by what is true, and what is told
SPLITS: dict[str, tuple[tuple[int, int, int], bool]] = {
    "true": ((0, 0, 0), True),
    "another-offset": ((1, 0, 0), False),
    "another-size": ((0, 1, 0), False),
    "another-unpacked-size": ((0, 0, 1), False),
}


@pytest.mark.parametrize("name", SPLITS)
def test_the_footers_place_of_the_tar_split_data(name: str) -> None:
    added, true = SPLITS[name]
    image = chunked()
    stored = image.layers[0].stored
    numbers = NUMBERS.unpack(stored[-FOOTER:-8])
    changed = [*numbers[:4], *(number + more for number, more in zip(numbers[4:], added, strict=True))]
    assert told_of(image, footed(stored, changed)) == ([] if true else ANOTHER_PLACE)


def test_a_footer_that_says_nothing_of_tar_split_data() -> None:
    """c/storage writes zeros where it has none to tell of."""
    image = chunked()
    stored = image.layers[0].stored
    assert told_of(image, footed(stored, [*NUMBERS.unpack(stored[-FOOTER:-8])[:4], 0, 0, 0])) == []


def test_a_place_of_tar_split_data_that_the_footer_does_not_say() -> None:
    image = chunked()
    here = ":".join(map(str, NUMBERS.unpack(image.layers[0].stored[-FOOTER:-8])[4:]))
    assert told_of(image, split=here) == []
    offset, _, rest = here.partition(":")
    assert told_of(image, split=f"{int(offset) - 1}:{rest}") == ANOTHER_PLACE


@pytest.mark.parametrize("by", [-1, 1, 4, 60])
@pytest.mark.parametrize("name", ["bin/app", "etc/name"])
def test_where_a_file_ends_is_compared_too(name: str, by: int) -> None:
    """Engines fetch all bytes up to there: fewer are too few, and more are those of other members."""

    def change(entries: list[Json]) -> None:
        next(one for one in entries if one["name"] == name)["endOffset"] += by

    ((rule, message),) = told_of(chunked(change))
    assert rule == "toc-chunk"
    assert message.startswith(f"'{name}' does not fill bytes ")


def moved(entries: list[Json], by: int) -> None:
    """Let the table say of the last file that it stands inside what is stored of the one before."""
    parts = [one["offset"] for one in entries if one["name"] == "bin/app"]
    next(one for one in entries if one["name"] == "etc/name")["offset"] = parts[0] + by


@pytest.mark.parametrize("by", [1, 5, 11])
def test_a_wrong_place_is_told_of_the_file_that_has_it_alone(by: int) -> None:
    """The file before ends, as far as the table says, where the next begins; one wrong place is no fault of it."""
    found = told_of(estargz(lambda entries: moved(entries, by)))
    assert [rule for rule, _ in found] == ["toc-chunk"]
    assert "'etc/name' does not stand at byte" in found[0][1]
