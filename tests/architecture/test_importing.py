"""What happens when every module of the package is imported: nothing but imports."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support import structure

ROOT = Path(__file__).parents[2]
NAMES = [module.name for module in structure.modules(ROOT / structure.PACKAGE) if module.row != "__main__"]
#: Imports modules with an ear at the interpreter's own audit events (PEP 578), and prints what it heard.
CODE = """
import importlib, json, os, sys, threading
names, more = json.loads(sys.argv[1])
heard = []
families = {"socket", "subprocess", "pty", "shutil", "tempfile", "signal"}
events = {"system", "exec", "fork", "posix_spawn", "spawn", "putenv", "unsetenv", "chdir", "mkdir", "remove", "rename",
          "rmdir", "link", "symlink", "truncate", "chmod", "chown"}
def hear(event, args):
    family, _, name = event.partition(".")
    if event == "open":
        _, _, flags = args
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            heard.append(event)
    elif family in families or (family == "os" and name in events):
        heard.append(event)
sys.addaudithook(hear)
for name in names:
    importlib.import_module(name)
exec(more)
print(json.dumps([heard, [thread.name for thread in threading.enumerate()]]))
"""


def imported(*names: str, more: str = "") -> tuple[list[str], list[str]]:
    """Import modules in a process of its own; give what was heard, and the threads that run afterwards."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-B", "-c", CODE, json.dumps([names, more])],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    heard, threads = json.loads(done.stdout)
    return heard, threads


def test_importing_everything_does_nothing_else() -> None:
    assert len(NAMES) > 60
    assert imported(*NAMES) == ([], ["MainThread"])


def test_what_is_done_is_heard() -> None:
    more = "import subprocess, tempfile; subprocess.run(['true']); os.unlink(tempfile.mkstemp()[1])"
    heard, _ = imported(more=more)
    assert {"subprocess.Popen", "tempfile.mkstemp", "open", "os.remove"} <= set(heard)
