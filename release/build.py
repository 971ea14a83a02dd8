"""Build everything that is shipped into a folder: `python -m release.build FOLDER`.

Makes our wheel and sdist, the one-file program, a wheelhouse that pip installs from without a network, and SHA256SUMS
over all of it. Needs hatchling, and pip with its package index for what is not in PIP_FIND_LINKS.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import tempfile
from pathlib import Path

from ociarchive.version import VERSION
from release import onefile, wheels
from release.wheels import ALL, Target

_HOW = """\
Without a network, in a virtual environment of Python {pythons}:

  sha256sum --check SHA256SUMS
  pip install --no-index --find-links wheelhouse --require-hashes -r wheelhouse/requirements.txt

One file for the same Pythons, without pip:

  python3 {program} --help
"""


def build(folder: Path, targets: tuple[Target, ...]) -> list[Path]:
    """Build into `folder`, which is made anew, and return every file in it."""
    if folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"error: {folder} is not empty")
    house = folder / "wheelhouse"
    house.mkdir(parents=True)
    program = folder / f"ociarchive-{VERSION}.pyz"
    with tempfile.TemporaryDirectory() as name:
        built = wheels.own(Path(name), kinds=("wheel", "sdist"))
        for one in built:
            shutil.copyfile(one, folder / one.name)
    (wheel,) = folder.glob("*.whl")
    fetched = {target: wheels.needed(target, house) for target in targets}
    onefile.assemble({target: [wheel, *paths] for target, paths in fetched.items()}, program)
    shutil.copyfile(wheel, house / wheel.name)
    pinned = f"ociarchive=={VERSION} --hash=sha256:{_sha256(wheel)}\n"
    (house / "requirements.txt").write_text(pinned + wheels.REQUIREMENTS.read_text())
    pythons = ", ".join(sorted({target.python for target in targets}))
    (folder / "INSTALL.txt").write_text(_HOW.format(pythons=pythons, program=program.name))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = "".join(f"{_sha256(path)}  {path.relative_to(folder)}\n" for path in files)
    (folder / "SHA256SUMS").write_text(sums)
    return [*files, folder / "SHA256SUMS"]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Build everything that is shipped.")
    parser.add_argument("folder", type=Path, help="where it goes; new or empty")
    parser.add_argument("--this", action="store_true", help="for this Python and machine alone: smaller, faster")
    parser.add_argument("--platform", action="append", choices=list(wheels.PLATFORMS), help="for these alone")
    asked = parser.parse_args()
    targets = tuple(one for one in ALL if not asked.platform or one.platform in asked.platform)
    for path in build(asked.folder, (wheels.this(),) if asked.this else targets):
        print(f"{path.stat().st_size:>12,}  {path}")


if __name__ == "__main__":
    main()
