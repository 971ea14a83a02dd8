"""docs/terminal.svg: a session in a terminal of 80 columns, drawn from what the commands really print.

`python -m tests.support.recording > docs/terminal.svg` draws it anew.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from tests.support.readme import steady

ROOT = Path(__file__).parents[2]
COLUMNS: Final = 80
COMMANDS: Final = (
    "ociarchive inspect buildx-oci-zstd.tar",
    "ociarchive convert docker20.tar app --to oci-layout --compression zstd",
    "printf x >> $(ls -S app/blobs/sha256/* | head -1)",
    "ociarchive audit docker20.tar app",
)
# Without the fonts that the library's own frame fetches from elsewhere: the picture asks nobody for anything.
FRAME: Final = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>A session with ociarchive: inspect, convert, and an audit that finds a changed byte</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def on_a_terminal(command: str, folder: Path) -> str:
    """Return what a command prints on a terminal, colours included."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    program = f'ociarchive() {{ "{sys.executable}" -m ociarchive "$@"; }}\n'
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    environment |= {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        ["bash", "-c", program + command], cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ):
        os.close(theirs)
        raw = b""
        while True:
            try:
                data = os.read(ours, 1 << 16)
            except OSError:  # how Linux says that the other side is closed
                break
            if not data:
                break
            raw += data
    os.close(ours)
    return raw.decode().replace("\r\n", "\n")


def drawn() -> str:
    """Return the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "samples", folder, dirs_exist_ok=True)
        shown = "\n".join(f"\x1b[1m$ {command}\x1b[0m\n{on_a_terminal(command, folder)}" for command in COMMANDS)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(steady(shown).replace("\n\n\n", "\n\n")), soft_wrap=True)
    return console.export_svg(title="ociarchive", code_format=FRAME, unique_id="t")


if __name__ == "__main__":
    sys.stdout.write(drawn())
