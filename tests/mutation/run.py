"""Change the pure modules in one place each and see whether a test tells.

`python -m tests.mutation.run [--sample N] [--seed S] [--side-by-side N] [--reach FILE] [MODULE...]`, a MODULE as
`ociarchive/values.py` or `ociarchive/schema`. With no sample every change is tried, which takes hours.

First the tests run once to see which of them reach which line; `--reach` keeps that in a file and takes it from there
the next time. A change is made in a process that is forked from one with pytest in memory, and only tests that reach
its lines are run, until the first one fails. A change that ends no test is printed with its place: it is equivalent,
or a test is missing. Status 1: fewer than 85 of 100 were noticed.
"""

import argparse
import importlib
import importlib.abc
import importlib.machinery
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import types
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import spec_from_loader
from itertools import count, zip_longest
from pathlib import Path

import coverage
import pytest

from tests.mutation.changes import Change, changes

ROOT = Path(__file__).parents[2]
PURE = (
    "values.py", "documents.py", "graph.py", "schema", "selection", "auditing/rules", "formats",
    *(f"transform/{name}.py" for name in ("rewrite", "plan", "subset", "sources")),
)  # fmt: skip
TESTS = (
    "tests/unit", "tests/audit/test_rules.py", "tests/audit/test_lawful.py", "tests/audit/test_policy.py",
    "tests/formats/test_contract.py", "tests/formats/test_streams.py",
)  # fmt: skip
GOAL = 85
#: Tests that are run of one change at most, taken from all files that have some.
MOST = 150
#: The longest that they may take; a change that makes them take longer is noticed.
SECONDS = 180
#: What takes long to import and holds nothing of the package.
LOADED = ("hypothesis", "tests.audit.cases", "tests.support.oracle", "zstandard", "jinja2", "click", "jsonschema")
#: What is imported before the fork cannot be rewritten any more, which it need not be.
_QUIET = ("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")
#: What pytest ends with where a test failed, or where a module cannot be imported any more, so that none was found.
_NOTICED = (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR, -signal.SIGALRM)
#: The status of a process that did not come to its tests.
_BROKEN = 70


@dataclass
class Told:
    """What came of one module."""

    noticed: int = 0
    survived: list[Change] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """Give the number of changes that were tried."""
        return self.noticed + len(self.survived)


class Reach:
    """Which tests reach which line."""

    def __init__(self, data: Path) -> None:
        self._data = coverage.CoverageData(str(data))
        self._data.read()

    def tests(self, path: Path, change: Change) -> list[str]:
        """Give tests that run a change; of one that is made while the module is imported, tests that run the module."""
        lines: Mapping[int, list[str]] = self._data.contexts_by_lineno(str(path))
        found = {name for line in range(change.first, change.last + 1) for name in lines.get(line, ()) if name}
        found = found or {name for names in lines.values() for name in names if name}
        files: dict[str, list[str]] = defaultdict(list)
        for name in sorted(name.removesuffix("|run") for name in found if name.endswith("|run")):
            files[name.partition("::")[0]].append(name)
        chance = random.Random(0)
        for listed in files.values():
            chance.shuffle(listed)
        mixed = [name for row in zip_longest(*files.values()) for name in row if name]
        return sorted(mixed[:MOST], key=lambda name: (name.startswith("tests/audit"), name.partition("::")[0]))


def reached(path: Path) -> Reach:
    """Run the tests once, where that is not known, and give what they reach."""
    if not path.exists():
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / "rc"
            config.write_text(f"[run]\nsource = ociarchive\ndata_file = {path}\n")
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--cov", "--cov-context=test"]
            command += [f"--cov-config={config}", "--cov-report=", *TESTS]
            subprocess.run(command, cwd=ROOT, check=True)
    return Reach(path)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module as it is with a change."""

    def __init__(self, path: Path, change: Change) -> None:
        self._path, self._code = path, compile(change.tree, str(path), "exec")
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        self._package = name.endswith(".__init__")
        self._name = name.removesuffix(".__init__")

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        if fullname != self._name:
            return None
        spec = spec_from_loader(fullname, self, origin=str(self._path), is_package=self._package)
        if spec and self._package:
            spec.submodule_search_locations = [str(self._path.parent)]
        return spec

    def exec_module(self, module: types.ModuleType) -> None:
        module.__file__ = str(self._path)
        exec(self._code, module.__dict__)  # noqa: S102  that is the change


def started(path: Path, change: Change | None, tests: Sequence[str], folder: Path) -> int:
    """Begin to run tests in a process of its own, and give its number. Its status is pytest's, its words in `log`."""
    folder.mkdir()
    number = os.fork()
    if number:
        return number
    status = _BROKEN
    try:
        os.setsid()
        for stream, target in enumerate((Path(os.devnull), folder / "log", folder / "log")):
            os.dup2(os.open(target, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), stream)
        if change is not None:
            signal.alarm(SECONDS)
            sys.meta_path.insert(0, _Changed(path, change))
        own = ("-p", "no:cacheprovider", "--timeout=0", f"--basetemp={folder / 'temporary'}")
        status = int(pytest.main(["-q", "-x", "-n", "0", *own, *_QUIET, *tests]))
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(status)


