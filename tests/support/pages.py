"""Reports for people, as a strict parser sees them."""

import itertools
import re
from xml.etree import ElementTree as ET

import html5lib

HTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"
#: Attributes that make a browser ask for something, or run something.
FETCHING = {"src", "srcset", "action", "formaction", "poster", "data", "background", "ping", "style", "manifest"}


def parsed(text: str) -> ET.Element:
    """Parse as strictly as the HTML standard's parser can: any parse error raises."""
    document = html5lib.HTMLParser(strict=True, tree=html5lib.getTreeBuilder("etree")).parse(text)
    assert isinstance(document, ET.Element)
    return document


def words(element: ET.Element) -> str:
    """Give the text of an element as a person reads it."""
    return re.sub(r" ([:.,)])", r"\1", " ".join(" ".join(element.itertext()).split()))


def check_structure(page: ET.Element, *, scripts: int = 0) -> None:
    """See that links lead somewhere, headings nest, tables are labelled, and that nothing is asked for.

    Nothing runs but so many scripts of the page itself.
    """
    ids = [one.get("id") for one in page.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    for one in page.iter(f"{HTML}a"):
        href = one.get("href") or ""
        assert href.startswith("#")
        assert href[1:] in ids
    for one in page.iter():
        assert one.get("aria-labelledby") is None or one.get("aria-labelledby") in ids
        assert not FETCHING & one.attrib.keys()
        assert not any(name.startswith("on") for name in one.attrib)
        tag = str(one.tag).rpartition("}")[2]
        assert tag not in ("link", "iframe", "img", "object", "embed", "form", "details", "base")
    assert len([one for one in page.iter(f"{HTML}script") if not one.attrib]) == scripts
    assert len(list(page.iter(f"{HTML}script"))) == scripts
    levels = [int(str(one.tag)[-1]) for one in page.iter() if re.fullmatch(rf"{HTML}h[1-6]", str(one.tag))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for table in page.iter(f"{HTML}table"):
        assert table.find(f"{HTML}caption") is not None
        assert all(head.get("scope") for head in table.iter(f"{HTML}th"))
        assert table.find(f"{HTML}thead") is not None
    for picture in page.iter(f"{SVG}svg"):
        named = picture.get("role") == "img" and picture.find(f"{SVG}title") is not None
        assert (named and picture.get("aria-label")) or picture.get("aria-hidden") == "true"
    root = page if page.tag == f"{HTML}html" else page.find(f"{HTML}html")
    assert root is not None
    assert root.get("lang") == "en"
