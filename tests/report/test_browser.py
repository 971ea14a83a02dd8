"""The report in Chromium: it asks for nothing, fits two widths, and prints with its feet."""

import html
import json
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pypdf
import pytest

from ociarchive.report.audit import audit_html
from tests.support import browsing, faulty
from tests.support.call import Call

pytestmark = pytest.mark.interop

Browse = Callable[..., str]
WIDTHS = (360, 1280)


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[int, list[str]]]:
    with browsing.proxy() as found:
        yield found


@pytest.fixture
def browse(asked: tuple[int, list[str]], tmp_path: Path) -> Browse:
    port, _ = asked
    return lambda page, *options: browsing.browse(page, *options, port=port, profile=tmp_path / "profile")


@pytest.fixture
def report(tmp_path: Path, cli_call: Call) -> Path:
    paths = [faulty.write(name, tmp_path) for name in ("damaged", "hostile", "good")]
    page = tmp_path / "report.html"
    cli_call("audit", *paths, "--format", "html", "--output", page)
    return page


def test_nothing_is_asked_for_and_nothing_runs(report: Path, browse: Browse, asked: tuple[int, list[str]]) -> None:
    _, requests = asked
    dom = browse(report, "--dump-dom", "--virtual-time-budget=3000")
    assert "Audit of 3 archives" in dom
    assert "<script" not in dom
    assert [one for one in requests if not browsing.OWN.search(one)] == []


def test_a_page_that_asks_is_noticed(tmp_path: Path, browse: Browse, asked: tuple[int, list[str]]) -> None:
    page = tmp_path / "asks.html"
    page.write_text("<!doctype html><title>asks</title><img src='http://hostile.invalid/x'>")
    browse(page, "--dump-dom", "--virtual-time-budget=3000")
    _, requests = asked
    assert [one for one in requests if "hostile.invalid" in one]
    requests.clear()


@pytest.mark.parametrize("width", [500, 1280])
def test_screenshots(width: int, report: Path, browse: Browse, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    browse(report, f"--window-size={width},1600", f"--screenshot={picture}")
    raw = picture.read_bytes()
    assert struct.unpack(">II", raw[16:24]) == (width, 1600)
    assert len(raw) > 50_000  # a blank one has a few thousand bytes


def test_it_fits_a_telephone_and_a_desk(report: Path, browse: Browse, tmp_path: Path) -> None:
    frames = "".join(f"<iframe src='{report.name}' width='{width}' height='600'></iframe>" for width in WIDTHS)
    script = """addEventListener('load', () => {
        document.title = JSON.stringify([...document.querySelectorAll('iframe')].map(
            one => [one.contentDocument.documentElement.scrollWidth, one.contentWindow.innerWidth])) })"""
    page = tmp_path / "frames.html"
    page.write_text(f"<!doctype html><title>none</title><script>{script}</script>{frames}")
    dom = browse(page, "--allow-file-access-from-files", "--dump-dom", "--virtual-time-budget=5000")
    found = re.search(r"<title>(.*?)</title>", dom)
    assert found
    assert [tuple(one) for one in json.loads(html.unescape(found[1]))] == [(width, width) for width in WIDTHS]


def test_every_printed_page_has_a_foot(tmp_path: Path, cli_call: Call, browse: Browse) -> None:
    path, page, pdf = faulty.write("damaged", tmp_path), tmp_path / "report.html", tmp_path / "report.pdf"
    cli_call("audit", path, "--format", "html", "--output", page)
    browse(page, "--no-pdf-header-footer", f"--print-to-pdf={pdf}")
    pages = [one.extract_text() for one in pypdf.PdfReader(pdf).pages]
    digest = re.findall(r'content: "archive (sha256:[0-9a-f]{64})"', page.read_text())[0]
    assert len(pages) > 3
    for number, text in enumerate(pages, 1):
        told = "".join(text.split())
        assert digest in told
        assert f"page{number}of{len(pages)}" in told
    whole = "".join("".join(pages).split())
    assert faulty.LAST.digest in whole
    assert "Appendix:allrules" in whole


def test_printed_archives_each_carry_their_own_digest(report: Path, browse: Browse, tmp_path: Path) -> None:
    pdf = tmp_path / "report.pdf"
    browse(report, "--no-pdf-header-footer", f"--print-to-pdf={pdf}")
    whole = ["".join(one.extract_text().split()) for one in pypdf.PdfReader(pdf).pages]
    feet = re.findall(r'@page archive-\d+ \{ @bottom-left \{ content: "archive (sha256:\w+)"', report.read_text())
    assert len(feet) == 3
    assert "JSONreportsha256:" in whole[0]
    assert "JSONreportsha256:" in whole[-1]  # the rules, which are all archives'
    first = [next(number for number, text in enumerate(whole) if f"archive{foot}" in text) for foot in feet]
    assert first == sorted(first)
    own = [any(f"archive{foot}" in text for foot in feet) for text in whole]
    assert own.index(True) == 2  # after a page of summary, and the list
    assert own == [False, False, *[True] * sum(own), *[False] * (len(own) - 2 - sum(own))]
    assert "Waivedrules" in whole[0]  # among the last lines of the summary
    assert "Allarchives" in whole[1]
    assert "Allrules" in "".join(whole[2 + sum(own) :])


def test_the_list_of_many_can_be_searched(tmp_path: Path, cli_call: Call, browse: Browse) -> None:
    path = faulty.write("good", tmp_path)
    paths = [tmp_path / f"{number:03}.tar" for number in range(audit_html.FEW + 2)]
    for one in paths[:-1]:
        one.symlink_to(path)
    faulty.write("damaged", tmp_path, paths[-1].name)
    page = tmp_path / "report.html"
    cli_call("audit", *paths, "--format", "html", "--output", page)
    typing = """addEventListener('load', () => { const box = document.getElementById('search');
        document.title = String(box.parentNode.hidden);
        for (const text of ['FAIL', '007.tar', 'registry.example PASS', 'nothing has this']) {
            box.value = text; box.dispatchEvent(new Event('input'));
            document.title += ';' + document.getElementById('hits').textContent + ','
                + [...document.getElementById('list').rows].filter(one => !one.hidden).length } })"""
    text = re.sub(r"<meta http-equiv[^>]*>", "", page.read_text())  # else no script but its own would run
    page.write_text(text.replace("</body>", f"<script>{typing}</script></body>"))
    found = re.search(r"<title>(.*?)</title>", browse(page, "--dump-dom", "--virtual-time-budget=5000"))
    assert found
    assert found[1] == f"false;1 of {len(paths)},1;1 of {len(paths)},1;25 of {len(paths)},25;0 of {len(paths)},0"
