"""Hold pinned requirements against published advisories: `python -m release.advisories FILE...`.

pip-audit asks for them. Where it cannot, this says so and is no failure: what is not known is not claimed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

#: Seconds for all of them; an answer comes within a few, or not at all.
_PATIENCE: Final = 120


def verdict(report: dict[str, Any]) -> tuple[list[str], int]:
    """Return lines for people and an exit status, for what pip-audit has found."""
    known = [one for one in report.get("dependencies", []) if "vulns" in one]
    unknown = [one["name"] for one in report.get("dependencies", []) if "vulns" not in one]
    lines = [
        f"{one['name']} {one['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'no version'}"
        for one in known
        for found in one["vulns"]
    ]
    count = f"{len(known)} of {len(known) + len(unknown)} packages were held against advisories"
    if not known:
        return ["NOT CHECKED: no advisories can be had from here"], 0
    if unknown:
        count += f"; nothing is known of {', '.join(sorted(unknown))}"
    return [*lines, f"{count}: {len(lines)} found"], 1 if lines else 0


def main(paths: list[str]) -> int:
    """Ask, print, and return the exit status."""
    files = [option for path in paths for option in ("-r", path)]
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--no-deps",
        "--disable-pip",
        "--progress-spinner",
        "off",
        "-f",
        "json",
    ]
    try:
        done = subprocess.run([*command, *files], capture_output=True, text=True, timeout=_PATIENCE, check=False)
        report = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        report = {}
    lines, status = verdict(report)
    for line in lines:
        print(line)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
