"""A comparison as one HTML file, in the look of the audit's report: no script, no request to anywhere."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ociarchive.report.comparison import diff_words as words
from ociarchive.report.comparison.diff_json import diff_json
from ociarchive.report.shared.pieces import gathered
from ociarchive.report.shared.templating import again, environment, page_pieces, quoted
from ociarchive.report.shared.text import images_said, shell
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing.run import Run
    from ociarchive.comparison.difference import Difference


def diff_html(difference: Difference, run: Run) -> Iterator[str]:
    """Give the report, in pieces. Same arguments, same text."""
    made = environment()
    hashed = hashlib.sha256()
    for piece in diff_json(difference):
        hashed.update(piece.encode())
    digest = hashed.hexdigest()
    style = made.get_template("audit.css.jinja").render(foot=f"JSON report sha256:{digest}", feet=[])
    sides = (("First", difference.old), ("Second", difference.new))
    pieces = page_pieces(
        made,
        "diff.html.jinja",
        style,
        found=difference,
        both=[pair for pair in difference.images if pair.old is not None and pair.new is not None],
        sides=[(name, side, run.sha256.get(side.source), run.sizes.get(side.source)) for name, side in sides],
        files={side.source: run.sha256[side.source] for _, side in sides if run.sha256.get(side.source)},
        word_of=words.word(difference),
        sentence=words.sentence(difference),
        proof=words.proof(difference),
        uncounted=words.uncounted(difference),
        held=words.held,
        images_said=images_said,
        value=words.value,
        file_facts=words.file_facts,
        paired_by=words.paired_by,
        layer_counts=words.layer_counts,
        run=run,
        command=shell(run.command),
        again=again(run.command, "diff"),
        quoted=quoted,
        digest=digest,
        version=VERSION,
    )
    return gathered(pieces)
