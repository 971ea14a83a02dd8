"""How work is told of while it goes: not at all where it is short, by lines in a pipe, by bars on a terminal."""

import time

import pytest

from ociarchive.cli.progress import Bars, Lines

BLOBS = [("a.tar: blobs/sha256/0123456789abcdef", 40 << 20), ("b\x1b[31m", 20 << 20)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_short_work_is_not_told_of(clock: list[float]) -> None:
    told: list[str] = []
    lines = Lines(told.append)
    lines.begin(BLOBS)
    for number, (_, size) in enumerate(BLOBS):
        clock[0] += 0.2
        lines.read(number, size)
        lines.end(number)
    assert told == []


def test_a_line_at_the_start_and_one_every_ten_seconds(clock: list[float]) -> None:
    told: list[str] = []
    lines = Lines(told.append)
    lines.begin(BLOBS)
    for second in range(1, 31):
        clock[0] = 100.0 + second
        lines.read(0, 1 << 20)
        if second == 20:
            lines.end(0)
            lines.begin([("c", 60 << 20)])
    assert told[0] == "reading 2 blobs, 60.0 MiB"
    assert told[1:] == [
        "11.0 MiB of 60.0 MiB read, 0 of 2 blobs done, 1.0 MiB/s, 49 s left",
        "21.0 MiB of 120.0 MiB read, 1 of 3 blobs done, 1.0 MiB/s, 99 s left",
    ]


def test_bars_come_with_long_work_alone_and_go_again(
    clock: list[float], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # what makes rich believe in a terminal
    bars = Bars(colours=False)
    bars.begin(BLOBS)
    bars.read(0, 10)
    bars.stop()
    assert capsys.readouterr().err == ""
    bars = Bars(colours=False)
    bars.begin(BLOBS)
    clock[0] += 3
    bars.read(0, 10 << 20)
    bars.read(1, 1 << 20)
    bars.end(0)
    bars.begin([("c", 60 << 20)])
    bars.read(0, 60 << 20)
    bars.stop()
    shown = capsys.readouterr().err
    assert "total" in shown
    assert "\x1b[31m" not in shown
