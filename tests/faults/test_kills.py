"""A run that is killed leaves DEST absent, old or new, and whole; the next run succeeds and clears what was left."""

import random
import signal
import time
from pathlib import Path

import pytest

from tests.faults.support import Place
from tests.support.call import Result
from tests.support.machine import Fault, Machine, ended, run, started

#: Kills for each kind of DEST, with and without `--force`: 56 in all.
AT_CALLS, AT_TIMES = 12, 2
FORM = pytest.mark.parametrize("form", ["folder", "tar"])
FORCE = pytest.mark.parametrize("force", [False, True], ids=["new", "force"])


def check_after(place: Place, form: str, killed: Result, moment: object, *, force: bool) -> None:
    assert killed.status in {-signal.SIGKILL, 0}, f"{moment}: {killed.stderr}"
    found = place.found(form)
    assert found in ({"old", "new"} if force else {"absent", "new"}), moment
    again = run(*place.args(form, force=force))
    if found == "new" and not force:
        assert (again.status, place.left()) == (2, []), f"{moment}: {again.stderr}"
    else:
        place.done(again, form)


@FORM
@FORCE
def test_killed_at_a_call_to_the_system(form: str, force: bool, place: Place, machine: Machine) -> None:
    place.reset(form, force=force)
    result, events = machine.run(*place.args(form, force=force), under=place.folder)
    place.done(result, form)
    moments = random.Random(f"{form} {force}").sample(range(1, len(events) + 1), AT_CALLS)
    kills = 0
    for moment in moments:
        place.reset(form, force=force)
        killed, _ = machine.run(
            *place.args(form, force=force), under=place.folder, fault=Fault.signalled(moment, signal.SIGKILL)
        )
        kills += killed.status == -signal.SIGKILL
        check_after(place, form, killed, f"call {moment}", force=force)
    assert kills >= AT_CALLS - 2, "the last calls may be one more or one less, as threads take turns"


@FORM
@FORCE
def test_killed_at_any_time(form: str, force: bool, place: Place) -> None:
    """What is right does not depend on how far it came: the time decides what is tried, not what passes."""
    place.reset(form, force=force)
    begun = time.monotonic()
    run(*place.args(form, force=force))
    needed = time.monotonic() - begun
    chance = random.Random(f"time {form} {force}")
    for _ in range(AT_TIMES):
        place.reset(form, force=force)
        child = started(*place.args(form, force=force))
        time.sleep(needed * chance.uniform(0.3, 1))
        child.kill()
        check_after(place, form, ended(child), "a time", force=force)


@FORM
def test_a_killed_run_that_was_killed_again(form: str, place: Place, machine: Machine) -> None:
    """What two left is cleared by the third."""
    for moment in (30, 12):
        fault = Fault.signalled(moment, signal.SIGKILL)
        killed, _ = machine.run(*place.args(form, force=False), under=place.folder, fault=fault)
        assert killed.status == -signal.SIGKILL
        assert len(place.left()) == 1
    place.done(run(*place.args(form, force=False)), form)


STATUSES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@FORM
@FORCE
@pytest.mark.parametrize("number", STATUSES, ids=lambda number: number.name)
def test_a_signal_leaves_nothing(
    number: signal.Signals, form: str, force: bool, place: Place, machine: Machine
) -> None:
    place.reset(form, force=force)
    args = (*place.args(form, force=force), "--jobs", "1")  # threads that take turns would make other calls each time
    _, events = machine.run(*args, under=place.folder)
    moments = [*random.Random(f"{number} {form} {force}").sample(range(1, len(events)), 2), len(events) - 1]
    for moment in moments:
        place.reset(form, force=force)
        fault = Fault.signalled(moment, number)
        result, _ = machine.run(*args, under=place.folder, fault=fault)
        assert (result.status, result.stderr) == (STATUSES[number], ""), f"call {moment}"
        assert place.left() == [], f"call {moment}"
        assert place.found(form) in ({"old", "new"} if force else {"absent", "new"}), f"call {moment}"


def test_a_receipt_that_was_interrupted_leaves_no_part(place: Place, machine: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "receipts"
    folder.mkdir()
    fault = Fault("write", 1, f"signal {signal.SIGTERM.value}")
    args = (*place.args("folder", force=False), "--receipt", folder / "receipt")
    result, _ = machine.run(*args, under=folder, fault=fault)
    assert result.status == 143
    assert [one.name for one in folder.iterdir() if one.name != "receipt"] == []
