"""The pages of docs/: their programs print what they say, their tables are those of the code, their picture is one."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib import import_module
from pathlib import Path

import click
import pytest

import ociarchive
from ociarchive.cli.app import COMMANDS
from tests.support import forking, schemas_doc
from tests.support.readme import ROOT

PAGES = sorted((ROOT / "docs").rglob("*.md"))
ROOTED = [path for path in sorted(ROOT.glob("*.md")) if path.name != "CHANGELOG.md"]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
BLOCKS = [
    pytest.param(code, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, code in enumerate(PYTHON.findall(page.read_text()), 1)
]
SAYS = re.compile(r"^(?:.*print\(.*\)  )?# (.*)$", re.MULTILINE)


@pytest.mark.parametrize("code", BLOCKS)
def test_a_program_prints_what_stands_behind_it(code: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    shutil.copy(ROOT / "LICENSE", tmp_path)
    status, out, err = forking.shared().piped([], env=os.environ, cwd=str(tmp_path), code=code)
    assert (status, err) == (0, b"")
    assert out.decode().splitlines() == SAYS.findall(code)


def test_a_type_checker_takes_the_programs_of_the_pages(tmp_path: Path) -> None:
    for page in (ROOT / "README.md", *PAGES):
        for number, code in enumerate(PYTHON.findall(page.read_text())):
            (tmp_path / f"{page.stem.replace('-', '_')}_{number}.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", *sorted(tmp_path.glob("*.py"))],
        cwd=tmp_path, env={**os.environ, "MYPYPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def linked(page: Path) -> set[Path]:
    """Give the files to which a page leads."""
    targets = (target for target in LINK.findall(page.read_text()) if "://" not in target)
    return {(page.parent / target).resolve() for target in targets}


@pytest.mark.parametrize("page", [*ROOTED, *PAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_leads_to_what_is_there(page: Path) -> None:
    assert [str(path) for path in linked(page) if not path.exists()] == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    found: set[Path] = set()
    more = {ROOT / "README.md"}
    while more:
        found |= more
        more = {one for page in more for one in linked(page) if one.suffix == ".md"} - found
    assert [str(page.relative_to(ROOT)) for page in [*ROOTED, *PAGES] if page.resolve() not in found] == []


def test_every_public_name_is_explained() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    names = set(ociarchive.__all__) - {"__version__", "Conversion", "Difference", "Report"}  # what three of them return
    assert [name for name in sorted(names) if f"`{name}" not in text] == []


def test_the_page_of_schemas_is_that_of_the_package() -> None:
    kept = (ROOT / "docs" / "schemas.md").read_text()
    assert kept == schemas_doc.page(), "run `python -m tests.support.schemas_doc > docs/schemas.md`"


def test_every_member_of_a_schema_is_on_the_page() -> None:
    text = schemas_doc.page()
    for name in ("schema_version", "uncompressed_size", "chain_id", "waivers[].by", "codecs", "left_out"):
        assert f"| `{name}`" in text


ROWS = re.findall(
    r"`(?:\w+=\w+ )?\.venv/bin/python -m pytest ([^`]*tests/[^`]*)`", (ROOT / "CONTRIBUTING.md").read_text()
)


@pytest.mark.parametrize("options", ROWS)
def test_a_row_for_contributors_selects_tests(options: str) -> None:
    call = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--collect-only", *shlex.split(options)]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:]


def test_every_command_has_a_page_that_tells_of_it() -> None:
    text = "".join(page.read_text() for page in [*PAGES, ROOT / "README.md"])
    assert [name for name in COMMANDS if f"ociarchive {name}" not in text] == []


#: What every program calls so, or what only its opposite needs a word about.
SELF_EVIDENT = {"--help", "--version", "--quiet", "--verbose", "--color", "--progress", "--no-progress"}
DEFAULTS = {"--audit", "--sync"}


def test_every_option_has_a_page_that_tells_of_it() -> None:
    text = "".join(page.read_text() for page in [*PAGES, ROOT / "README.md"])
    told = set(re.findall(r"--[a-z0-9-]+", text)) | SELF_EVIDENT | DEFAULTS
    for name, (module, _) in COMMANDS.items():
        command = import_module(module).command
        every = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
        options = {one for each in every for param in each.params for one in (*param.opts, *param.secondary_opts)}
        assert {one for one in options if one.startswith("--")} <= told, name


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.svg")), ids=lambda path: path.stem)
def test_a_picture_says_in_words_what_it_shows_and_asks_for_nothing(path: Path) -> None:
    root = ET.fromstring(path.read_text())  # noqa: S314  our own
    svg = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{svg}svg"
    assert (root.findtext(f"{svg}title") or "").strip()
    tags = {one.tag.removeprefix(svg) for one in root.iter()}
    assert not tags & {"script", "image", "use", "foreignObject"}
    assert not re.search(r"(?:href|url\()=?[\"']?(?!#)[a-z]+:", path.read_text())
