"""Compare what two commits make of the corpus: bytes, statuses, findings, reports and words.

`python -m tests.compare.commits OLD NEW [--examples N] [NAME...]`, a NAME as `docker26.tar`. Both are called from trees
of their own with the corpus of this one, side by side; `.` as NEW is the tree as it stands. The table says how many
calls came to the same; below it stands what differs, grouped by what it was and became. Status 1: something differs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CALLS = Path(__file__).with_name("calls.py")
CORPUS = ROOT / "tests" / "corpus"
COMPARED = ("status", "bytes", "findings", "report", "words")
Found = dict[str, Any]


def tree(commit: str, folder: Path) -> Path:
    """Give a folder with the package of a commit."""
    folder.mkdir()
    if commit == ".":
        shutil.copytree(ROOT / "ociarchive", folder / "ociarchive", ignore=shutil.ignore_patterns("__pycache__"))
        return folder
    packed = subprocess.run(["git", "archive", commit, "ociarchive"], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def results(commits: Sequence[str], names: Sequence[str], below: Path) -> list[dict[str, Found]]:
    """Make all calls with each commit, side by side; give what came of them by the name of the call."""
    outs = [below / f"{number}.jsonl" for number in range(len(commits))]
    running = []
    for number, commit in enumerate(commits):
        path = tree(commit, below / f"tree-{number}")
        command = [sys.executable, str(CALLS), str(CORPUS), str(outs[number]), *names]
        running.append(subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(path)}))
    for one in running:
        if one.wait():
            raise SystemExit(f"the calls of one commit ended with {one.returncode}")
    return [{one.pop("call"): one for one in map(json.loads, out.read_text().splitlines())} for out in outs]


def differences(old: Found, new: Found) -> Iterator[tuple[str, str]]:
    """Give what differs between two results of one call, and how, in few words."""
    for what in COMPARED:
        if old.get(what) != new.get(what):
            yield what, _how(what, old.get(what), new.get(what))


def _how(what: str, old: Any, new: Any) -> str:  # noqa: ANN401  any JSON
    """Say what became of a value: of what is long the first part that is another one."""
    if what == "bytes":
        return "none -> some" if old is None else "some -> none" if new is None else "others"
    if what == "words":
        gone = [line for line in old.splitlines() if line not in new.splitlines()]
        come = [line for line in new.splitlines() if line not in old.splitlines()]
        return f"{_cut(gone)} -> {_cut(come)}"
    if what == "findings":
        gone, come = ([_spelled(one) for one in here if one not in there] for here, there in ((old, new), (new, old)))
        return f"{_cut(gone)} -> {_cut(come)}"
    return next(_paths(old, new, ""), "another order")


def _spelled(finding: Mapping[str, Any]) -> str:
    return f"{finding['severity']} {finding['rule']}"


def _cut(parts: Sequence[str]) -> str:
    return " | ".join(dict.fromkeys(parts))[:300] or "nothing"


def _paths(old: Any, new: Any, path: str) -> Iterator[str]:  # noqa: ANN401  any JSON
    """Give each place in which two values of JSON differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old | new:
            yield from _paths(old.get(key), new.get(key), f"{path}/{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for before, after in zip(old, new, strict=True):
            yield from _paths(before, after, f"{path}/-")
    elif old != new:
        yield f"{path}{': ' * bool(path)}{json.dumps(old)[:80]} -> {json.dumps(new)[:80]}"


def table(old: Mapping[str, Found], new: Mapping[str, Found], examples: int) -> tuple[list[str], bool]:
    """Give the lines of the comparison, and whether all is the same."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for call in dict.fromkeys((*old, *new)):
        kinds[call.partition(" ")[0] if not call.startswith("audit of") else "audit of DEST"].append(call)
    lines = [f"{'':16}{'calls':>8}" + "".join(f"{what:>16}" for what in COMPARED)]
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for kind, calls in kinds.items():
        same = dict.fromkeys(COMPARED, 0)
        for call in calls:
            found = dict(differences(old.get(call, {}), new.get(call, {}))) if call in old and call in new else {}
            for what in COMPARED:
                same[what] += what not in found and call in old and call in new
            for what, how in found.items():
                groups[kind, what, how].append(call)
            if call not in old or call not in new:
                groups[kind, "call", "not made in " + ("NEW" if call in old else "OLD")].append(call)
        lines.append(f"{kind:16}{len(calls):>8}" + "".join(f"{f'{count} same':>16}" for count in same.values()))
    for (kind, what, how), calls in sorted(groups.items(), key=lambda group: -len(group[1])):
        more = f", and {len(calls) - examples} more" if len(calls) > examples else ""
        lines += ["", f"{kind}: {what} of {len(calls)}: {how}", f"    {', '.join(calls[:examples])}{more}"]
    return lines, not groups


def main() -> int:
    """Print the comparison."""
    parser = argparse.ArgumentParser(prog="python -m tests.compare.commits", description=__doc__)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--examples", type=int, default=3)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        old, new = results((options.old, options.new), options.names, Path(folder))
    lines, same = table(old, new, options.examples)
    sys.stdout.write("\n".join(lines) + "\n")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
