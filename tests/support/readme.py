"""The examples of README and docs: run as they stand there, and written anew by `python -m tests.support.readme`.

An example is a block of `console`: lines after `$ ` are commands, all others what they print, on either stream.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support.forking import shared

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCUMENTS = (README, *sorted(ROOT.glob("docs/**/*.md")))
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_TIME = re.compile(r"\b[0-9]+\.[0-9] s\b")
#: What a slow machine says and a fast one does not.
_SLOW = re.compile(r"^reading [0-9]+ blobs?, .*\n", re.MULTILINE)


def examples(text: str) -> list[str]:
    """Return the blocks of a document that are examples."""
    return _BLOCK.findall(text)


def steady(text: str) -> str:
    """Return output without what differs from run to run."""
    return _TIME.sub("0.0 s", _SLOW.sub("", text))


def run(block: str, folder: Path) -> str:
    """Return a block with what its commands print in `folder`, which has the samples."""
    out = []
    for line in block.splitlines():
        if line.startswith("$ "):
            out.append(line)
            out.append(_output(line.removeprefix("$ "), folder))
    return "\n".join(part.rstrip("\n") for part in out if part) + "\n"


def _output(command: str, folder: Path) -> str:
    environment = {**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}
    program = f'ociarchive() {{ {shlex.join(shared().command)} "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-c", program + command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return steady(done.stdout)


def rewritten(text: str) -> str:
    """Return a document with the output of all its examples as it is now."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "samples", folder / "samples")
        return _BLOCK.sub(lambda found: f"```console\n{run(found[1], folder)}```", text)


if __name__ == "__main__":
    for document in DOCUMENTS:
        before = document.read_text()
        if (after := rewritten(before)) != before:
            document.write_text(after)
