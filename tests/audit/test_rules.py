"""Every rule: cases that it finds, alone and as it says, and lawful near misses that it lets pass."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ociarchive.auditing import RULES
from ociarchive.auditing.rules import engines
from tests.audit.cases import FAILS, PASSES, Cases
from tests.audit.faults import NOWHERE, sets
from tests.audit.making import ARM, BASE, IMAGE, SAVED, TOP, Case, made, without
from tests.support.build import Image, docker_archive, index, layer, layout
from tests.support.call import Call, Json, told
from tests.support.tar import Member, changed, file, symlink

SEVERITY = {rule.id: rule.severity for rule in RULES}
# Rules about values of members: what was expected and what was found stand apart from the message.
OF_VALUES = {
    *("schema", "digest-malformed", "media-type-malformed", "platform-malformed", "platform-empty", "config-value"),
    *("platform-spelling", "urls-malformed", "annotations-malformed", "key-case", "layers-empty"),
}


def rows(cases: Cases) -> list[Any]:
    return [
        pytest.param(rule, case, id=f"{rule}-{name}") for rule, named in cases.items() for name, case in named.items()
    ]


def findings(case: Case, call: Call, folder: Path, status: int) -> list[Json]:
    """Audit a case, and give what is found of it."""
    arguments = case.arguments(folder)
    result = told(call("audit", "--format", "json", "--no-config", "--jobs", "1", *arguments), status)
    found: list[Json] = result.archive()["findings"]
    return found


def shown(found: list[Json]) -> str:
    return "\n".join(f"{one['severity']} {one['rule']} at {one['location']}: {one['message']}" for one in found)


def test_every_rule_has_cases_of_both_kinds() -> None:
    # Rules about the work of engines judge no archive: tests/engines shows them.
    assert set(FAILS) == set(PASSES) == set(SEVERITY) - {rule.id for rule in engines.RULES}
    assert all(FAILS.values())
    assert all(PASSES.values())


@pytest.mark.parametrize("cases", [FAILS, PASSES], ids=["fails", "passes"])
def test_no_case_of_a_rule_is_another_one_again(cases: Cases) -> None:
    """One that changes nothing of an archive, or that stands there twice, shows nothing."""
    for rule, named in cases.items():
        first: dict[str, str] = {}
        for name, case in named.items():
            same = repr(replace(case, location=None, subject=None, expected=None, found=None))
            assert first.setdefault(same, name) == name, f"{rule}: {name} is {first[same]}"


@pytest.mark.parametrize(("rule", "case"), rows(FAILS))
def test_fails(rule: str, case: Case, tmp_path: Path, cli_call: Call) -> None:
    wanted = {rule, *case.also}
    status = int(any(SEVERITY[one] == "error" for one in wanted))
    found = findings(case, cli_call, tmp_path, status)
    counts = Counter(one["rule"] for one in found if one["severity"] != "note" or one["rule"] == rule)
    assert counts == Counter({rule: case.count, **dict.fromkeys(case.also, 1)}) or (
        case.also and set(counts) == wanted and counts[rule] == case.count
    ), shown(found)
    assert all(one["severity"] == SEVERITY[one["rule"]] for one in found)

    assert all(one["expected"] and one["found"] for one in found if one["rule"] in OF_VALUES), found

    (one, *_) = [one for one in found if one["rule"] == rule]
    where = str(tmp_path / "archive")
    assert one["message"]
    assert one["location"].startswith(where)
    if case.location is not None:
        assert one["location"] == where + case.location
    for key in ("subject", "expected", "found"):
        if (value := getattr(case, key)) is not None:
            assert one[key] == value


@pytest.mark.parametrize(("rule", "case"), rows(PASSES))
def test_passes(rule: str, case: Case, tmp_path: Path, cli_call: Call) -> None:
    found = findings(case, cli_call, tmp_path, 0)
    assert rule not in {one["rule"] for one in found}, shown(found)
    assert {one["rule"] for one in found if one["severity"] != "note"} == set(case.also), shown(found)


def test_findings_are_the_same_each_time(tmp_path: Path, cli_call: Call) -> None:
    names = ("blob-missing", "sparse-index", "layer-order", "hybrid-disagrees")
    for number, case in enumerate(case for name in names for case in FAILS[name].values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = case.write(folder)
        calls = [cli_call("audit", "--format", "json", "--no-config", "--jobs", str(jobs), path) for jobs in (1, 4, 4)]
        assert calls[0].stdout == calls[1].stdout == calls[2].stdout


FIRST, SECOND = SAVED.layers
SEVERAL: dict[str, tuple[list[Member], dict[str, int]]] = {
    "link-and-missing-layer": (
        [*without(docker_archive(SAVED), FIRST, SECOND), symlink(FIRST, "nothing")],
        {"link-dangling": 1, "blob-missing": 1},
    ),
    "two-links": (
        [*without(docker_archive(SAVED), FIRST, SECOND), symlink(FIRST, "nothing"), symlink(SECOND, "layer.tar")],
        {"link-dangling": 1, "link-loop": 1},
    ),
    "config-and-layer": (
        changed(changed(docker_archive(SAVED), SAVED.config, b"{"), SECOND, b"x" * 600),
        {"json-invalid": 1, "image-id-mismatch": 1, "layer-not-tar": 1},
    ),
    "two-layers-damaged": (
        layout(Image(layers=[replace(one, stored=one.stored[:-1]) for one in IMAGE.layers]).node()),
        {"layer-damaged": 2},
    ),
    "all-at-once": (
        [
            *changed(
                changed(layout(made(config=sets("os", 5), manifest=sets("annotations", []))), "oci-layout", b"{}"),
                "index.json",
                sets("x", 1)(layout(made(config=sets("os", 5), manifest=sets("annotations", [])))[-1].data).replace(
                    b'"x":1', b'"Manifests":1'
                ),
            ),
            file("../above", b"x"),
            file("blobs/sha256/odd", b"x"),
        ],
        {"schema": 1, "annotations-malformed": 1, "layout-version": 1, "key-case": 1, "member-name": 1, "blob-name": 1},
    ),
    "every-child-of-an-index": (
        layout(index([made(manifest=lambda data: data[:-1]), made(ARM, manifest=lambda data: b"\xef\xbb\xbf" + data)])),
        {"json-invalid": 1, "json-bom": 1},
    ),
    "layers-of-two-images": (
        layout(
            Image(layers=[replace(BASE, stored=BASE.stored[:-1]), TOP]).node(),
            made(ARM, config=sets("rootfs/diff_ids/1", NOWHERE)),
        ),
        {"layer-damaged": 1, "diff-id-mismatch": 1},
    ),
}


@pytest.mark.parametrize(("members", "wanted"), [pytest.param(*row, id=name) for name, row in SEVERAL.items()])
def test_faults_do_not_hide_each_other(
    members: list[Member], wanted: dict[str, int], tmp_path: Path, cli_call: Call
) -> None:
    found = findings(Case(content=members), cli_call, tmp_path, 1)
    assert Counter(one["rule"] for one in found) == wanted, shown(found)


def test_one_fault_of_a_shared_layer_is_told_once(tmp_path: Path, cli_call: Call) -> None:
    """A layer that three images share, at one place in each, is one fault and not three."""
    bad = replace(BASE, stored=BASE.stored[:-1])
    nodes = [Image(layers=[bad, layer({"n": b"%d" % n}, "gzip")]).node() for n in range(3)]
    found = findings(Case(content=layout(index(nodes))), cli_call, tmp_path, 1)
    assert Counter(one["rule"] for one in found) == {"layer-damaged": 1}, shown(found)


def test_one_fault_of_a_layer_at_different_places_is_told_once(tmp_path: Path, cli_call: Call) -> None:
    bad = replace(BASE, stored=BASE.stored[:-1])
    nodes = [Image(layers=[bad, TOP]).node(), Image(layers=[TOP, bad]).node(), Image(layers=[bad, bad]).node()]
    found = findings(Case(content=layout(*nodes)), cli_call, tmp_path, 1)
    assert Counter(one["rule"] for one in found) == {"layer-damaged": 1}, shown(found)
