"""What a call of the command line gave back."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.support.forking import shared

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """Exit status and both streams; `raw` is standard output as bytes."""

    status: int
    raw: bytes
    stderr: str

    @property
    def stdout(self) -> str:
        """Give standard output as text."""
        return self.raw.decode()

    def json(self) -> Json:
        """Parse standard output, which must be one JSON object and nothing else."""
        value = json.loads(self.stdout)
        assert isinstance(value, dict), self.stdout[:200]
        return value

    def archive(self) -> Json:
        """Give the one archive that an audit or inspection speaks of."""
        (value,) = self.json()["archives"]
        assert isinstance(value, dict), value
        return value

    def rules(self, *severities: str) -> set[str]:
        """Give the rules that have findings of these severities, errors and warnings where none are named."""
        wanted = severities or ("error", "warning")
        return {one["rule"] for one in self.archive()["findings"] if one["severity"] in wanted}


class Call(Protocol):
    """Call the command in this process, which saves the start of another."""

    def __call__(self, *args: str | Path) -> Result:
        """Run with these arguments."""
        ...


class Run(Protocol):
    """Call the command as a user does, in a process of its own."""

    def __call__(
        self,
        *args: str | Path,
        stdin: bytes | int = b"",
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Result:
        """Run with these arguments; `stdin` is bytes for a pipe, or an open file."""
        ...


def without(library: str, *args: str | Path, cwd: Path | None = None) -> Result:
    """Run the command in a process that cannot import a library."""
    code = f"import sys; sys.modules[{library!r}] = None; from ociarchive.cli.main import main; sys.exit(main())"
    folder = str(cwd) if cwd else None
    status, out, err = shared().piped([str(arg) for arg in args], env=os.environ, cwd=folder, code=code)
    return Result(status, out, err.decode())


def told(result: Result, wanted: int = 0) -> Result:
    """Check the status, and that what went wrong was told in the form that every error has."""
    assert result.status == wanted, f"status {result.status}, expected {wanted}: {result.stderr}{result.stdout[-2000:]}"
    assert "Traceback" not in result.stderr, result.stderr
    return result


def refused(result: Result, wanted: int, dest: Path | None = None) -> str:
    """Check that a call was refused as the contract says: one line that starts with error, and no DEST."""
    told(result, wanted)
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, f"expected one line of error, found: {result.stderr}"
    if dest is not None:
        assert not dest.exists(), f"{dest} is there although the call failed: {result.stderr}"
        left = hidden(dest.parent)
        assert not left, f"left behind: {left}"
    return errors[0]


def hidden(folder: Path) -> Sequence[str]:
    """Give what lies hidden in a folder, as unfinished work does."""
    return sorted(one.name for one in folder.iterdir() if one.name.startswith("."))
