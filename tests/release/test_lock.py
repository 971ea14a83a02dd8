"""The pinned requirements fit what pyproject.toml asks for, and every one has hashes."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release.wheels import PYTHONS, REQUIREMENTS, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
CI = ROOT / ".ci" / "requirements.txt"


def pinned(path: Path) -> list[tuple[Requirement, int]]:
    """Give each pinned requirement, and how many hashes it has."""
    entries = re.split(r"\n(?=[a-zA-Z])", re.sub(r"(?m)^\s*#.*\n", "", path.read_text()).strip())
    return [(Requirement(entry.split("\\\n")[0].strip()), entry.count("--hash=sha256:")) for entry in entries]


@pytest.mark.parametrize("path", [REQUIREMENTS, CI], ids=["release", "ci"])
def test_everything_is_pinned_with_hashes(path: Path) -> None:
    entries = pinned(path)
    assert len(entries) >= 10
    for one, hashes in entries:
        assert re.fullmatch(r"==[^*]+", str(one.specifier)), one
        assert hashes, one


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    ("path", "asked"),
    [
        pytest.param(REQUIREMENTS, PROJECT["dependencies"], id="release"),
        pytest.param(CI, [*PROJECT["dependencies"], *EXTRAS["test"], *EXTRAS["docs"]], id="ci"),
    ],
)
def test_what_is_asked_for_is_pinned_once(path: Path, asked: list[str], python: str) -> None:
    environment = {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": "linux"}
    here = [one for one, _ in pinned(path) if one.marker is None or fits(one.marker, environment)]
    names = [canonicalize_name(one.name) for one in here]
    assert len(names) == len(set(names))
    versions = {canonicalize_name(one.name): next(iter(one.specifier)).version for one in here}
    for text in asked:
        one = Requirement(text)
        name = canonicalize_name(one.name)
        assert name in versions, f"{text}: run release/lock"
        assert one.specifier.contains(versions[name]), f"{text}, pinned {versions[name]}: run release/lock"


def fits(marker: Marker, environment: dict[str, str]) -> bool:
    return marker.evaluate(environment)


def test_ci_tests_what_is_shipped() -> None:
    tested = {(one.name, str(one.specifier)) for one, _ in pinned(CI)}
    assert {(one.name, str(one.specifier)) for one, _ in pinned(REQUIREMENTS)} <= tested


def test_no_index_is_named() -> None:
    for path in (REQUIREMENTS, CI):
        assert "index-url" not in path.read_text()
        assert "://" not in path.read_text()
