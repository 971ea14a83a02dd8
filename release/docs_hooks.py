"""What the documentation's build adds to docs/: the documents at the repository's root, and pages not listed."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[1]
#: Pages that stand at the root of the repository, where people look for them.
ROOTED: Final = {
    "README.md": "index.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
_LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put pages that the navigation leaves out into it."""
    docs = Path(config.docs_dir)
    listed = set(_listed(config.nav))
    left = sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))
    decisions = [page for page in left if page.startswith("adr/") and page not in listed]
    more = [page for page in left if not page.startswith("adr/") and page not in listed]
    nav: list[Any] = list(config.nav or ())
    config.nav = [*nav, *([{"More": more}] if more else []), *([{"Decisions": decisions}] if decisions else [])]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents at the root."""
    from mkdocs.structure.files import File  # noqa: PLC0415  who tests the links needs no mkdocs

    for source, page in ROOTED.items():
        text = (ROOT / source).read_text()
        files.append(File.generated(config, page, content=relinked(text, source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Point links of docs/ at pages, where they point at the repository."""
    source = f"docs/{page.file.src_uri}"
    return markdown if page.file.src_uri in ROOTED.values() else relinked(markdown, source)


def relinked(markdown: str, source: str) -> str:
    """Return a document of the repository with its links as they are in the site; what is not in it is named alone."""

    def link(found: re.Match[str]) -> str:
        text, target, anchor = found[1], found[2], found[3] or ""
        if ":" in target:
            return found[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        page = ROOTED.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if page is None:
            return text
        start = posixpath.dirname(source.removeprefix("docs/")) if source.startswith("docs/") else ""
        return f"[{text.removeprefix('docs/')}]({posixpath.relpath(page, start or '.')}{anchor})"

    return _LINK.sub(link, markdown)


def _listed(nav: object) -> Iterator[str]:
    """Give every page of a navigation, however it nests."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for value in nav.values():
            yield from _listed(value)
    elif isinstance(nav, list):
        for value in nav:
            yield from _listed(value)
