"""The picture in the README shows what the commands print."""

import re
from pathlib import Path

from tests.support.recording import drawn

PICTURE = Path(__file__).parents[2] / "docs" / "terminal.svg"


def test_the_picture_is_what_the_commands_print() -> None:
    assert drawn() == PICTURE.read_text()


def test_the_picture_asks_nobody_for_anything() -> None:
    text = PICTURE.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|@import|@font-face|<script|<image|<foreignObject", text)
