"""Two processes that write one DEST: one wins whole, and the other says so."""

import signal
from pathlib import Path

import pytest

from tests.faults.support import FORMS, Place
from tests.support.machine import Fault, Machine, ended, run, started

FORM = pytest.mark.parametrize("form", FORMS)
STOP = f"signal {signal.SIGSTOP.value}"


#: What fits where DEST is there, and what would be lost.
THERE = {
    "folder": "DEST exists, use --merge to add to it, or --force to replace it and lose docker.io/faults/app:1.0",
    "tar": (
        "DEST exists, name DEST behind it if it is a SOURCE,"
        " or use --force to replace it and lose docker.io/faults/app:1.0"
    ),
}


def lost(stderr: str, dest: Path, form: str, *, force: bool) -> None:
    words = "another run has written DEST in the meantime" if force else THERE[form]
    assert words in stderr
    assert f"({dest})" in stderr
    assert stderr.count("\n") == 1


@FORM
@pytest.mark.parametrize(("old", "force"), [(False, False), (False, True), (True, True)])
def test_the_slower_one_says_so(form: str, old: bool, force: bool, place: Place, machine: Machine) -> None:
    """It stops just before it gives DEST its name, until the other is done."""
    args = (*place.args(form, force=force), "--jobs", "1")
    place.reset(form, force=old)
    _, events = machine.run(*args, under=place.folder)
    place.reset(form, force=old)
    named = next(n for n, one in enumerate(events) if one.call == "rename" and one.other == str(place.dest))
    last = len([one for one in events[:named] if one.call == "open"])  # to lock the folder, the old DEST
    running = machine.start(*args, under=place.folder, fault=Fault("open", last - (1 if old else 0), STOP))
    running.wait_until_stopped()
    other = run(*args)
    assert (other.status, other.stderr) == (0, ""), other.stderr
    result, _ = running.go_on()
    assert result.status == 2, result.stderr
    lost(result.stderr, place.dest, form, force=force)
    assert place.found(form) == "new"
    assert place.left() == []


@FORM
@pytest.mark.parametrize(("old", "force"), [(False, False), (False, True), (True, True)])
def test_side_by_side(form: str, old: bool, force: bool, place: Place) -> None:
    """Whoever is first; one that begins when the other is done replaces it, where it may."""
    for _ in range(2):
        place.reset(form, force=old)
        results = [ended(child) for child in [started(*place.args(form, force=force)) for _ in range(3)]]
        statuses = [result.status for result in results]
        assert statuses.count(0) >= 1 if force else statuses.count(0) == 1, statuses
        for result in results:
            assert result.status in {0, 2}, result.stderr
            if result.status == 2:
                lost(result.stderr, place.dest, form, force=force)
        assert place.found(form) == "new"
        assert place.left() == []


@FORM
def test_a_run_that_waits_is_no_leftover(form: str, place: Place, machine: Machine) -> None:
    """Another that begins meanwhile leaves its hidden part alone."""
    args = (*place.args(form, force=True), "--jobs", "1")
    place.reset(form, force=True)
    running = machine.start(*args, under=place.folder, fault=Fault("fsync", 1, STOP))
    running.wait_until_stopped()
    (part,) = place.left()
    again = run("convert", place.work.new, place.folder / "other", *FORMS[form])
    assert again.status == 0
    refused = run("convert", place.folder / "nothing", place.dest, *FORMS[form], "--force")
    assert refused.status == 2
    assert place.left() == [part]
    (result, _) = running.go_on()
    place.done(result, form)
