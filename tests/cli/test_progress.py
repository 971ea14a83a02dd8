"""How work is told of while it goes: not at all where it is short, by lines in a pipe, by bars on a terminal."""

import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

import ociarchive
from ociarchive.cli import course
from ociarchive.cli.course import Course, Standing, following, told
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


MIB = 1 << 20


@pytest.mark.parametrize(
    ("standing", "line"),
    [
        (Standing(), "0 archives done, 0 B, 0 failed"),
        (
            Standing(archives=3, size=10 * MIB, fresh=10 * MIB, expected=9, expected_size=99 * MIB, seconds=2),
            "3 of at least 9 archives done, 10.0 MiB of at least 99.0 MiB, 5.0 MiB/s, 0 failed",
        ),
        (
            Standing(3, 10 * MIB, 5 * MIB, 2, 9, 40 * MIB, counted=True, seconds=2),
            "3 of 9 archives done, 10.0 MiB of 40.0 MiB, 2.5 MiB/s, 12 s left, 2 failed",
        ),
        (
            Standing(3, 0, 0, 0, 9, 0, counted=True, seconds=6),
            "3 of 9 archives done, 0 B of 0 B, 0 B/s, 12 s left, 0 failed",
        ),
        (Standing(1, MIB, MIB, counted=True, countable=False), "1 archive done, 1.0 MiB, 0 failed"),
        (Standing(0, 0, 0, 0, 1, MIB, counted=True), "0 of 1 archive done, 0 B of 1.0 MiB, 0 failed"),
        (
            Standing(3, 10 * MIB, 10 * MIB, 0, counted=True, countable=False, seconds=2),
            "3 archives done, 10.0 MiB, 5.0 MiB/s, 0 failed",
        ),
    ],
)  # fmt: skip
def test_the_line_of_many_archives(standing: Standing, line: str) -> None:
    assert told(standing) == line


def report(size: int, *, recorded: bool = False, failed: bool = False) -> ociarchive.Report:
    error = ociarchive.Finding(rule="r", severity="error", message="m", location="l")
    when = "2026-01-31T08:00:00Z" if recorded else None
    findings = (error,) if failed else ()
    return ociarchive.Report(source="a", contents=None, findings=findings, size=size, recorded=when)


def test_many_archives_are_one_line_every_ten_seconds(clock: list[float]) -> None:
    said: list[str] = []
    lines = Lines(said.append)
    followed = Course(lines.stands, lines.bytes_read)
    followed.expects(10, 100 * MIB)
    lines.begin(BLOBS)
    for number in range(24):
        clock[0] += 1
        if number == 2:
            followed.done(report(20 * MIB, recorded=True))
            followed.done(report(10 * MIB, failed=True))
        if number == 15:
            followed.ends()
        lines.read(0, MIB)
        followed.tick()
    # 11 MiB are read where 10 are of an archive that is done
    assert said[0] == "reading 2 blobs, 60.0 MiB"
    assert said[1:] == [
        "2 of at least 10 archives done, 31.0 MiB of at least 100.0 MiB, 1.0 MiB/s, 1 failed",
        "2 of 10 archives done, 41.0 MiB of 100.0 MiB, 1.0 MiB/s, 59 s left, 1 failed",
    ]


def test_the_bar_of_many_archives_counts_them(
    clock: list[float], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    bars = Bars(colours=False)
    followed = Course(bars.stands, bars.bytes_read)
    followed.expects(7, 100 * MIB)
    clock[0] += 3
    followed.done(report(10 * MIB, failed=True))
    bars.begin(BLOBS)
    bars.read(0, MIB)
    followed.ends()
    followed.tick()
    bars.stop()
    shown = capsys.readouterr().err
    assert "1 archive, 1 failed" in shown
    assert "1/7 archives, 1 failed" in shown
    for archives, expected, countable, said in ((2, 1, True, "2/2 archives"), (3, 0, False, "3 archives")):
        bars = Bars(colours=False)
        clock[0] += 3
        bars.stands(Standing(archives, MIB, MIB, 0, expected, MIB, counted=True, countable=countable, seconds=1))
        bars.stop()
        shown = capsys.readouterr().err
        assert f"{said} " in shown
        assert "/0 archives" not in shown


def test_what_is_to_go_is_counted_by_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "_SHORT", 0)
    for name, content in {
        "a.tar": 5,
        "deep/b.tar": 7,
        "deep/.hidden": 9,
        "one/oci-layout": 2,
        "one/blobs/x": 4,
    }.items():
        (tmp_path / "all" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / name).write_bytes(b"x" * content)
    (tmp_path / "list").write_text(f"{tmp_path}/all/a.tar\n{tmp_path}/none.tar\ndocker://h.example/a\n")

    def counted(paths: list[str], *, recursive: bool, listed: Path | None = None) -> Standing | None:
        heard: list[Standing] = []
        ready = threading.Event()

        class Hears:
            def stands(self, standing: Standing) -> None:
                heard.append(standing)
                if standing.counted:
                    ready.set()

            def bytes_read(self) -> int:
                return 0

        monkeypatch.setattr(course, "_TICK", 0.01)
        values = {"paths": paths, "recursive": recursive, "listed": listed and str(listed)}
        with following(values, Hears()) as followed:  # type: ignore[arg-type]
            if followed is None:
                return None
            assert ready.wait(60)
        return heard[-1]

    def numbers(standing: Standing | None) -> tuple[int, int, bool]:
        assert standing is not None
        return standing.expected, standing.expected_size, standing.countable

    assert numbers(counted([f"{tmp_path}/all"], recursive=True)) == (3, 18, True)
    assert numbers(counted([f"{tmp_path}/all/one", f"{tmp_path}/all/a.tar#x"], recursive=False)) == (2, 11, True)
    assert numbers(counted([], recursive=False, listed=tmp_path / "list")) == (2, 5, True)
    with (tmp_path / "list").open("ab") as file:
        file.write(b"x" * (17 << 10) + f"\n{tmp_path}/all/a.tar\n".encode())  # who audits it refuses this line
    assert numbers(counted([], recursive=False, listed=tmp_path / "list")) == (2, 5, True)
    assert numbers(counted(["-", f"{tmp_path}/all/a.tar"], recursive=False)) == (2, 5, True)
    assert numbers(counted(["s3://bucket/in/"], recursive=True)) == (0, 0, False)
    assert counted([f"{tmp_path}/all/a.tar"], recursive=False) is None
    with following({"paths": ["a", "b"], "recursive": False, "listed": None}, None) as followed:
        assert followed is None


def test_folders_are_counted_however_deep_they_are(tmp_path: Path) -> None:
    for top, marks in ((tmp_path / "archives", ()), (tmp_path / "archive", ("index.json",))):
        top.mkdir()
        for name in marks:
            (top / name).write_bytes(b"")
        here = os.open(top, os.O_RDONLY)
        for _ in range(1500):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        with open(os.open("a.tar", os.O_CREAT | os.O_WRONLY, dir_fd=here), "wb") as file:
            file.write(b"12345")
        os.close(here)
        try:
            assert list(course._sizes(str(top), folders=True)) == [5]
        finally:  # pytest's own clearing recurses
            subprocess.run(["rm", "-rf", "--", top], check=True)
