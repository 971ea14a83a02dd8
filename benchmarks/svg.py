"""Drawings as SVG text, each with its words for those who do not see it.

The same figures give the same bytes; the reader's own setting decides between light and dark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Colours that stay apart for those who see red and green alike (after Okabe and Ito), for light and dark ground.
_STYLE = """
.ground{fill:#fff}
text{font:12px system-ui,sans-serif;fill:#1f2328}
.head{font-weight:600}
.small{font-size:11px;fill:#57606a}
.end{text-anchor:end}
.middle{text-anchor:middle}
.grid{stroke:#d0d7de;stroke-width:1}
.a{fill:#0072b2;stroke:#0072b2}
.b{fill:#b0b7bf;stroke:#b0b7bf}
.line{fill:none;stroke-width:2}
.mark{stroke:#d55e00;stroke-width:2}
.dashed{stroke-dasharray:4 3}
@media (prefers-color-scheme:dark){
.ground{fill:#0d1117}
text{fill:#e6edf3}
.small{fill:#9198a1}
.grid{stroke:#30363d}
.a{fill:#56b4e9;stroke:#56b4e9}
.b{fill:#6e7681;stroke:#6e7681}
.line{fill:none}
.mark{stroke:#e69f00}
}
"""


def number(value: float) -> str:
    """Return a coordinate or figure, short and always alike."""
    return f"{value:.1f}".removesuffix(".0")


def text(x: float, y: float, words: str, style: str = "") -> str:
    """Return words with their baseline at a point."""
    return f"<text x={_q(x)} y={_q(y)}{_class(style)}>{escape(words)}</text>"


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """Return a line."""
    return f"<line x1={_q(x1)} y1={_q(y1)} x2={_q(x2)} y2={_q(y2)}{_class(style)}/>"


def rect(x: float, y: float, width: float, height: float, style: str) -> str:
    """Return a filled rectangle."""
    return f"<rect x={_q(x)} y={_q(y)} width={_q(width)} height={_q(height)}{_class(style)}/>"


def curve(points: Sequence[tuple[float, float]], style: str) -> str:
    """Return a line through some points, with a dot at each."""
    path = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    dots = "".join(f"<circle cx={_q(x)} cy={_q(y)} r={_q(3)}{_class(style)}/>" for x, y in points)
    return f"<polyline points={quoteattr(path)}{_class(f'{style} line')}/>{dots}"


def document(width: float, height: float, title: str, description: str, parts: Sequence[str]) -> str:
    """Return a whole drawing; the description says in words what can be seen."""
    across, down = _q(width), _q(height)
    box = quoteattr(f"0 0 {number(width)} {number(height)}")
    frame = f"width={across} height={down} viewBox={box}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {frame} role="img" aria-labelledby="title desc">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="desc">{escape(description)}</desc>',
            f"<style>{_STYLE}</style>",
            rect(0, 0, width, height, "ground"),
            *parts,
            "</svg>\n",
        ]
    )


def _q(value: float) -> str:
    return quoteattr(number(value))


def _class(style: str) -> str:
    return f" class={quoteattr(style)}" if style else ""
