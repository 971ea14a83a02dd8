"""One spelling for one platform: what two images must have in common to be of the same."""

import pytest

from ociarchive.values import JSON, Platform


def platform(text: str, version: str | None = None, *features: str) -> Platform:
    made = Platform.parse(text)
    return Platform(
        os=made.os, architecture=made.architecture, variant=made.variant, os_version=version, os_features=features
    )


# one spelling: all that are it
USUAL = {
    "linux/amd64": [platform("linux/amd64")],
    "linux/amd64/v2": [platform("linux/amd64/v2")],
    "linux/arm64": [platform("linux/arm64"), platform("linux/arm64/v8")],
    "linux/arm64/v9": [platform("linux/arm64/v9")],
    "linux/arm": [platform("linux/arm"), platform("linux/arm/v7")],
    "linux/arm/v6": [platform("linux/arm/v6")],
    "linux/amd64/v8": [platform("linux/amd64/v8")],
    "windows/amd64/10.0.17763.1": [platform("windows/amd64", "10.0.17763.1")],
    "windows/amd64/10.0.20348.1": [platform("windows/amd64", "10.0.20348.1", "win32k")],
    "windows/arm64/10.0.1": [platform("windows/arm64/v8", "10.0.1"), platform("windows/arm64", "10.0.1")],
}


def test_features_are_few_short_words() -> None:
    listed: list[JSON] = ["win32k", 1, "x" * 513, *(f"f{number}" for number in range(20))]
    made = Platform.of({"os": "windows", "architecture": "amd64", "os.features": listed})
    assert made is not None
    assert made.os_features == ("win32k", *(f"f{number}" for number in range(13)))


@pytest.mark.parametrize("usual", USUAL)
def test_usual(usual: str) -> None:
    assert {one.usual for one in USUAL[usual]} == {usual}


# wanted, what an image has, whether it fits
FITS = [
    ("linux/amd64", "linux/amd64", True),
    ("linux/amd64", "linux/amd64/v3", True),
    ("linux/amd64", "windows/amd64", False),
    ("linux/amd64", "linux/arm64", False),
    ("linux/amd64/v3", "linux/amd64", False),
    ("linux/arm64/v8", "linux/arm64", True),
    ("linux/arm64/v9", "linux/arm64", False),
    ("linux/arm/v7", "linux/arm", True),
    ("linux/arm/v6", "linux/arm", False),
    ("linux/arm/v6", "linux/arm/v6", True),
]


@pytest.mark.parametrize(("wanted", "has", "fits"), FITS)
def test_fits(wanted: str, has: str, fits: bool) -> None:
    assert platform(has).fits(platform(wanted)) is fits


@pytest.mark.parametrize(
    ("listed", "kept"), [(["win32k"], 1), (["a"] * 16, 16), (["a"] * 101, 16), (["a" * 513, "b"], 1)]
)
def test_features_are_as_many_as_a_platform_can_have(listed: list[str], kept: int) -> None:
    found = Platform.of({"os": "windows", "architecture": "amd64", "os.features": listed})  # type: ignore[dict-item]
    assert found is not None
    assert len(found.os_features) == kept
