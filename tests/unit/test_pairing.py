"""The order of couples: the old archive's, then by name, whatever the order in which sets give their members."""

from collections.abc import Sequence
from typing import Any, cast

from ociarchive.comparison.pairing import Couple, couples
from ociarchive.comparison.units import Unit
from ociarchive.values import Platform


def unit(image_id: str, *names: str, platform: str = "linux/amd64") -> Unit:
    one = Unit(image=cast("Any", None), image_id=image_id, platform=Platform.parse(platform))
    one.ref_names.update(dict.fromkeys(names))
    return one


def shown(found: Sequence[Couple]) -> list[str]:
    return [f"{one.old.image_id if one.old else '-'}={one.new.image_id if one.new else '-'} {one.by}" for one in found]


NAMES = [f"name-{letter}" for letter in "hgfedcba"]


def test_an_image_whose_names_went_to_many_comes_with_them_by_name() -> None:
    found = couples([unit("X", *NAMES)], [unit(f"Y-{name}", name) for name in NAMES])
    assert shown(found) == [f"X=Y-{name} name" for name in sorted(NAMES)]


def test_couples_stand_in_the_order_of_the_old_archive_however_they_were_found() -> None:
    old = [unit("C"), unit("B", "left"), unit("A", "kept"), unit("D"), unit("E", "also-kept")]
    new = [unit("Z"), unit("D", "elsewhere"), unit("E2", "also-kept"), unit("A2", "kept"), unit("C", "other")]
    assert shown(couples(old, new)) == [
        "C=C image id", "B=- alone", "A=A2 name", "D=D image id", "E=E2 name", "-=Z alone",
    ]  # fmt: skip


def test_the_same_image_is_paired_before_others_of_its_platform() -> None:
    old = [unit("X", "a"), unit("Y", "a")]
    new = [unit("Y", "a"), unit("Z", "a")]
    assert shown(couples(old, new)) == ["X=Z name", "Y=Y name"]


def test_a_windows_image_is_paired_with_that_of_its_version() -> None:
    def windows(image_id: str, version: str) -> Unit:
        one = unit(image_id, "a")
        one.platform = Platform(os="windows", architecture="amd64", os_version=version)
        return one

    old = [windows("X1", "10.0.1"), windows("X2", "10.0.2")]
    new = [windows("Y2", "10.0.2"), windows("Y1", "10.0.1")]
    assert shown(couples(old, new)) == ["X1=Y1 name", "X2=Y2 name"]
