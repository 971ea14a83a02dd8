"""The site that is built of docs/: without a warning, with every page, and asking nothing of any network."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from release.docs_hooks import ROOTED, relinked
from tests.support import browsing
from tests.support.readme import ROOT

pytestmark = pytest.mark.slow
#: Attributes whose address a browser loads by itself.
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "object": "data"}
#: Addresses in the theme's scripts that are asked for in two cases that our pages do not have: a browser from before
#: 2020, and a diagram of mermaid.
UNUSED = {"https://unpkg.com/resize-observer-polyfill", "https://unpkg.com/mermaid"}


class Loading(HTMLParser):
    """Collects what a page loads, and the links that people may follow."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.classes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        named = dict(attrs)
        address = named.get(LOADS.get(tag, "")) or (named.get("href") if tag == "link" else None)
        if address:
            self.loads.append(address)
        self.classes |= set((named.get("class") or "").split())


def build(root: Path, dest: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", root / "mkdocs.yml", "-d", dest],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("material") is None:
        pytest.skip("not there: mkdocs-material, of the extra `docs`")
    dest = tmp_path_factory.mktemp("site")
    done = build(ROOT, dest)
    assert done.returncode == 0, done.stderr
    return dest


def test_every_page_is_built_and_can_be_found(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    pages |= {Path(page).with_suffix(".html") for page in ROOTED.values()}
    built = {path.relative_to(site) for path in site.rglob("*.html")} - {Path("404.html")}
    assert pages == built
    nav = (site / "index.html").read_text()
    assert [str(page) for page in pages if f'href="{page}"' not in nav] == []


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        page = Loading()
        page.feed(path.read_text())
        assert len(page.loads) > 3
        assert [one for one in page.loads if re.match(r"[a-z]+:|//", one) and not one.startswith("data:")] == []
        assert "mermaid" not in page.classes
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?(?:[a-z]+:)?//|@import", path.read_text()), path
    for path in site.rglob("*.js"):
        found = set(re.findall(r"https://(?:unpkg|cdn|fonts)[^\"'`\s,)]*", path.read_text()))
        assert {one.rstrip("/").partition("@")[0] for one in found} <= UNUSED, path


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[int, list[str]]]:
    with browsing.proxy() as found:
        yield found


@pytest.mark.interop
@pytest.mark.parametrize("page", ["index.html", "concepts.html", "rules.html"])
def test_a_browser_asks_for_nothing(page: str, site: Path, asked: tuple[int, list[str]], tmp_path: Path) -> None:
    port, requests = asked
    options = ("--dump-dom", "--virtual-time-budget=3000")
    dom = browsing.browse(site / page, *options, port=port, profile=tmp_path / "profile")
    assert "md-content" in dom
    assert [one for one in requests if not browsing.OWN.search(one)] == []


def test_a_page_that_nobody_listed_is_put_into_the_navigation(site: Path, tmp_path: Path) -> None:
    del site  # skips where the theme is not there
    for name in ("docs", "release", "mkdocs.yml", *ROOTED):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path)
    (tmp_path / "docs" / "new.md").write_text("# New\n\nSee [the code](../ociarchive/api.py) and [rules](rules.md).\n")
    (tmp_path / "docs" / "adr" / "9999-last.md").write_text("# 9999. Last\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    nav = (tmp_path / "site" / "index.html").read_text()
    assert 'href="new.html"' in nav
    assert 'href="adr/9999-last.html"' in nav
    (tmp_path / "docs" / "new.md").write_text("# New\n\nSee [nothing](nothing.md).\n")
    assert build(tmp_path, tmp_path / "site").returncode != 0


@pytest.mark.parametrize(
    ("text", "source", "made"),
    [
        ("[docs/rules.md](docs/rules.md#x)", "README.md", "[rules.md](rules.md#x)"),
        ("[map](../CONTRIBUTING.md)", "docs/design.md", "[map](contributing.md)"),
        ("[map](../../CONTRIBUTING.md)", "docs/adr/0001.md", "[map](../contributing.md)"),
        ("[rules](../rules.md)", "docs/adr/0001.md", "[rules](../rules.md)"),
        ("[licence](LICENSE)", "README.md", "licence"),
        ("[out](https://example.invalid/x)", "README.md", "[out](https://example.invalid/x)"),
        ("[here](#here)", "README.md", "[here](#here)"),
        ("![picture](images/x.svg)", "docs/concepts.md", "![picture](images/x.svg)"),
        ("![picture](docs/x.svg)", "README.md", "![picture](x.svg)"),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(text: str, source: str, made: str) -> None:
    assert relinked(text, source) == made
