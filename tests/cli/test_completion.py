"""Completion, asked for by the shells themselves."""

import os
import pty
import re
import select
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.call import Call, Run, refused, told
from tests.support.forking import shared

ROOT = Path(__file__).parents[2]
CASES = [
    pytest.param("ociarchive ins", "ociarchive inspect", id="command"),
    pytest.param("ociarchive audit --recu", "ociarchive audit --recursive", id="option"),
    pytest.param("ociarchive convert --compression zs", "ociarchive convert --compression zstd", id="choice"),
    pytest.param("ociarchive convert --to registry-st", "ociarchive convert --to registry-storage", id="format"),
    pytest.param("ociarchive index cre", "ociarchive index create", id="command-below"),
    pytest.param("ociarchive index create --anno", "ociarchive index create --annotation", id="option-below"),
    pytest.param("ociarchive rules diff-id-mis", "ociarchive rules diff-id-mismatch", id="rule"),
    pytest.param("ociarchive audit image-arch", "ociarchive audit image-archive.tar", id="file"),
]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Give an environment with the program on PATH, and nothing of this machine's settings."""
    program = tmp_path / "bin" / "ociarchive"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(shared().command)} "$@"\n')
    program.chmod(0o755)
    (tmp_path / "image-archive.tar").touch()
    return {
        "HOME": str(tmp_path),
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "PS1": "$ ",
    }


class Terminal:
    """A shell at a terminal."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def until(self, wanted: str, seconds: float = 60) -> None:
        """Read the screen until something stands there."""
        screen, end = "", time.monotonic() + seconds
        while wanted not in screen:
            ready, _, _ = select.select([self._fd], [], [], max(0, end - time.monotonic()))
            assert ready, f"{wanted!r} did not appear: {screen!r}"
            screen += os.read(self._fd, 4096).decode(errors="replace")
            screen = re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]|[\x08\x07]", "", screen)


@contextmanager
def terminal(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=folder, start_new_session=True
    ) as process:
        os.close(theirs)
        try:
            yield Terminal(ours)
        finally:
            process.kill()
            os.close(ours)


def needed(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"not there: {shell}")


@pytest.mark.interop
@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(("typed", "completed"), CASES)
def test_tab_completes(shell: str, typed: str, completed: str, environment: dict[str, str], tmp_path: Path) -> None:
    needed(shell)
    options = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}[shell]
    start = {
        "bash": 'eval "$(ociarchive completion bash)"',
        "zsh": 'autoload -U compinit; compinit -D -u; eval "$(ociarchive completion zsh)"',
    }[shell]
    with terminal([shell, *options], environment, tmp_path) as screen:
        screen.type(f"{start}; echo rea''dy\n")
        screen.until("ready")
        screen.type(f"{typed}\t")
        screen.until(completed)


@pytest.mark.interop
@pytest.mark.parametrize(("typed", "completed"), CASES)
def test_fish_completes(typed: str, completed: str, environment: dict[str, str], tmp_path: Path) -> None:
    needed("fish")
    code = f"ociarchive completion fish | source; complete -C '{typed}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", code],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert completed.rpartition(" ")[2] in done.stdout.split(), done.stderr


def answered(run_cli: Run, words: str, number: int, shell: str = "zsh") -> list[str]:
    environment = {"_OCIARCHIVE_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": str(number)}
    return told(run_cli(env=environment)).stdout.splitlines()


def test_all_commands_are_offered_with_what_they_do(run_cli: Run) -> None:
    lines = answered(run_cli, "ociarchive ", 1)
    assert lines[0:3] == ["plain", "convert", "Convert archives, then audit what was written."]
    assert {"audit", "inspect", "rules", "completion", "doctor"} <= set(lines[1::3])


def test_commands_are_offered_without_importing_them() -> None:
    code = "import sys; from ociarchive.cli.main import run; run([]); print(*sys.modules)"
    environment = {
        **os.environ,
        "_OCIARCHIVE_COMPLETE": "bash_complete",
        "COMP_WORDS": "ociarchive ",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "plain,audit" in done.stdout
    assert "ociarchive.cli.audit_cmd" not in done.stdout


def test_files_stand_in_for_what_is_not_known(run_cli: Run) -> None:
    assert answered(run_cli, "ociarchive audit app", 2, "bash") == ["file,app"]
    assert answered(run_cli, "ociarchive no-such-command", 1, "bash") == [""]
    assert answered(run_cli, "ociarchive audit --no-such", 2, "bash") == [""]


@pytest.mark.parametrize("instruction", ["bash_source", "powershell_complete", "nonsense", "bash_complete"])
def test_what_no_script_of_ours_asks_is_silent(instruction: str, run_cli: Run) -> None:
    result = told(run_cli(env={"_OCIARCHIVE_COMPLETE": instruction}), 1)
    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_this_program(shell: str, cli_call: Call) -> None:
    text = told(cli_call("completion", shell)).stdout
    assert f"_OCIARCHIVE_COMPLETE={shell}_complete" in text


def test_another_shell_is_a_call_at_fault(cli_call: Call) -> None:
    assert "SHELL does not take 'tcsh': expected one of bash, zsh, fish" in refused(cli_call("completion", "tcsh"), 2)