def modules(asked: Sequence[str]) -> list[Path]:
    """Give the files that are asked for."""
    found = [ROOT / name for name in asked] or [ROOT / "ociarchive" / name for name in PURE]
    return [file for one in found for file in (sorted(one.rglob("*.py")) if one.is_dir() else [one])]


def sampled(paths: Sequence[Path], sample: int, seed: int) -> Iterator[tuple[Path, Change]]:
    """Give the changes to try: of every module a share by its size, one at least."""
    every = {path: changes(path.read_text()) for path in paths}
    total = sum(map(len, every.values()))
    for path, listed in every.items():
        share = -(-len(listed) * sample // total) if sample else len(listed)
        chance = random.Random(f"{seed} {path.relative_to(ROOT)}")
        yield from ((path, change) for change in sorted(chance.sample(listed, share), key=lambda one: one.first))


def main() -> int:
    """Try changes, print what survived and the share by module."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.run", description=__doc__)
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--side-by-side", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--reach", type=Path, default=Path(tempfile.gettempdir()) / f"reach-{os.getpid()}")
    parser.add_argument("modules", nargs="*")
    options = parser.parse_args()
    os.nice(10)
    reach = reached(options.reach.absolute())
    for name in LOADED:
        importlib.import_module(name)
    if any(name.partition(".")[0] == "ociarchive" for name in sys.modules):
        raise SystemExit("the package is imported already, so no change of it would count")
    work = list(sampled(modules(options.modules), options.sample, options.seed))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        told = outcomes(work, reach, options.side_by_side, Path(folder))
    noticed, every = sum(one.noticed for one in told.values()), sum(one.tried for one in told.values())
    for path, one in sorted(told.items()):
        _say(f"{one.noticed:4} of {one.tried:4}  {path.relative_to(ROOT)}")
    _say(f"{noticed:4} of {every:4}  {100 * noticed / max(every, 1):.1f} %")
    return int(100 * noticed < GOAL * every)


def outcomes(work: list[tuple[Path, Change]], reach: Reach, side_by_side: int, below: Path) -> dict[Path, Told]:
    """Try changes, some at a time; where nothing is changed all the same tests have to pass."""
    told: dict[Path, Told] = defaultdict(Told)
    chosen = {change: reach.tests(path, change) for path, change in work}
    for path, change in work:
        if not chosen[change]:
            told[path].survived.append(change)
            _say(f"no test reaches {path.relative_to(ROOT)}:{change}")
    reaching = [one for one in work if chosen[one[1]]]
    folders = (below / str(number) for number in count())
    folder = next(folders)
    every = list(dict.fromkeys(name for names in chosen.values() for name in names))
    unchanged = started(ROOT, None, every, folder)
    running: dict[int, tuple[Path, Path, Change | None]] = {unchanged: (folder, ROOT, None)}
    began, waiting, done = time.monotonic(), iter(reaching), 0
    while running:
        while len(running) < side_by_side + (unchanged in running) and (one := next(waiting, None)):
            folder = next(folders)
            running[started(*one, chosen[one[1]], folder)] = folder, *one
        number, status = os.wait()
        folder, path, tried = running.pop(number)
        ended = os.waitstatus_to_exitcode(status)
        if ended != pytest.ExitCode.OK and (tried is None or ended not in _NOTICED):
            words = (folder / "log").read_text(errors="replace")[-4000:]
            raise SystemExit(f"{words}\npytest ends with {ended}: {path}:{tried or ' nothing is changed'}")
        shutil.rmtree(folder, ignore_errors=True)
        if tried is None:
            continue
        if ended == pytest.ExitCode.OK:
            told[path].survived.append(tried)
            _say(f"survived: {path.relative_to(ROOT)}:{tried}")
        else:
            told[path].noticed += 1
        done += 1
        if done % 25 == 0:
            _say(f"{done} of {len(reaching)} after {time.monotonic() - began:.0f} s")
    return told


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
