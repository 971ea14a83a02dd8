"""The changes that are made to a module: each kind, each once, and none that says nothing of behaviour."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.changes import changes

ROOT = Path(__file__).parents[2]

# a line, what it becomes
LINES = {
    "x = a == b": ["x = a != b"],
    "x = a is None": ["x = a is not None"],
    "x = a in b": ["x = a not in b"],
    "x = a < b": ["x = a <= b"],
    "x = a >= b": ["x = a > b"],
    "x = a and b": ["x = a or b"],
    "x = not a": ["x = a"],
    "x = a + b": ["x = a - b"],
    "x = 7": ["x = 8"],
    "x = True": ["x = False"],
    "x = a if b else c": ["x = a if not b else c"],
    "x += y": ["pass"],
    "call()": ["pass"],
    "raise Some": ["pass"],
    "if a == 1:\n    b()": ["if a != 1:\n    b()", "if a == 2:\n    b()", "if a == 1:\n    pass"],
    "while a:\n    break": ["while not a:\n    break", "while a:\n    pass"],
    "def f(a: 1) -> 2:\n    '''Words.'''\n    return a": ["def f(a: 1) -> 2:\n    '''Words.'''\n    return None"],
    "@d(x=True)\nclass A:\n    a: 3 = b": [],
    "if TYPE_CHECKING:\n    call()": [],
    "x = 'words'": [],
    "def f():\n    return None": [],
}


@pytest.mark.parametrize("source", LINES)
def test_changes(source: str) -> None:
    made = changes(source)
    wanted = [ast.unparse(ast.parse(one)) for one in LINES[source]]
    assert sorted(ast.unparse(one.tree) for one in made) == sorted(wanted)
    assert [one.first for one in made] == sorted(one.first for one in made)


def test_a_change_is_told_with_its_line() -> None:
    (change,) = changes("\n\nx = a == b\n")
    assert str(change) == "3: a == b -> a != b"
    assert (change.first, change.last) == (3, 3)


def test_what_is_loaded_before_a_change_holds_nothing_of_the_package() -> None:
    """Else the change of a module that is there already would count for nothing, and the run refuses to begin."""
    words = "import importlib, sys, tests.mutation.run as run; [importlib.import_module(one) for one in run.LOADED]; "
    words += "print([one for one in sys.modules if one.partition('.')[0] == 'ociarchive'])"
    done = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
