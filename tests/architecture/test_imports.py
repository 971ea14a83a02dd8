"""The structure of the package: what may import what, where it speaks and exits, how long a module may be."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import structure
from tests.support.structure import MAX_LINES, ROWS, Module

ROOT = Path(__file__).parents[2] / structure.PACKAGE
MODULES = list(structure.modules(ROOT))
CHECKS = [
    structure.upward,
    structure.sideways,
    structure.naming_formats,
    structure.inside_functions,
    structure.printing,
    structure.too_long,
    structure.dangerous,
    structure.at_import,
    structure.counting,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_package_keeps_its_structure(check: Callable[[Module], list[str]]) -> None:
    assert MODULES
    assert [line for module in MODULES for line in check(module)] == []


def test_every_format_stands_alone() -> None:
    formats = {module.name.rpartition(".")[2] for module in MODULES if module.row == "formats"}
    assert {"docker_archive", "dir"} <= formats


def module(name: str, source: str, *, is_package: bool = False) -> Module:
    return Module(f"{structure.PACKAGE}.{name}", source, is_package=is_package)


@pytest.mark.parametrize(
    ("check", "bad"),
    [
        pytest.param(structure.upward, module("values", "from ociarchive.cli import main"), id="upward"),
        pytest.param(structure.upward, module("values", "from ociarchive import graph"), id="upward-of-package"),
        pytest.param(structure.upward, module("blobio.source", "from ..container import tar"), id="upward-relative"),
        pytest.param(structure.upward, module("blobio.source", "import ociarchive.model"), id="upward-plain"),
        pytest.param(structure.upward, module("blobio", "from .. import model", is_package=True), id="upward-init"),
        pytest.param(
            structure.upward,
            module("values", "if TYPE_CHECKING:\n    from ociarchive.model import Image"),
            id="upward-for-types",
        ),
        pytest.param(structure.upward, module("graph", "from ociarchive import convert"), id="public-names"),
        pytest.param(structure.upward, module("helpers", ""), id="no-row"),
        pytest.param(
            structure.sideways, module("formats.dir", "from ociarchive.formats import oci_layout"), id="formats"
        ),
        pytest.param(structure.sideways, module("formats.dir", "from .oci_layout import read"), id="formats-relative"),
        pytest.param(structure.naming_formats, module("transform.plan", "x = f == 'oci-layout'"), id="format-by-name"),
        pytest.param(structure.inside_functions, module("values", "def f():\n    import re"), id="inside"),
        pytest.param(
            structure.inside_functions, module("values", "async def f():\n    from re import sub"), id="inside-async"
        ),
        pytest.param(structure.printing, module("values", "print('x')"), id="print"),
        pytest.param(structure.printing, module("values", "import sys\nsys.exit(1)"), id="exit"),
        pytest.param(structure.printing, module("values", "import sys\nsys.stderr.write('x')"), id="stderr"),
        pytest.param(structure.too_long, module("values", "x = 1\n" * (MAX_LINES + 1)), id="long"),
        pytest.param(structure.dangerous, module("values", "import pickle"), id="pickle"),
        pytest.param(structure.dangerous, module("values", "from urllib import request"), id="network"),
        pytest.param(structure.dangerous, module("cli.main", "def f():\n    import subprocess"), id="process"),
        pytest.param(structure.dangerous, module("values", "x = eval('1')"), id="eval"),
        pytest.param(structure.dangerous, module("values", "import os\nos.execv('x', [])"), id="exec"),
        pytest.param(structure.dangerous, module("values", "run('x', shell=True)"), id="shell"),
        pytest.param(structure.counting, module("values", "f'more than {most} bytes'"), id="count"),
        pytest.param(structure.counting, module("values", "f'{a} of {len(b)} claimed digests'"), id="count-of"),
        pytest.param(structure.at_import, module("values", "register(1)"), id="call"),
        pytest.param(structure.at_import, module("values", "try:\n    f()\nexcept OSError:\n    pass"), id="attempt"),
        pytest.param(structure.at_import, module("values", "if X:\n    with X:\n        pass"), id="condition"),
    ],
)
def test_a_breach_is_found(check: Callable[[Module], list[str]], bad: Module) -> None:
    (line,) = check(bad)
    assert bad.name in line


@pytest.mark.parametrize(
    ("check", "good"),
    [
        pytest.param(structure.upward, module("graph", "from ociarchive import model, values"), id="downward"),
        pytest.param(structure.upward, module("blobio.codec", "from .source import Bytes"), id="own-row"),
        pytest.param(structure.upward, module("formats", "from . import dir", is_package=True), id="own-package"),
        pytest.param(
            structure.sideways, module("formats.dir", "from ociarchive.formats._shared import x"), id="helper"
        ),
        pytest.param(structure.inside_functions, module("blobio.filetype", "def f():\n    import magic"), id="lazy"),
        pytest.param(structure.inside_functions, module("cli.main", "def f():\n    import rich"), id="command-line"),
        pytest.param(structure.printing, module("cli.main", "print('x')"), id="print"),
        pytest.param(structure.too_long, module("values", "x = 1\n" * MAX_LINES), id="long"),
        pytest.param(structure.dangerous, module("values", "import re\nX = re.compile('x')"), id="pattern"),
        pytest.param(structure.dangerous, module("values", "from urllib.parse import quote"), id="words"),
        pytest.param(structure.at_import, module("values", "X = f()\nif X:\n    import a"), id="names"),
        pytest.param(structure.counting, module("values", "f'more than {_MOST} bytes'"), id="count-of-a-constant"),
        pytest.param(structure.counting, module("values", "f'of {plural(count, 1)} images'"), id="counted"),
    ],
)
def test_what_is_allowed_is_not_found(check: Callable[[Module], list[str]], good: Module) -> None:
    assert check(good) == []


def test_the_table_is_an_order() -> None:
    assert len(set(ROWS)) == len(ROWS)


def test_contributors_read_the_same_order() -> None:
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    assert tuple(re.findall(r"^\| `(\w+)(?:/|\.py)` \|", text, re.MULTILINE)) == ROWS
