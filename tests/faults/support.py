"""What the tests of faults share: archives, the forms of DEST, and what DEST and its folder must be afterwards."""

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import build
from tests.support.call import Result, hidden
from tests.support.machine import HIDDEN, state
from tests.support.tar import write_tar

#: A folder whose blobs are copied, and a tar whose layers are compressed anew: what waits for its turn is spooled.
FORMS: dict[str, tuple[str, ...]] = {
    "folder": ("--to", "oci-layout", "-q"),
    "tar": ("--to", "oci-archive", "--compression", "zstd", "-q"),
}


def noisy(path: Path, codecs: Sequence[build.Codec] = ("gzip", "zstd", "none")) -> Path:
    """Write an archive of a layer that hardly compresses for each of some codecs."""
    noise = random.Random(8)
    made = [build.layer({f"noise/{n}": noise.randbytes(700_000)}, codec) for n, codec in enumerate(codecs)]
    return write_tar(path, build.layout(build.Image(layers=made).node().named("docker.io/faults/app:1.0", "1.0")))


@dataclass(frozen=True, slots=True)
class Work:
    """Two sources, and what a sound machine makes of them."""

    old: Path
    new: Path
    results: Path
    forms: dict[str, tuple[str, ...]] = field(default_factory=lambda: FORMS)

    def result(self, name: str, form: str) -> Path:
        """Give the path of what comes of `old` or `new`."""
        return self.results / f"{name}-{form}"


@dataclass(slots=True)
class Place:
    """A folder with a DEST in it, which is absent, the old one or the new one."""

    work: Work
    folder: Path

    @property
    def dest(self) -> Path:
        """Give the path of DEST."""
        return self.folder / "dest"

    def args(self, form: str, *, force: bool, source: Path | None = None) -> tuple[str | Path, ...]:
        """Give the arguments of a conversion of the new source, or another, to DEST."""
        return ("convert", source or self.work.new, self.dest, *FORMS[form], *(["--force"] if force else []))

    def reset(self, form: str, *, force: bool) -> None:
        """Make the folder what it is before a run: with `force` the old DEST is there."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        if force:
            old = self.work.result("old", form)
            if old.is_dir():
                shutil.copytree(old, self.dest)
            else:
                shutil.copy(old, self.dest)

    def found(self, form: str) -> str:
        """Tell what DEST is: absent, old or new; whatever else is an error."""
        if not self.dest.exists():
            return "absent"
        now = state(self.dest)
        for name in ("old", "new"):
            if now == state(self.work.result(name, form)):
                return name
        raise AssertionError(f"{self.dest} is neither the old one nor the new one")

    def left(self) -> Sequence[str]:
        """Give what lies beside DEST."""
        return hidden(self.folder)

    def as_before(self, form: str, *, force: bool) -> None:
        """Check that a run that failed has changed nothing and left nothing."""
        assert self.found(form) == ("old" if force else "absent")
        assert self.left() == []

    def refused(self, result: Result, form: str, *, force: bool, status: int = 3) -> str:
        """Check that a run failed as it should: one line for a person, nothing changed; give the line."""
        assert result.status == status, f"status {result.status}: {result.stderr}"
        lines = result.stderr.splitlines()
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("error: "), result.stderr
        assert HIDDEN not in lines[0], f"nobody knows this name: {lines[0]}"
        self.as_before(form, force=force)
        return lines[0]

    def done(self, result: Result, form: str) -> None:
        """Check that a run succeeded, whole and with nothing left."""
        assert result.status == 0, f"status {result.status}: {result.stderr}"
        assert "Traceback" not in result.stderr
        assert self.found(form) == "new"
        assert self.left() == []
