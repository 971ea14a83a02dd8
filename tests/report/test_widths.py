"""Results fit the terminal: every table of every archive at every width, and what is cut says so.

What may be wider is a command to copy, and with `-v` a whole digest, path or name, each alone on its line.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from wcwidth import wcswidth

from ociarchive.auditing import Policy, Report, judge
from ociarchive.auditing.audit import examine, report_of
from ociarchive.auditing.evidence import Evidence, sniffed
from ociarchive.auditing.run import Run, Unread
from ociarchive.blobio.limits import Limits
from ociarchive.cli.progress import Bars
from ociarchive.comparison import Options as Compared
from ociarchive.comparison import difference
from ociarchive.formats import by_name
from ociarchive.model import Archive
from ociarchive.opening import open_archive
from ociarchive.report.audit.audit_table import AuditTable, verdict
from ociarchive.report.audit.piecewise import whole as together
from ociarchive.report.comparison.diff_table import diff_table
from ociarchive.report.conversion.summary import summary
from ociarchive.report.shared.surroundings import EPOCH
from ociarchive.report.shared.text import drawn, safe
from ociarchive.report.shared.tree import Tree
from ociarchive.selection.argument import Source
from ociarchive.selection.select import Selectors
from ociarchive.transform.convert import convert
from ociarchive.transform.options import Options
from ociarchive.transform.plan import Storage
from ociarchive.workers import Workers
from tests.support import build
from tests.support.build import Image, artifact, index, layer
from tests.support.call import Call
from tests.support.tar import file, write_tar
from tests.support.truth import CORPUS, load

RUN = Run(command=(), time=EPOCH, seconds=1.5, unread=(Unread(source="x", why="", status=2),))
WIDTHS = (60, 80, 120)
DIGEST = re.compile(r"[0-9a-f]{64}")
#: What the program draws or writes before something that cannot be broken.
BEFORE = r"[ │├└─|`=+~?-]*(?:(?:before|after|diff_id|layer|found|expected|converted|->|of|\d+) +)?"
ALONE = re.compile(rf"{BEFORE}\S*[0-9a-f]{{64}}\S*(?: +\((?:[a-z-]+)\))?\Z")
PATH = re.compile(rf"{BEFORE}\S*/\S*(?: +\((?:[a-z-]+)\))?(?:  (?:same|rewritten|new))?\Z")
COMMAND = re.compile(r" *ociarchive (?:audit|rules|inspect) \S.*\Z")


def too_wide(text: str, width: int, *, whole: bool) -> list[str]:
    """Give the lines that a terminal would break, but for those that cannot be narrower."""
    found = []
    for line in text.splitlines():
        assert line.isprintable(), ascii(line)
        if wcswidth(line) <= width or COMMAND.match(line) or ALONE.match(line):
            continue
        if not (whole and PATH.match(line)):
            found.append(line)
    return found


def uncolored(text: str, _: str) -> str:
    return text


def fits(render: Callable[[int, bool], str]) -> dict[tuple[int, bool], str]:
    """Render at every width, briefly and whole, check each, and give them."""
    made = {}
    for width in WIDTHS:
        for whole in (False, True):
            text = render(width, whole)
            assert too_wide(text, width, whole=whole) == [], f"at {width} columns{', with -v' * whole}"
            made[width, whole] = text
    return made


def audited(archive: Archive) -> tuple[Evidence, Report]:
    workers = Workers(2)
    try:
        (evidence,) = examine([archive], limits=Limits(), workers=workers)
    finally:
        workers.close()
    return evidence, report_of(evidence, judge(evidence), Policy())


def trees(archive: Archive, known: Evidence, report: Report) -> Iterator[dict[tuple[int, bool], str]]:
    """Give what inspect shows of an archive, with --verify too."""
    for evidence in (sniffed(archive), Evidence(archive, known.facts)):
        for encoding in ("utf-8", "ascii"):

            def render(width: int, whole: bool, evidence: Evidence = evidence, encoding: str = encoding) -> str:
                return drawn("".join(Tree(archive, evidence, width=width, whole=whole).lines()), encoding)

            yield fits(render)
    fits(lambda width, _: "\n".join(verdict([report], width=width)))


def table_of(reports: list[Report]) -> dict[tuple[int, bool], str]:
    return fits(lambda width, whole: together(AuditTable(RUN, width=width, whole=whole, paint=uncolored), reports))


NAMES = sorted([*load(), "registry-data"])


@pytest.mark.parametrize("name", NAMES)
def test_archives_of_the_corpus_fit(name: str) -> None:
    archive = open_archive(str(CORPUS / name), limits=Limits())
    try:
        evidence, report = audited(archive)
        list(trees(archive, evidence, report))
        table_of([report])
        strict = dataclasses.replace(report, policy=dataclasses.replace(report.policy, strict=True))
        table_of([strict, report])
    finally:
        archive.close()


#: What a name can be made of: wide characters, combining ones, those that turn the reading around, an emoji.
TEXTS = (
    "\u6f22\u5b57" * 40,
    "e\u0301" * 60,
    "\u202eevil\u2066" * 12,
    "\U0001f680" * 30 + "\ufe0f",
    "x" * 190 + "-its-end",
    " ".join(f"word{number}" for number in range(30)),
)


def hostile(text: str) -> list[build.Node]:
    """Make images, an index and an artifact whose every name is this text."""
    layers = [layer({f"{text[:20]}/{number}": b"x" * 40}, "gzip") for number in range(2)]
    history = [{"created_by": text}, {"created_by": f"RUN {text}"}]
    told = {"os": "windows", "architecture": "amd64", "os.version": text[:60], "variant": text[:30]}
    config = {"Env": [f"A={text}"], "Labels": {text: text}}
    images = [
        Image(layers=layers, config_members={"author": str(number), "history": history, "config": config})
        for number in range(2)
    ]
    nodes = [image.node(platform=told) for image in images]
    held = artifact(b"note", f"application/{text[:90]}", subject=nodes[0])
    return [index(nodes).named(ref_name=text), nodes[1].named(ref_name=f"{text}2"), held]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_hostile_names_fit_and_say_that_they_are_cut(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f"blobs/sha256/{text[:16]}{number}" for number in range(21)]
    members = [*build.layout(*hostile(text)), *(file(name, b"x") for name in names)]
    source = str(write_tar(Path(f"{text[:50]}.tar"), members))
    archive = open_archive(source, limits=Limits())
    try:
        evidence, report = audited(archive)
        assert len(report.findings) > 20
        for shown in trees(archive, evidence, report):
            for (_, whole), tree in shown.items():
                if not whole:
                    told(safe(text), tree)
        for (_, whole), table in table_of([report]).items():
            assert ("more of blob-name" in re.sub(r"\s+", " ", table)) is not whole
    finally:
        archive.close()


def told(name: str, text: str) -> None:
    """Check that a name stands whole in a text, or that what is left of it has an ellipsis where it was cut."""
    joined = "".join(text.translate(str.maketrans("~", "…")).split())
    name = "".join(name.split())
    if name in joined:
        return
    parts = [name[len(name) - count :] for count in range(len(name) - 1, 3, -1)]
    longest = next(part for part in parts if part in joined)
    assert f"…{longest}" in joined, longest


PAIRS = {
    "nothing-alike": ("docker26-two-images.tar", "umoci-oci"),
    "one-archive": ("umoci-oci#app", "umoci-oci#edited"),
    "repacked": ("buildx-oci-attested.tar", "docker26-containerd-multi.tar"),
    "sparse": ("ctr-export-sparse.tar", "ctr-export-uncompressed.tar"),
    "artifacts": ("oras-artifact", "oras-artifact"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_comparisons_fit(name: str) -> None:
    sides = []
    for one in PAIRS[name]:
        path, _, ref = one.partition("#")
        sides.append(Source(path=str(CORPUS / path), images=(ref,) if ref else ()))
    found = difference(Compared(old=sides[0], new=sides[1], files=True))
    shown = fits(lambda width, whole: "".join(diff_table(found, width=width, whole=whole, paint=uncolored)))
    if name == "one-archive":
        assert (found.old.label, found.new.label) == (f"{CORPUS}/umoci-oci#app", f"{CORPUS}/umoci-oci#edited")
        assert all("#app" in text and "#edited" in text for text in shown.values())


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_comparisons_of_hostile_names_fit(text: str, tmp_path: Path) -> None:
    paths = []
    for number, one in enumerate((text, text[::-1] + "y")):
        paths.append(write_tar(tmp_path / f"{number}{one[:40]}.tar", build.layout(hostile(one)[1])))
    found = difference(Compared(old=Source(path=str(paths[0])), new=Source(path=str(paths[1])), files=True))
    assert not found.same
    fits(lambda width, whole: "".join(diff_table(found, width=width, whole=whole, paint=uncolored)))


@pytest.mark.parametrize("count", [1, 3, 24])
def test_summaries_fit(count: int, tmp_path: Path) -> None:
    names = ("docker26-containerd-multi.tar", "umoci-oci", "skopeo-dir")
    sources = []
    for number in range(count):
        path = tmp_path / f"{'a-long-name-' * 6}{number}"
        path.symlink_to(CORPUS / names[number % len(names)])
        sources.append(Source(path=str(path), images=("docker.io/corpus/app:multi",) if number == 0 else ()))
    options = Options(
        format=by_name("oci-layout"),
        storage=Storage(format=by_name("oci-layout"), compression="zstd", media_types="oci"),
        selectors=Selectors(),
        sync=False,
    )
    done = convert(sources[:1] if count == 1 else unique(sources), str(tmp_path / "dest"), options)
    done = dataclasses.replace(done, sources=done.sources * (count // len(done.sources)))
    for (_, whole), text in fits(lambda width, whole: summary(done, width=width, whole=whole)).items():
        assert ("more: -v shows all" in text) is (count > 4 and not whole)
        assert "stored, manifests apart" in text
        assert "with manifests" in re.sub(r"\s+", " ", text)


def unique(sources: list[Source]) -> list[Source]:
    """Give one source of each archive: two images of one name cannot come together."""
    return sources[:1] + sources[2:3]


@pytest.mark.parametrize("width", WIDTHS)
def test_what_reads_no_archive_fits(width: int, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for call in (("rules",), ("rules", "tar-sizes-differ"), ("rules", "-v"), ("doctor",)):
        assert too_wide(cli_call(*call).stdout, width, whole=True) == []
    if width == 120:
        lines = cli_call("rules").stdout.splitlines()
        assert sum(line.startswith(("error ", "warning ", "note ")) for line in lines) > len(lines) * 0.7


@pytest.mark.parametrize("width", [40, 50, 60, 79, 80, 120])
def test_bars_fit_and_tell_layers_apart(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    bars = Bars(colours=False)
    monkeypatch.setattr(bars, "_began", -100.0)
    many = [("x.tar: y", 1)] * 996
    bars.begin(
        [(f"a.tar: {letter * 64}/layer.tar", 1023 << 20) for letter in "abc"] + [("d: mine/layer.tar", 9)] + many
    )
    for number in range(4):
        bars.read(number, 5)
    bars.read(0, 1000 << 20)
    bars.stop()
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "\n", capsys.readouterr().err).replace("\r", "\n")
    lines = [line for line in shown.splitlines() if line.strip()]
    assert lines
    assert max(map(wcswidth, lines)) <= width
    assert {"a" * 12, "b" * 12, "c" * 12, "mine"} <= set(shown.split())
    assert "layer.tar" not in shown
