"""What convert says of a source at fault is what the audit finds first in it, with its place, whatever DEST is."""

from pathlib import Path
from typing import Any

import pytest

from ociarchive.auditing import RULES
from ociarchive.report.shared.text import safe
from tests.audit.cases import FAILS
from tests.audit.faults import sets
from tests.audit.making import NODE, SAVED, Case, saved, without
from tests.support.build import Image, docker_archive, layer, layout
from tests.support.call import Call, Json, refused, told
from tests.support.tar import symlink

#: oci-archive takes whatever oci-layout takes.
FORMS = ("docker-archive", "oci-layout", "dir", "registry-storage")
#: Errors in what is not taken along do not stop a conversion.
NOT_TAKEN = {
    "delta-present/manifest",
    "digest-mismatch/sha512",
    "digest-mismatch/stray",
    "link-dangling/hard-that-nothing-names",
    "link-dangling/that-nothing-names",
    "link-escapes/that-nothing-names",
    "link-escapes/with-a-member-below",
    "link-loop/that-nothing-names",
    "registry-link-dangling/revision",
}
#: Lost parts are made again, or named together in one sentence: tests of parts have each.
OF_PARTS = {"part-mismatch", "part-missing"}
#: An engine's storage gives the images that it has; the others are left out, each with an error.
LEFT_OUT = {"store-name-dangling/docker"}
#: The audit names both links first, of which nothing is known to need the one.
ANOTHER_FIRST = {"link-escapes/through-a-folder"}
SEVERITY = {rule.id: rule.severity for rule in RULES}


def rows() -> list[Any]:
    return [
        pytest.param(f"{rule}/{name}", case, id=f"{rule}-{name}")
        for rule, named in FAILS.items()
        for name, case in named.items()
        if rule not in OF_PARTS
        if not case.selector and not case.options and case.receipt is None and case.have is None and case.key is None
        if any(SEVERITY[one] == "error" for one in (rule, *case.also))
    ]


def errors(path: Path, call: Call) -> list[Json]:
    found = call("audit", "--format", "json", "--no-config", "--jobs", "1", path).archive()["findings"]
    return [one for one in found if one["severity"] == "error"]


@pytest.mark.parametrize(("name", "case"), rows())
def test_the_cause_is_what_the_audit_finds(name: str, case: Case, tmp_path: Path, cli_call: Call) -> None:
    path = case.write(tmp_path)
    found = errors(path, cli_call)
    assert found
    wanted = found if name in ANOTHER_FIRST else found[:1]
    for form in FORMS:
        dest = tmp_path / form
        named = ("--tag", "corpus/app:1") if form == "registry-storage" else ()
        result = cli_call("convert", path, dest, "--to", form, "--no-sync", "--jobs", "1", *named)
        if name in NOT_TAKEN:
            told(result)
            continue
        line = refused(result, 1, None if name in LEFT_OUT else dest)
        assert dest.exists() == line.startswith("error: left out: ") == (name in LEFT_OUT), line
        assert any(_cause(one) in line and line.endswith(f"({safe(one['location'])})") for one in wanted), (
            f"{form}: {line}\n{found}"
        )


def _cause(finding: Json) -> str:
    """Give what an error begins with; a finding has the way out behind it, an error at its end."""
    message: str = finding["message"]
    return safe(message.partition(", ")[0] if finding["rule"] == "not-an-archive" else message)


def test_what_a_format_cannot_hold_is_said_with_its_place(tmp_path: Path, cli_call: Call) -> None:
    (case,) = (FAILS["layers-empty"]["artifact"],)
    path = case.write(tmp_path)
    line = refused(cli_call("convert", path, tmp_path / "dest", "--to", "docker-archive"), 1, tmp_path / "dest")
    assert "there are artifacts alone and no image, which no docker-archive can hold" in line
    assert "--to oci-archive" in line
    assert f"({path}: blobs/sha256/" in line


def test_layers_without_a_name_are_told_one_by_one(tmp_path: Path, cli_call: Call) -> None:
    case = Case(content=saved(sets("0/Layers", ["", SAVED.layers[0], ""])))
    found = errors(case.write(tmp_path), cli_call)
    where = f"{tmp_path / 'archive'}: manifest.json#/0/Layers"
    assert [(one["rule"], one["location"], one["found"]) for one in found] == [
        ("schema", f"{where}/0", "an empty string"),
        ("schema", f"{where}/2", "an empty string"),
    ]
    line = refused(cli_call("convert", tmp_path / "archive", tmp_path / "d", "--to", "oci-layout"), 1, tmp_path / "d")
    assert f"({where}/0)" in line


def test_a_link_is_the_cause_however_its_layer_is_spelled(tmp_path: Path, cli_call: Call) -> None:
    first = SAVED.layers[0]
    members = [*without(saved(sets("0/Layers/0", f"./{first}")), first), symlink(first, "../../etc/passwd")]
    path = Case(content=members).write(tmp_path)
    line = refused(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout"), 1, tmp_path / "dest")
    assert line.endswith(f"link leads out of the archive ({path}: {first})")


def test_an_archive_with_nothing_in_it_says_the_error_and_not_a_warning(tmp_path: Path, cli_call: Call) -> None:
    members = [one for one in layout(NODE) if one.name != "index.json"]
    path = Case(content=[symlink("x", "nothing"), *members]).write(tmp_path)
    (first, *_) = errors(path, cli_call)
    line = refused(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout"), 1, tmp_path / "dest")
    assert first["location"] in line


def test_warnings_that_the_source_had_are_told_once(tmp_path: Path, cli_call: Call) -> None:
    image = Image(layers=[layer({"a": b"a"})], config_members={"os": ""})
    path = Case(content=docker_archive_of(image)).write(tmp_path)
    result = told(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout", "--no-sync"))
    lines = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert lines
    assert len(lines) == len({line.partition(" (")[0] for line in lines}), result.stderr


def docker_archive_of(image: Image) -> list[Any]:
    return docker_archive(type(SAVED)(image=image))
