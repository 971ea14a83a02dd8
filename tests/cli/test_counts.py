"""One is counted as one: in tables, errors, notices, JSON, SARIF, JUnit and pages, of what one archive holds."""

import re
from pathlib import Path

import pytest

from ociarchive.auditing.proven import ReceiptProof, Share
from ociarchive.comparison.difference import ArchiveSide, Difference
from ociarchive.report.comparison import diff_words
from tests.support import build
from tests.support.build import Image, layer
from tests.support.call import Call, refused, told
from tests.support.pages import parsed, words
from tests.support.tar import write_tar

NODE = Image(layers=[layer({"a": b"a"}, "gzip")]).node().named("docker.io/corpus/app:1.0", "1.0")
#: A one with a noun for several.
WRONG = re.compile(
    r"(?<![0-9.,])1 (?:more )?(?:archives|blobs|bytes|characters|entries|findings|layers|manifests|members|names|parts"
    r"|paths|places|rules|sources|things|claimed digests)\b"
)
FORMATS = ("table", "json", "sarif", "junit", "codequality", "html")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "app.tar", build.layout(NODE, strays=[b"x"]))


def test_a_stray_of_one_byte_has_one_byte(source: Path, cli_call: Call) -> None:
    for form in FORMATS:
        shown = told(cli_call("audit", source, "--format", form)).stdout
        assert "(1 byte)" in shown, form
        assert WRONG.findall(shown) == [], form


def test_what_one_archive_holds_is_counted_as_one(source: Path, tmp_path: Path, cli_call: Call) -> None:
    one = Image(layers=[layer({"b": b"b"}, "gzip")]).node().named("docker.io/corpus/app:1.0", "1.0")
    other = write_tar(tmp_path / "other.tar", build.layout(one))
    receipt = tmp_path / "r.json"
    told(cli_call("convert", source, tmp_path / "dest", "--to", "oci-layout", "--receipt", receipt))
    for call, status in (
        (("audit", tmp_path / "dest", "--receipt", receipt), 0),
        (("audit", tmp_path / "dest", "--receipt", receipt, "--format", "html"), 0),
        (("audit", source, other, "--format", "html"), 0),
        (("inspect", source, "--verify"), 0),
        (("diff", source, other, "--files"), 1),
        (("diff", source, other, "--files", "--format", "html"), 1),
        (("convert", source, tmp_path / "none", "--to", "dir", "--dry-run"), 0),
        (("doctor",), 0),
    ):
        result = told(cli_call(*call), status)
        shown = words(parsed(result.stdout)) if "html" in call else result.stdout
        assert WRONG.findall(shown + result.stderr) == [], call
    shown = told(cli_call("audit", tmp_path / "dest", "--receipt", receipt)).stdout
    assert "1 of 1 name, 1 of 1 manifest and 2 of 2 blobs hold" in " ".join(shown.split())
    page = words(parsed(told(cli_call("audit", tmp_path / "dest", "--format", "html")).stdout))
    assert "1 of 1 layer unpacks to what the images' configs list" in page
    assert "1 of 1 layer proved" in page


@pytest.mark.parametrize(
    ("limit", "told_so"),
    [
        ("members", "tar has more than 1 member, --limit members=N"),
        ("outer", "archive is compressed more than 1 time over"),
        ("listed", "more than the 1 blob allowed lie in the archive"),
        ("values", "the archive's documents hold more than the 1 value allowed"),
        ("manifest-size", "expected 1 byte at most"),
    ],
)
def test_a_limit_of_one_is_one(limit: str, told_so: str, source: Path, tmp_path: Path, cli_call: Call) -> None:
    if limit == "outer":
        twice = tmp_path / "twice"
        twice.write_bytes(build.gzipped(build.gzipped(source.read_bytes())))
        source = twice
    shown = cli_call("audit", source, "--limit", f"{limit}=1").stdout
    assert told_so in " ".join(shown.split())


def test_a_difference_of_one_differs(source: Path, tmp_path: Path, cli_call: Call) -> None:
    other = write_tar(tmp_path / "other.tar", build.layout(NODE.named("docker.io/corpus/b:1")))
    shown = " ".join(told(cli_call("diff", source, other, "--ignore", "names")).stdout.split())
    assert "names do not count in this comparison; 1 name differs" in shown
    side = ArchiveSide(
        source="a", format="dir", images=0, manifests=0, layers=1, proved=1, codecs={}, stored=1, blobs=1, bytes=1
    )
    found = Difference(old=side, new=side, images=(), ignored=frozenset({"annotations"}))
    assert diff_words.uncounted(found) == ["annotations do not count in this comparison; 0 annotations differ"]


def test_parts_of_one_are_one_part(source: Path, tmp_path: Path, cli_call: Call) -> None:
    call = ("convert", source, tmp_path / "a.tar", "--to", "oci-archive", "--split", "1GiB", "--part", "2")
    assert "--part 2: DEST has 1 part (" in refused(cli_call(*call), 2)


def test_what_a_receipt_proves_is_counted_as_one() -> None:
    proof = ReceiptProof(path="r", sha256="", names=Share(held=0, listed=1), blobs=Share(held=1, listed=2))
    assert proof.told == "0 of 1 name and 1 of 2 blobs hold"
