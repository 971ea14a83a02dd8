"""Every hostile archive comes to its expected end within the bounds, and touches nothing."""

import hashlib
import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import html5lib
import pytest

from tests.hostile import documents, folders, layers, peers, tars
from tests.hostile.case import Case
from tests.hostile.process import MEMORY, Ended, run, start
from tests.support.call import Call

PAGE = Path(__file__).parents[2] / "docs" / "hostile.md"
_GROUPS = {"tar": tars, "document": documents, "layer": layers, "folder": folders}
CASES: dict[str, Case] = {
    f"{group}-{name}": case for group, module in _GROUPS.items() for name, case in module.CASES.items()
}


@pytest.fixture(autouse=True)
def _cleared(tmp_path: Path) -> Iterator[None]:
    """Remove what pytest's own clearing, which recurses, cannot."""
    yield
    subprocess.run(["rm", "-rf", "--", tmp_path / "given"], check=True)


def test_there_are_enough() -> None:
    assert len(CASES) >= 120


@pytest.mark.parametrize("name", CASES)
def test_comes_to_its_end(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    source, place = tmp_path / "given" / "source", tmp_path / "place"
    for folder in (source.parent, place):
        folder.mkdir()
    (source.parent / "canary").write_bytes(b"canary")
    (tmp_path / "canary").write_bytes(b"canary")
    case.build(source)
    (place / "tmp").mkdir()
    before = listing(tmp_path)

    audited = run("audit", "--format", "json", "--jobs", "2", *case.options, source, place=place)
    _within_bounds(audited)
    assert audited.status == case.audit, (audited.status, audited.stderr, audited.stdout[-800:])
    findings = [one for found in json.loads(audited.stdout)["archives"] for one in found["findings"]]
    rules = {one["rule"] for one in findings if one["severity"] in ("error", "warning")}
    assert not case.rule or case.rule in rules, findings[:5]

    dest = place / "dest"
    converted = run("convert", source, dest, "--to", case.to, "--jobs", "2", "--no-sync", *case.options, place=place)
    _within_bounds(converted)
    assert converted.status == case.convert, (converted.status, converted.stderr)
    told = "\n".join(f"{one['message']} {one['expected']} {one['found']}" for one in findings)
    assert (case.said or case.words) in told, told[:800]
    assert case.words in converted.stderr, converted.stderr
    assert listing(tmp_path) == before, "something was written beside DEST"
    if case.convert:
        assert len(converted.errors) == 1, converted.stderr
        assert not os.path.lexists(dest), "a DEST although the call failed"
    else:
        assert run("audit", "--jobs", "2", *case.options, dest, place=place).status == 0


@pytest.mark.parametrize("name", ["tar-style-gnu-long-names", "tar-size-negative"])
def test_the_command_itself_ends_as_its_fork(name: str, tmp_path: Path) -> None:
    """Elsewhere a server forks for a call; here is the command too, with an interpreter of its own."""
    source, dest = tmp_path / "source", tmp_path / "dest"
    CASES[name].build(source)
    for args in (
        ("audit", "--format", "json", source),
        ("convert", "-q", source, dest, "--to", CASES[name].to, "--no-sync"),
    ):
        forked = run(*args, place=tmp_path)
        subprocess.run(["rm", "-rf", "--", dest], check=True)
        started = start(*args, place=tmp_path)
        _within_bounds(started)
        assert (started.status, started.stdout, started.stderr) == (forked.status, forked.stdout, forked.stderr)
        subprocess.run(["rm", "-rf", "--", dest], check=True)


@pytest.mark.parametrize("title", peers.GROUPS)
def test_the_page_tells_of_every_archive(title: str) -> None:
    """What it says of other programs was measured once; what it says of this one holds."""
    _, _, rest = PAGE.read_text().partition(f"\n## {title}\n")
    lines = rest.partition("\n## ")[0].splitlines()
    for name, case in peers.GROUPS[title].CASES.items():
        assert any(line.startswith(peers.ours(name, case)) for line in lines), peers.ours(name, case)
    assert len(lines) == len(peers.GROUPS[title].CASES) + 3


TEXTS = [name for name, case in CASES.items() if case.texts]


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_an_archive_are_encoded_for_every_report(name: str, tmp_path: Path, cli_call: Call) -> None:
    case, source = CASES[name], tmp_path / "source"
    case.build(source)
    for form, parse in PARSERS.items():
        result = cli_call("audit", "--format", form, source)
        assert result.status == case.audit, result.stderr
        parse(result.raw)
        if form != "html":  # a page has lines, tabs and arrows of its own
            _harmless(result.stdout)
    for args in (("inspect", source), ("inspect", "--format", "json", source), ("inspect", "--verify", source)):
        result = cli_call(*args)
        _harmless(result.stdout)
        _harmless(result.stderr)


def _html(raw: bytes) -> None:
    parser = html5lib.HTMLParser(strict=True)
    parser.parse(raw)
    text = raw.decode()
    for odd in ("\x1b", "\x07", "\u202e", "\u2066", "\x9b", "<script>alert"):
        assert odd not in text, f"{odd!r} reaches the page"


PARSERS: dict[str, Callable[[bytes], object]] = {
    "table": lambda raw: raw.decode(),
    "json": json.loads,
    "sarif": json.loads,
    "codequality": json.loads,
    "junit": ET.fromstring,
    "html": _html,
}


def _harmless(text: str) -> None:
    odd = {char for char in text if not char.isprintable() and char != "\n"}
    assert not odd, f"would reach a terminal: {odd}"


def _within_bounds(ended: Ended) -> None:
    assert ended.status >= 0, f"killed by signal {-ended.status}: too slow, or it never ends"
    assert ended.peak < MEMORY, f"{ended.peak >> 20} MiB"
    for words in ("Traceback", "a fault in ociarchive"):
        assert words not in ended.stderr, ended.stderr
    _harmless(ended.stderr)
    _harmless(ended.stdout.decode())


def listing(folder: Path) -> dict[str, tuple[int, int, str]]:
    """List all below a folder but what the calls themselves are told to write: modes, sizes and short contents."""
    found = {}
    below = (os.path.join(place, name) for place, folders, files in os.walk(folder) for name in (*folders, *files))
    for path in map(Path, below):
        name = str(path.relative_to(folder))
        if name.split("/", maxsplit=1)[0] == "place" and name.split("/")[1:2] in (
            [],
            ["dest"],
            ["out"],
            ["err"],
            ["told"],
        ):
            continue
        try:
            status = path.lstat()
        except OSError:  # deeper than a path can be
            continue
        content = ""
        if stat.S_ISREG(status.st_mode) and status.st_size < 1 << 20:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[name] = (status.st_mode, status.st_size, content)
    return found
