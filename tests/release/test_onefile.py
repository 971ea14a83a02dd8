"""The one-file program: made of small packages of this test, and started in circumstances of many kinds."""

import importlib.util
import os
import stat
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from release import onefile
from release.wheels import Target, this

MAIN = """
import sys
def main():
    from fake import native
    print("runs", native.__name__, *sys.argv[1:])
    sys.exit(7)
"""
SPEC = importlib.util.find_spec("markupsafe._speedups")
assert SPEC is not None
assert SPEC.origin is not None
#: Any small library that loads here; the bootstrap loads it as a trial, nobody imports it.
LIBRARY = Path(SPEC.origin).read_bytes()
OTHER = Target("3.99", "s390x-linux-gnu")


def wheel(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def made(folder: Path, *, target: Target | None = None, library: bytes = LIBRARY) -> Path:
    """Assemble a program that runs on one target, this one where none is named."""
    target = target or this()
    ours = wheel(
        folder / "ours.whl",
        {
            "ociarchive/__init__.py": b"",
            "ociarchive/cli/__init__.py": b"",
            "ociarchive/cli/main.py": MAIN.encode(),
            "ociarchive-1.data/data/share/man/man1/ociarchive.1": b"left out",
            "ociarchive-1.dist-info/RECORD": b"left out",
            "ociarchive-1.dist-info/METADATA": b"Name: ociarchive\nVersion: 1\n",
        },
    )
    theirs = wheel(
        folder / "theirs.whl",
        {"fake/__init__.py": b"", "fake/native.py": b"", f"fake/_lib.{target.soabi}.so": library},
    )
    onefile.assemble({target: [ours, theirs]}, folder / "program.pyz")
    return folder / "program.pyz"


@dataclass
class Started:
    """How a start ended."""

    status: int
    out: str
    err: str
    home: Path
    tmp: Path

    @property
    def laid_out(self) -> list[str]:
        """Give what the cache holds."""
        cache = self.home / ".cache" / "ociarchive"
        return sorted(path.name for path in cache.iterdir()) if cache.is_dir() else []


@dataclass
class Starter:
    """Starts a program with a home and a temporary folder of its own."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, program: Path, *args: str, env: dict[str, str] | None = None) -> Started:
        home, tmp = self.folder / "home", self.folder / "tmp"
        home.mkdir(exist_ok=True)
        tmp.mkdir(exist_ok=True)
        environment = {"HOME": str(home), "TMPDIR": str(tmp), "PATH": os.environ["PATH"], **(env or {})}
        done = subprocess.run(
            [sys.executable, "-I", "-S", program, *args],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Started(done.returncode, done.stdout, done.stderr, home, tmp)


@pytest.fixture
def start(tmp_path: Path) -> Starter:
    return Starter(tmp_path)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "made").mkdir()
    return made(tmp_path / "made")


def runs(started: Started) -> bool:
    assert "Traceback" not in started.err, started.err
    return (started.status, started.out) == (7, "runs fake.native one two\n")


def test_it_runs_from_the_cache_and_lays_out_once(program: Path, start: Starter) -> None:
    first = start(program, "one", "two")
    assert runs(first)
    (name,) = first.laid_out
    place = first.home / ".cache" / "ociarchive" / name
    assert name.endswith(this().soabi)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert not [path for path in place.rglob("*") if "left out" in path.name or path.name == "RECORD"]
    mark = place / "fake" / "native.py"
    mark.write_text("raise SystemExit('from the cache')")
    assert start(program).err == "from the cache\n"
    assert list(first.tmp.iterdir()) == []


def test_another_build_has_a_place_of_its_own(program: Path, start: Starter, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    second = made(tmp_path / "second", library=LIBRARY + b"\0")
    assert len(start(program).laid_out) == 1
    assert len(start(second).laid_out) == 2


def test_the_place_can_be_named(program: Path, start: Starter, tmp_path: Path) -> None:
    started = start(program, "one", "two", env={"OCIARCHIVE_CACHE": str(tmp_path / "named" / "place")})
    assert runs(started)
    assert started.laid_out == []
    assert len(list((tmp_path / "named" / "place").iterdir())) == 1
    started = start(program, "one", "two", env={"XDG_CACHE_HOME": str(tmp_path / "xdg")})
    assert runs(started)
    assert len(list((tmp_path / "xdg" / "ociarchive").iterdir())) == 1


@pytest.mark.parametrize("home", ["/proc/none", "", "relative"])
def test_without_a_home_a_temporary_folder_serves_and_goes(home: str, program: Path, start: Starter) -> None:
    started = start(program, "one", "two", env={"HOME": home})
    assert runs(started)
    assert list(started.tmp.iterdir()) == []


def test_a_folder_that_others_may_write_into_is_not_trusted(program: Path, start: Starter) -> None:
    cache = start(program).home / ".cache" / "ociarchive"
    (place,) = cache.iterdir()
    (place / "fake" / "native.py").write_text("raise SystemExit('taken over')")
    cache.chmod(0o777)
    assert runs(start(program, "one", "two"))


def test_a_link_in_its_place_is_not_followed(program: Path, start: Starter, tmp_path: Path) -> None:
    first = start(program)
    (place,) = (first.home / ".cache" / "ociarchive").iterdir()
    place.rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "fake" / "native.py").write_text("raise SystemExit('taken over')")
    place.symlink_to(tmp_path / "elsewhere")
    assert runs(start(program, "one", "two"))


def test_many_first_starts_at_once_leave_one_place(program: Path, start: Starter, tmp_path: Path) -> None:
    command = [sys.executable, "-I", str(program), "one", "two"]
    environment = {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
    (tmp_path / "home").mkdir()
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    ended = [(process.communicate(timeout=60)[0], process.returncode) for process in processes]
    assert ended == [("runs fake.native one two\n", 7)] * 6
    assert len(start(program).laid_out) == 1


def test_a_library_that_cannot_be_loaded_is_told_in_one_line(start: Starter, tmp_path: Path) -> None:
    started = start(made(tmp_path, library=b"no library"))
    assert started.status == 3
    assert started.err.startswith("error: no folder to unpack into and run from, OCIARCHIVE_CACHE can name one (")
    assert started.err.count("\n") == 1
    assert started.laid_out == []
    assert list(started.tmp.iterdir()) == []


def test_an_interpreter_that_it_was_not_made_for_is_told(start: Starter, tmp_path: Path) -> None:
    started = start(made(tmp_path, target=OTHER))
    assert (started.status, started.out) == (3, "")
    assert started.err == f"error: this file has no codecs for {this().soabi}, only for {OTHER.soabi}\n"


def test_it_can_be_called_by_itself(program: Path, tmp_path: Path) -> None:
    link = tmp_path / "ociarchive"
    link.symlink_to(program)
    done = subprocess.run([link, "x"], env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (7, b"runs fake.native x\n")


def test_equal_wheels_give_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert made(tmp_path / "a").read_bytes() == made(tmp_path / "b").read_bytes()


def test_wheels_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    one = wheel(tmp_path / "one.whl", {"fake/__init__.py": b"1"})
    two = wheel(tmp_path / "two.whl", {"fake/__init__.py": b"2"})
    with pytest.raises(ValueError, match=r"two wheels hold python/fake/__init__\.py"):
        onefile.assemble({this(): [one], OTHER: [two]}, tmp_path / "program.pyz")


def test_a_member_that_leads_out_is_refused(tmp_path: Path) -> None:
    bad = wheel(tmp_path / "bad.whl", {"../evil.py": b""})
    with pytest.raises(ValueError, match=r"bad\.whl holds \.\./evil\.py"):
        onefile.assemble({this(): [bad]}, tmp_path / "program.pyz")


def test_the_bootstrap_is_read_by_old_interpreters() -> None:
    lines = Path(onefile.__file__).with_name("bootstrap.py").read_text().splitlines()
    text = "\n".join(line.partition("#")[0] for line in lines)
    for newer in ('f"', " from None", "import annotations", ":=", ") ->"):
        assert newer not in text
