"""Whatever is changed between audits with a catalogue, the last has the verdicts of an audit without one."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ociarchive
from tests.support.build import Image, layer, layout
from tests.support.tar import tar

NAMES = ("a.tar", "b.tar", "sub/c.tar")
CONTENTS = tuple(tar(layout(Image(layers=[layer({"bin/app": b"%d" % number}, "gzip")]).node())) for number in range(2))
BROKEN = bytes(CONTENTS[0]).replace(b"rootfs", b"rootsf")
POLICIES = (ociarchive.Policy(), ociarchive.Policy(strict=True), ociarchive.Policy(ignore={"not-an-archive": "test"}))
Step = tuple[str, str, int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "remove", "flip", "audit"]), st.sampled_from(NAMES), st.integers(0, 3)),
    max_size=12,
)


def take(folder: Path, db: Path, step: Step) -> None:
    what, name, number = step
    path = folder / name
    if what == "write":
        path.write_bytes((*CONTENTS, BROKEN, b"\x00\x01 no archive")[number])
    elif what == "remove":
        path.unlink(missing_ok=True)
    elif what == "flip" and path.exists():
        data = bytearray(path.read_bytes())
        data[len(data) * (number + 1) // 5] ^= 1
        path.write_bytes(data)
    elif what == "audit":
        list(ociarchive.audit_each([folder], recursive=True, catalogue=db, policy=POLICIES[number % len(POLICIES)]))


@given(steps=STEPS, last=st.sampled_from(POLICIES))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_changes_end_with_the_verdicts_of_a_fresh_audit(steps: list[Step], last: ociarchive.Policy) -> None:
    top = Path(tempfile.mkdtemp())
    try:
        folder, db = top / "racks", top / "audits.db"
        (folder / "sub").mkdir(parents=True)
        (folder / "kept.tar").write_bytes(CONTENTS[0])
        for step in steps:
            take(folder, db, step)
        found = list(ociarchive.audit_each([folder], recursive=True, catalogue=db, policy=last, detail="all"))
        fresh = list(ociarchive.audit_each([folder], recursive=True, policy=last, detail="all"))
        assert [replace(report, recorded=None) for report in found] == fresh
        with ociarchive.Catalogue(str(db)) as catalogue:
            recorded = {entry.source: entry.passed for entry in catalogue.archives()}
        assert {report.source: not report.failed for report in fresh}.items() <= recorded.items()
    finally:
        shutil.rmtree(top)
