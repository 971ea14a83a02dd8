"""One fuzzing process: a target under libFuzzer's guidance. Started by `tests.fuzz.run`.

What a target raises is written to FOUND, one input for each place it came from, and the run goes on: so one bug does
not hide the others.
"""

import hashlib
import importlib
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

#: Seconds after which an input is too slow to be an accident; the targets' own limits keep work small.
SLOW = 5.0


def guarded(target: Callable[[bytes], None], found: Path) -> Callable[[bytes], None]:
    """Return a target that writes down what it raises, and what takes long."""
    seen: set[str] = set()

    def note(kind: str, words: str, data: bytes) -> None:
        if kind in seen:
            return
        seen.add(kind)
        name = hashlib.sha256(kind.encode()).hexdigest()[:12]
        (found / name).write_bytes(data)
        (found / f"{name}.txt").write_text(f"{kind}\n\n{words}")

    def call(data: bytes) -> None:
        started = time.monotonic()
        try:
            target(data)
        except Exception as error:  # noqa: BLE001  finding these is what this is for
            last = traceback.extract_tb(error.__traceback__)[-1]
            words = str(error).partition(": ")[0][:60] if isinstance(error, AssertionError) else ""
            place = f"{Path(last.filename).name}:{last.lineno}"
            note(f"{type(error).__name__} {place} {words}", traceback.format_exc(), data)
        if time.monotonic() - started > SLOW:
            note("slow", f"{time.monotonic() - started:.1f} s", data)

    return call


def main() -> None:
    """`harness NAME FOUND [libFuzzer's arguments]`."""
    name, found = sys.argv[1], Path(sys.argv[2])
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["ociarchive"]):
        for module in ("gzipcodec", "stdcodec", "zstdcodec"):  # imported late, when none would be instrumented
            importlib.import_module(f"ociarchive.blobio.{module}")
        targets = importlib.import_module("tests.fuzz.targets").TARGETS
    atheris.Setup([sys.argv[0], *sys.argv[3:]], guarded(targets[name](), found))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
