"""Every archive of the corpus against what it was converted into: the same images, however packed."""

from dataclasses import astuple, dataclass
from pathlib import Path

import pytest

from ociarchive.formats import written
from tests.support import truth as truths
from tests.support.call import Call, Json, told

TRUTHS = truths.load()
COMPRESSIONS = ("keep", "gzip", "zstd", "none")
FORMS = written()


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    form: str
    compression: str
    selected: str = ""

    @property
    def true(self) -> truths.Truth:
        return TRUTHS[self.name]

    @property
    def options(self) -> list[str]:
        """Without these the conversion does not exist, or loses what the comparison then has to tell."""
        docker = self.compression == "zstd" and truths.uses_docker_types(self.true.path)
        options = ["--media-types", "oci"] if docker else []
        named = all(one.references or one.ref_names for one in self.true.images)
        if self.form == "registry-storage" and not named:
            options += ["--tag", "docker.io/corpus/app:1.0"]
        return options


def cases() -> list[Case]:
    found: list[Case] = []
    for name, true in TRUTHS.items():
        names = sorted(frozenset[str]().union(*(one.references | one.ref_names for one in true.images)))
        if true.missing or not true.images:
            continue
        artifacts = any(one.kind == "artifact" for one in true.others)
        for number, form in enumerate(FORMS, len(found)):
            compression = COMPRESSIONS[number % len(COMPRESSIONS)]  # all by turns
            # A `dir` holds one image or index, a registry's storage nothing whose name is no full one.
            alone = form == "dir" and (len({one.references | one.ref_names for one in true.images}) > 1 or artifacts)
            bare = form == "registry-storage" and any(not one.references for one in true.images)
            selections = names if alone or bare else [""]
            found.extend(Case(name, form, compression, selected) for selected in selections)
    return found


@pytest.mark.parametrize("case", [pytest.param(one, id="-".join(filter(None, astuple(one)))) for one in cases()])
def test_conversions_are_no_difference(case: Case, tmp_path: Path, cli_call: Call) -> None:
    source, dest = case.true.path, tmp_path / "dest"
    options = list(case.options)
    if case.form == "registry-storage" and case.selected and "--tag" not in options:
        options += ["--tag", "docker.io/corpus/app:1.0"]
    select = ["--image", case.selected] if case.selected else []
    asked_for = ("--to", case.form, "--compression", case.compression, *options, *select)
    told(cli_call("convert", source, dest, *asked_for, "--no-audit", "--no-sync"))
    asked = f"{source}#{case.selected}" if case.selected else str(source)
    found = told(cli_call("diff", asked, dest, "--format", "json")).json()
    check(found)
    check(told(cli_call("diff", dest, asked, "--format", "json")).json())


def check(found: Json) -> None:
    assert found["same"]
    assert found["verdict"].startswith("SAME: both hold the same ")
    for side in ("old", "new"):
        assert found[side]["proved"] == found[side]["layers"]
    for pair in found["images"]:
        assert pair["kind"] == "same"
        assert pair["old"]["image_id"] == pair["new"]["image_id"]
        assert {layer["kind"] for layer in pair["layers"]} <= {"same"}
        assert pair["config"] == []


@pytest.mark.parametrize("name", TRUTHS)
def test_an_archive_is_the_same_as_itself(name: str, cli_call: Call) -> None:
    path = TRUTHS[name].path
    result = told(cli_call("diff", path, path))
    assert result.stdout.startswith("SAME: both hold the same ")
    assert result.stderr == ""
    assert max(map(len, result.stdout.splitlines())) <= 80
