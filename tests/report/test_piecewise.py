"""Reports of many archives: each is taken as it comes, and what is kept of it is text in a nameless file."""

import datetime as dt
import gc
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

import ociarchive
from ociarchive.auditing import Finding, Report
from ociarchive.auditing.run import Run
from ociarchive.report.audit.audit_table import AuditTable
from ociarchive.report.audit.piecewise import Piecewise
from ociarchive.report.rendering import REPORTS, begin
from tests.support.truth import CORPUS

RUN = Run(command=("ociarchive", "audit"), time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), seconds=0)


def table(run: Run) -> Piecewise:
    return AuditTable(run, width=80, whole=False, paint=lambda text, _: text)


FORMATS: dict[str, Callable[[Run], Piecewise]] = {"table": table}
FORMATS |= {form: lambda run, form=form: begin(form, run) for form in REPORTS}  # type: ignore[misc]


@pytest.fixture(scope="module")
def report() -> Report:
    return ociarchive.audit(CORPUS / "docker20.tar")


def many(report: Report, count: int, repeated: int = 400) -> Iterator[Report]:
    """Give reports of archives of which no two have one name; every second has faults that no other has.

    `repeated` times the same words make the text of a fault.
    """
    for number in range(count):
        source = f"/srv/archives/{number:06}.tar"
        faults = [
            Finding(
                rule=rule,
                severity="error",
                message=f"{rule} {number} " * repeated,
                location=f"{source}: {number}",
                subject=str(number),
            )
            for rule in ("digest-mismatch", "diff-id-mismatch")
        ]
        yield replace(report, source=source, findings=tuple(faults) if number % 2 else ())


@pytest.mark.parametrize(
    ("few", "count", "repeated", "most"),
    [(25, 75, 800, 1 << 19), pytest.param(50, 2000, 400, 1 << 20, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("form", sorted(FORMATS))
def test_memory_does_not_grow_with_the_number_of_archives(
    form: str, few: int, count: int, repeated: int, most: int, report: Report
) -> None:
    def made(count: int) -> None:
        with FORMATS[form](RUN) as making:
            for one in many(report, count, repeated):
                making.take(one)
            size = sum(map(len, making.pieces(RUN)))
        assert size > count * 60

    def peak(count: int) -> int:
        gc.collect()
        tracemalloc.start()
        try:
            made(count)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    made(2)  # what is imported and made once
    before = peak(few)
    # Half of them have 18 KB of findings each, or twice that. A text is in memory until it has 256 KiB: of the four of
    # HTML two have a row of 450 bytes for each archive.
    assert peak(count) - before < most


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_a_report_in_pieces_is_the_same_each_time(form: str, report: Report) -> None:
    made = []
    for _ in range(2):
        with FORMATS[form](RUN) as making:
            for one in many(report, 5):
                making.take(one)
            made.append("".join(making.pieces(RUN)))
    assert made[0] == made[1]
    assert "000003.tar" in made[0]
