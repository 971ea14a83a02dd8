"""Make the same calls with whatever package is on the path, and write what came of each as a line of JSON.

`python calls.py CORPUS OUT [NAME...]`: every archive of a corpus is inspected, audited, and converted into every format
with every compression; what was written is audited too. It is run by the path of this file, with `PYTHONPATH` the tree
of a commit: of the package it needs the command line and the names of formats that are written.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ociarchive import formats
from ociarchive.cli.main import run

FORMATS = tuple(one.name for one in formats.FORMATS if getattr(one, "layout", True))
COMPRESSIONS = ("auto", "keep", "gzip", "zstd", "none")


def called(*args: str) -> dict[str, Any]:
    """Call the command; give its status, its report without findings, its findings and its words."""
    kept = [os.dup(1), os.dup(2)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        for stream, file in ((1, out), (2, err)):
            os.dup2(file.fileno(), stream)
        try:
            status = run(list(args))
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for stream, old in zip((1, 2), kept, strict=True):
                os.dup2(old, stream)
                os.close(old)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    report = json.loads(texts[0]) if texts[0].startswith("{") else {}
    findings = [one for archive in report.get("archives", ()) for one in archive.pop("findings", ())]
    words = "\n".join(line for line in texts[1].splitlines() if not line.startswith("done in "))
    return {"status": status, "report": report, "findings": findings, "words": words}


def hashed(path: Path) -> str | None:
    """Give the digest of a file, or of all names and files of a folder; None where nothing is there."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    if not path.is_dir():
        return None
    files = [(str(one.relative_to(path)), hashed(one) if one.is_file() else "") for one in sorted(path.rglob("*"))]
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()


def results(archive: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Make every call of one archive; give what each is called, and what came of it."""
    for command in ("inspect", "audit"):
        yield f"{command} {archive.name}", called(command, "--no-progress", "--format", "json", str(archive))
    for form in FORMATS:
        for compression in COMPRESSIONS:
            dest = Path("dest")
            options = ("--no-sync", "--no-progress", "--to", form, "--compression", compression)
            found = called("convert", *options, str(archive), str(dest))
            found["bytes"] = hashed(dest)
            yield f"convert {archive.name} {form} {compression}", found
            if dest.exists():
                yield (
                    f"audit of {archive.name} {form} {compression}",
                    called("audit", "--no-progress", "--format", "json", str(dest)),
                )
            if dest.is_dir():
                shutil.rmtree(dest)
            dest.unlink(missing_ok=True)


def main(corpus: str, out: str, names: Sequence[str]) -> None:
    """Write what came of the calls."""
    archives = sorted(one for one in Path(corpus).iterdir() if one.suffix not in (".json", ".md"))
    with Path(out).open("w") as file, tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for archive in archives:
            if not names or archive.name in names:
                file.writelines(json.dumps({"call": name, **found}) + "\n" for name, found in results(archive))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
