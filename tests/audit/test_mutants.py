"""One fault in an archive of the corpus: the audit finds it, by the rule that names it, and nothing else."""

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import tests.audit.mutants_of_layers  # noqa: F401  # it puts its mutations into the table
from ociarchive.auditing import RULES, audit_archive
from ociarchive.auditing.rules import deltas, oldimages, parts, stores
from ociarchive.blobio.limits import Limits
from ociarchive.opening import open_archive
from ociarchive.workers import Workers
from tests.audit.editing import NotHereError, opened
from tests.audit.mutants import ARCHIVES, MUTATIONS, TABLES, Mutation
from tests.audit.mutants_of_archives import REGISTRIES
from tests.support.call import Call
from tests.support.truth import CORPUS, load

# Archives that have what rules of these families look at; all other rules are shown by the same dozen.
OF_A_FAMILY = {"toc-": TABLES, "registry-": REGISTRIES}
# Rules of sources that these archives are not made into. Their faults are cases, and tests of their own.
OF_OTHER_SOURCES = (deltas, oldimages, parts, stores)
# What no archive shows by itself.
OF_THE_CALL = {"not-an-archive", "expected-digest-missing", "receipt-mismatch", "audit-died"}


@cache
def before(name: str) -> Counter[tuple[str, str]]:
    """Count what the archive as it stands is warned of."""
    workers = Workers(1)
    try:
        archive = open_archive(str(CORPUS / name))
        try:
            report = audit_archive(archive, limits=Limits(), workers=workers)
        finally:
            archive.close()
    finally:
        workers.close()
    return Counter((one.rule, one.severity) for one in report.findings if one.severity != "note")


def made(mutation: Mutation, name: str, folder: Path) -> Path | None:
    """Make a mutant, where the archive has what is to be changed."""
    bundle = opened(name)
    try:
        mutation.change(bundle)
        return bundle.write(folder)
    except NotHereError:
        return None


def complaints(mutation: Mutation, name: str, call: Call, folder: Path) -> list[str] | None:
    """Say what the audit of a mutant should have said and did not, or the reverse; None where there is no mutant."""
    path = made(mutation, name, folder)
    if path is None:
        return None
    result = call("audit", "--format", "json", "--no-config", "--jobs", "1", path, *mutation.options)
    status = 0 if mutation.warning else 1
    if result.status != status or not result.stdout:
        return [f"status {result.status}, expected {status}: {result.stderr}"]
    findings = [one for one in result.archive()["findings"] if one["severity"] != "note"]
    after = Counter((str(one["rule"]), str(one["severity"])) for one in findings) - before(name)
    wrong = []
    wanted = (mutation.rule, "warning" if mutation.warning else "error")
    if not after[wanted]:
        wrong.append(f"no {wanted[1]} {wanted[0]}")
    if after[wanted] > 1 and not mutation.several:
        wrong.append(f"{after[wanted]} times {wanted[0]}")
    found = {rule for rule, _ in after}
    wrong += [f"no {rule}" for rule in mutation.also if rule not in found]
    told_of = {mutation.rule, *mutation.also, *mutation.may}
    wrong += [f"{count} times {rule}, a {severity}" for (rule, severity), count in after.items() if rule not in told_of]
    if wrong:
        wrong += [f"  {one['rule']} at {one['location']}: {one['message']}" for one in findings]
    return wrong


@pytest.mark.parametrize("mutation", [pytest.param(one, id=one.name) for one in MUTATIONS])
def test_one_fault_is_one_finding(mutation: Mutation, tmp_path: Path, cli_call: Call) -> None:
    found = {}
    family = next((names for prefix, names in OF_A_FAMILY.items() if mutation.rule.startswith(prefix)), ARCHIVES)
    for name in family:
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        found[name] = complaints(mutation, name, cli_call, folder)
    applied = {name: wrong for name, wrong in found.items() if wrong is not None}
    assert applied, "no archive has what is to be changed"
    told_of = [f"{name}: {line}" for name, wrong in applied.items() for line in wrong]
    assert not told_of, "\n".join(told_of)


@pytest.mark.parametrize("name", ARCHIVES)
def test_every_archive_has_sixty_mutants(name: str) -> None:
    count = 0
    for mutation in MUTATIONS:
        bundle = opened(name)
        try:
            mutation.change(bundle)
        except NotHereError:
            continue
        count += bool(bundle.is_tar or not bundle.last)
    assert count >= 60


def test_the_archives_are_of_all_formats() -> None:
    truth = load()
    assert len(ARCHIVES) >= 10
    assert {truth[name].format for name in ARCHIVES} == {"docker-archive", "oci-layout", "oci-archive", "dir"}


def test_names_are_unique() -> None:
    assert len({one.name for one in MUTATIONS}) == len(MUTATIONS)


def test_every_rule_that_archives_show_has_a_mutant() -> None:
    elsewhere = {rule.id for module in OF_OTHER_SOURCES for rule in module.RULES}
    shown = {rule.id for rule in RULES if rule.severity != "note"} - OF_THE_CALL - elsewhere
    assert {one.rule for one in MUTATIONS} >= shown
