"""What callers ask of the audit: settings from options and files, exit statuses, waivers that every report shows."""

import json
import os
from pathlib import Path

import pytest

from ociarchive.auditing import RULES
from tests.audit.faults import NOWHERE, sets
from tests.audit.making import NODE, TOP, entry
from tests.support.build import Image, Json, layer, layout
from tests.support.call import Call, Result, refused, told
from tests.support.tar import changed, file, write_folder, write_tar

GOOD = layout(NODE)
STRAY = layout(NODE, strays=[b"stray"])
TWO_WARNINGS = [*STRAY, file("blobs/sha256/odd", b"x")]
NOTED = layout(Image(layers=[layer({"/etc/name": b"x"}, "gzip")]).node())
BROKEN = entry(sets("schemaVersion", 1))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder without settings above it."""
    folder = tmp_path / "work" / "deep" / "deeper"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "good.tar", GOOD)


@pytest.fixture
def stray(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "stray.tar", STRAY)


@pytest.fixture
def warned(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "warned.tar", TWO_WARNINGS)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "broken.tar", BROKEN)


def audit(call: Call, *args: str | Path, status: int = 0) -> Json:
    return told(call("audit", "--format", "json", *args), status).archive()


def severities(archive: Json) -> dict[str, str]:
    return {one["rule"]: one["severity"] for one in archive["findings"]}


def waived(archive: Json) -> set[str]:
    return {one["rule"] for one in archive["waived"]}


# -- options -----------------------------------------------------------------------------------------------------------


def test_warnings_do_not_fail(stray: Path, cli_call: Call) -> None:
    found = audit(cli_call, stray)
    assert severities(found) == {"blob-unreferenced": "warning"}
    assert (found["waived"], found["waivers"]) == ([], [])
    assert found["summary"]["warnings"] == 1


def test_strict_lets_warnings_fail(stray: Path, good: Path, cli_call: Call) -> None:
    assert severities(audit(cli_call, stray, "--strict", status=1)) == {"blob-unreferenced": "warning"}
    audit(cli_call, good, "--strict")


def test_notes_never_fail(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "noted.tar", NOTED)
    assert severities(audit(cli_call, path, "--strict")) == {"layer-path-absolute": "note"}


def test_ignore_leaves_a_rule_out_and_tells_it(warned: Path, cli_call: Call) -> None:
    found = audit(cli_call, warned, "--ignore", "blob-unreferenced", "--strict", status=1)
    assert severities(found) == {"blob-name": "warning"}
    assert waived(found) == {"blob-unreferenced"}
    assert [(one["rule"], one["by"]) for one in found["waivers"]] == [("blob-unreferenced", "--ignore")]
    assert found["summary"]["warnings"] == 1
    options = ("--ignore", "blob-unreferenced", "--ignore", "blob-name")
    found = audit(cli_call, warned, "--strict", *options)
    assert (severities(found), waived(found)) == ({}, {"blob-unreferenced", "blob-name"})


def test_an_ignored_error_does_not_fail_and_is_shown(broken: Path, cli_call: Call) -> None:
    audit(cli_call, broken, status=1)
    found = audit(cli_call, broken, "--ignore", "schema")
    assert severities(found) == {}
    assert [(one["rule"], one["severity"]) for one in found["waived"]] == [("schema", "error")]
    assert found["summary"]["errors"] == 0
    assert "schema" in told(cli_call("audit", broken, "--ignore", "schema")).stdout


def test_only_applies_some_rules(warned: Path, broken: Path, cli_call: Call) -> None:
    found = audit(cli_call, warned, "--only", "blob-name", "--strict", status=1)
    assert (severities(found), waived(found)) == ({"blob-name": "warning"}, {"blob-unreferenced"})
    assert [one["rule"] for one in found["waivers"]] == ["blob-name"]
    found = audit(cli_call, broken, "--only", "blob-name", "--only", "digest-mismatch")
    assert (severities(found), waived(found)) == ({}, {"schema"})
    assert {one["rule"] for one in found["waivers"]} == {"blob-name", "digest-mismatch"}


def test_ignore_goes_before_only(warned: Path, cli_call: Call) -> None:
    only = ("--only", "blob-name", "--only", "digest-mismatch")
    found = audit(cli_call, warned, *only, "--ignore", "blob-name", "--strict")
    assert (severities(found), waived(found)) == ({}, {"blob-name", "blob-unreferenced"})


@pytest.mark.parametrize(("level", "status"), [("error", 1), ("warning", 0), ("note", 0)])
def test_severity_counts_otherwise(level: str, status: int, stray: Path, cli_call: Call) -> None:
    found = audit(cli_call, stray, "--severity", f"blob-unreferenced={level}", status=status)
    assert severities(found) == {"blob-unreferenced": level}
    assert [(one["rule"], one["by"]) for one in found["waivers"]] == [("blob-unreferenced", "--severity")]
    assert level in found["waivers"][0]["how"]
    assert found["summary"][f"{level}s"] == 1


def test_an_error_made_a_note_does_not_fail(broken: Path, cli_call: Call) -> None:
    found = audit(cli_call, broken, "--severity", "schema=note", "--strict")
    assert severities(found) == {"schema": "note"}
    assert found["waivers"]


@pytest.mark.parametrize(
    "options",
    [
        ("--ignore", "no-such-rule"),
        ("--only", "no-such-rule"),
        ("--severity", "no-such-rule=error"),
        ("--severity", "schema=fatal"),
        ("--severity", "schema"),
        ("--severity", "=error"),
        ("--ignore", ""),
        ("--config", "nothing.toml"),
    ],
)
def test_what_does_not_exist_is_a_call_at_fault(options: tuple[str, str], good: Path, cli_call: Call) -> None:
    told(cli_call("audit", good, *options), 2)


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_every_rule_can_be_named(rule: str, good: Path, cli_call: Call) -> None:
    told(cli_call("audit", good, "--ignore", rule, "--severity", f"{rule}=note"))
    assert rule in told(cli_call("rules", rule)).stdout


# -- settings files ----------------------------------------------------------------------------------------------------

SETTINGS = 'strict = true\nignore = ["blob-name"]\nseverity = { "blob-unreferenced" = "note" }\n'
PROJECT = '[tool.ociarchive]\nstrict = true\nignore = ["blob-name"]\n'


@pytest.mark.parametrize("up", [0, 1, 2])
def test_settings_are_found_upward(up: int, warned: Path, elsewhere: Path, cli_call: Call) -> None:
    file_name = (elsewhere, *elsewhere.parents)[up] / "ociarchive.toml"
    file_name.write_text(SETTINGS)
    found = audit(cli_call, warned)
    assert severities(found) == {"blob-unreferenced": "note"}
    assert waived(found) == {"blob-name"}
    assert {(one["rule"], one["by"]) for one in found["waivers"]} == {
        ("blob-name", str(file_name)),
        ("blob-unreferenced", str(file_name)),
    }


def test_pyproject_is_read(warned: Path, elsewhere: Path, cli_call: Call) -> None:
    (elsewhere.parent / "pyproject.toml").write_text(PROJECT)
    found = audit(cli_call, warned, status=1)
    assert severities(found) == {"blob-unreferenced": "warning"}
    assert found["waivers"][0]["by"] == str(elsewhere.parent / "pyproject.toml")


def test_a_pyproject_without_our_table_is_passed_over(warned: Path, elsewhere: Path, cli_call: Call) -> None:
    (elsewhere / "pyproject.toml").write_text('[project]\nname = "other"\n[tool.other]\nstrict = true\n')
    (elsewhere.parent / "pyproject.toml").write_text(PROJECT)
    assert waived(audit(cli_call, warned, status=1)) == {"blob-name"}


def test_the_nearest_settings_hold(warned: Path, elsewhere: Path, cli_call: Call) -> None:
    (elsewhere.parent / "ociarchive.toml").write_text('ignore = ["blob-unreferenced"]\n')
    (elsewhere / "pyproject.toml").write_text('[tool.ociarchive]\nignore = ["blob-name"]\n')
    assert waived(audit(cli_call, warned)) == {"blob-name"}
    (elsewhere / "ociarchive.toml").write_text("strict = false\n")
    assert waived(audit(cli_call, warned)) == set()


def test_config_names_a_file(warned: Path, elsewhere: Path, tmp_path: Path, cli_call: Call) -> None:
    (elsewhere / "ociarchive.toml").write_text('ignore = ["blob-unreferenced"]\n')
    (tmp_path / "mine.toml").write_text('ignore = ["blob-name"]\n')
    found = audit(cli_call, warned, "--config", tmp_path / "mine.toml")
    assert waived(found) == {"blob-name"}
    assert found["waivers"][0]["by"] == str(tmp_path / "mine.toml")


def test_config_may_name_a_pyproject(warned: Path, tmp_path: Path, cli_call: Call) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    assert waived(audit(cli_call, warned, "--config", tmp_path / "pyproject.toml", status=1)) == {"blob-name"}


def test_no_config_takes_none(warned: Path, elsewhere: Path, cli_call: Call) -> None:
    (elsewhere / "ociarchive.toml").write_text(SETTINGS)
    found = audit(cli_call, warned, "--no-config")
    assert severities(found) == {"blob-name": "warning", "blob-unreferenced": "warning"}
    assert found["waivers"] == []


def test_options_add_to_settings_and_go_first(warned: Path, elsewhere: Path, cli_call: Call) -> None:
    (elsewhere / "ociarchive.toml").write_text(SETTINGS)
    found = audit(cli_call, warned, "--severity", "blob-unreferenced=error", "--ignore", "schema", status=1)
    assert severities(found) == {"blob-unreferenced": "error"}
    by = {one["rule"]: one["by"] for one in found["waivers"]}
    assert by == {
        "blob-name": str(elsewhere / "ociarchive.toml"),
        "schema": "--ignore",
        "blob-unreferenced": "--severity",
    }


@pytest.mark.parametrize(
    "text",
    [
        "strict = \n",
        'strict = "yes"\n',
        "ignore = true\n",
        'ignore = "schema"\n',
        "ignore = [1]\n",
        'ignore = ["no-such-rule"]\n',
        'only = ["no-such-rule"]\n',
        'severity = ["schema"]\n',
        'severity = { schema = "fatal" }\n',
        "severity = { schema = 1 }\n",
        'severity = { "no-such-rule" = "note" }\n',
        "unknown = 1\n",
        b"\xff\xfe",
    ],
)
def test_settings_that_cannot_be_are_a_call_at_fault(
    text: str | bytes, good: Path, elsewhere: Path, cli_call: Call
) -> None:
    path = elsewhere / "ociarchive.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert str(path) in refused(cli_call("audit", good), 2)
    told(cli_call("audit", good, "--no-config"))


def test_settings_are_told_in_the_table(warned: Path, elsewhere: Path, cli_call: Call) -> None:
    (elsewhere / "ociarchive.toml").write_text(SETTINGS)
    shown = told(cli_call("audit", warned)).stdout
    assert "blob-name" in shown
    assert "ociarchive.toml" in shown


# -- pins --------------------------------------------------------------------------------------------------------------


def test_a_pin_that_holds(good: Path, cli_call: Call) -> None:
    audit(cli_call, f"{good}#{NODE.digest}")


def test_a_pin_that_does_not(good: Path, cli_call: Call) -> None:
    found = audit(cli_call, f"{good}#{NOWHERE}", status=1)
    (one,) = found["findings"]
    assert (one["rule"], one["severity"], one["subject"]) == ("expected-digest-missing", "error", NOWHERE)
    assert found["summary"]["errors"] == 1


def test_a_pin_obeys_the_policy(good: Path, cli_call: Call) -> None:
    found = audit(cli_call, f"{good}#{NOWHERE}", "--ignore", "expected-digest-missing")
    assert waived(found) == {"expected-digest-missing"}
    found = audit(cli_call, f"{good}#{NOWHERE}", "--severity", "expected-digest-missing=warning")
    assert severities(found) == {"expected-digest-missing": "warning"}


def test_a_name_that_is_not_there_is_a_call_at_fault(good: Path, cli_call: Call) -> None:
    told(cli_call("audit", f"{good}#corpus/app:1.0"))
    assert "corpus/app:1.0" in refused(cli_call("audit", f"{good}#corpus/other:1.0"), 2)


def test_image_pins_as_the_selector_does(good: Path, cli_call: Call) -> None:
    audit(cli_call, good, "--image", NODE.digest)
    assert severities(audit(cli_call, good, "--image", NOWHERE, status=1)) == {"expected-digest-missing": "error"}


def test_a_pin_of_what_is_damaged_is_told_beside_the_damage(tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "bad.tar", changed(GOOD, GOOD[0].name, b"other"))
    found = audit(cli_call, f"{path}#{NOWHERE}", status=1)
    assert {"expected-digest-missing", "digest-mismatch"} <= set(severities(found))


# -- receipts ----------------------------------------------------------------------------------------------------------


def converted(call: Call, source: Path, folder: Path, *options: str) -> tuple[Path, Path]:
    dest, receipt = folder / "dest.tar", folder / "receipt.json"
    told(call("convert", source, dest, "--to", "oci-archive", "--no-sync", "--receipt", receipt, *options))
    return dest, receipt


@pytest.mark.parametrize("compression", ["keep", "zstd", "none"])
def test_a_receipt_holds(compression: str, good: Path, tmp_path: Path, cli_call: Call) -> None:
    dest, receipt = converted(cli_call, good, tmp_path, "--compression", compression)
    audit(cli_call, dest, "--receipt", receipt, "--strict")


def test_a_receipt_of_another_archive_does_not(good: Path, stray: Path, tmp_path: Path, cli_call: Call) -> None:
    _, receipt = converted(cli_call, good, tmp_path, "--compression", "zstd")
    found = audit(cli_call, stray, "--receipt", receipt, status=1)
    assert {one["rule"] for one in found["findings"] if one["severity"] == "error"} == {"receipt-mismatch"}
    assert any(TOP.digest not in str(one["subject"]) for one in found["findings"])
    found = audit(cli_call, stray, "--receipt", receipt, "--ignore", "receipt-mismatch")
    assert "receipt-mismatch" in waived(found)


def test_a_receipt_whose_diff_id_was_changed(good: Path, tmp_path: Path, cli_call: Call) -> None:
    dest, receipt = converted(cli_call, good, tmp_path)
    told_of = json.loads(receipt.read_text())
    told_of["layers"][0]["diff_id"] = NOWHERE
    receipt.write_text(json.dumps(told_of))
    (one,) = audit(cli_call, dest, "--receipt", receipt, status=1)["findings"]
    assert (one["rule"], one["expected"]) == ("receipt-mismatch", NOWHERE)


def test_receipts_that_are_none(good: Path, tmp_path: Path, cli_call: Call) -> None:
    told(cli_call("audit", good, "--receipt", tmp_path / "nothing.json"), 2)
    (tmp_path / "text.json").write_text("[]")
    told(cli_call("audit", good, "--receipt", tmp_path / "text.json"), 1)
    (tmp_path / "cut.json").write_text("{")
    told(cli_call("audit", good, "--receipt", tmp_path / "cut.json"), 1)


# -- several archives --------------------------------------------------------------------------------------------------


def sources(result: Result) -> list[str]:
    return [Path(one["source"]).name for one in result.json()["archives"]]


def test_several_archives_in_their_order(good: Path, stray: Path, broken: Path, cli_call: Call) -> None:
    result = told(cli_call("audit", "--format", "json", good, broken, stray), 1)
    assert sources(result) == ["good.tar", "broken.tar", "stray.tar"]
    assert [one["summary"]["errors"] for one in result.json()["archives"]] == [0, 1, 0]
    shown = told(cli_call("audit", good, broken, stray), 1).stdout
    assert all(name in shown for name in ("good.tar", "broken.tar", "stray.tar"))


def test_what_is_no_archive_is_a_finding_and_the_others_are_audited(good: Path, tmp_path: Path, cli_call: Call) -> None:
    (tmp_path / "text").write_text("no archive")
    result = told(cli_call("audit", "--format", "json", tmp_path / "text", good), 1)
    first, second = result.json()["archives"]
    assert [one["rule"] for one in first["findings"]] == ["not-an-archive"]
    assert second["images"]


def test_the_status_is_the_largest_that_any_earned(
    good: Path, broken: Path, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "missing.tar"
    told(cli_call("audit", good, good))
    told(cli_call("audit", good, broken), 1)
    told(cli_call("audit", broken, missing, good), 2)
    result = told(cli_call("audit", "--format", "json", missing, good, broken), 2)
    assert sources(result) == ["good.tar", "broken.tar"]
    assert "missing.tar" in result.stderr
    locked = tmp_path / "locked.tar"
    locked.write_bytes(good.read_bytes())
    real = os.open

    def refuse(path: str | bytes, *args: int, **kwargs: int) -> int:
        if os.fsdecode(path) == str(locked):
            raise PermissionError(13, "Permission denied", str(locked))
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    result = told(cli_call("audit", "--format", "json", locked, missing, broken, good), 3)
    assert sources(result) == ["broken.tar", "good.tar"]
    assert result.stderr.count("error: ") == 2


def test_one_archive_twice(good: Path, cli_call: Call) -> None:
    result = told(cli_call("audit", "--format", "json", good, good))
    assert sources(result) == ["good.tar", "good.tar"]
    first, second = result.json()["archives"]
    assert first == second


def test_more_archives_than_are_open_together(tmp_path: Path, cli_call: Call) -> None:
    paths = [write_tar(tmp_path / f"{number:02}.tar", STRAY if number % 3 else BROKEN) for number in range(30)]
    result = told(cli_call("audit", "--format", "json", *paths), 1)
    assert sources(result) == [path.name for path in paths]
    assert [one["summary"]["errors"] for one in result.json()["archives"]] == [int(not n % 3) for n in range(30)]
    alone = [
        told(cli_call("audit", "--format", "json", path), int(not n % 3)).archive() for n, path in enumerate(paths)
    ]
    assert result.json()["archives"] == alone


def test_the_policy_holds_for_all(good: Path, stray: Path, broken: Path, cli_call: Call) -> None:
    options = ("--ignore", "schema", "--ignore", "blob-unreferenced", "--strict")
    result = told(cli_call("audit", "--format", "json", good, stray, broken, *options))
    assert [len(one["waived"]) for one in result.json()["archives"]] == [0, 1, 1]
    assert all(len(one["waivers"]) == 2 for one in result.json()["archives"])


# -- folders of archives -----------------------------------------------------------------------------------------------


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    """A folder of archives, folders of them, and what lies beside."""
    folder = tmp_path / "incoming"
    write_tar(folder / "b.tar", GOOD)
    write_tar(folder / "a.tar", STRAY)
    write_folder(folder / "layout", GOOD)
    write_tar(folder / "more" / "c.tar", BROKEN)
    write_tar(folder / ".hidden.tar", BROKEN)
    (folder / "more" / "image").write_bytes(b"\x7fELF" + bytes(600))
    (folder / "SHA256SUMS").write_text("0123  a.tar\n")
    return folder


def test_recursive_takes_all_that_lies_below(incoming: Path, cli_call: Call) -> None:
    result = told(cli_call("audit", "--format", "json", "--recursive", incoming), 1)
    assert sources(result) == ["a.tar", "b.tar", "layout", "c.tar", "image"]
    found = {Path(one["source"]).name: [f["rule"] for f in one["findings"]] for one in result.json()["archives"]}
    assert found == {
        "a.tar": ["blob-unreferenced"],
        "b.tar": [],
        "layout": [],
        "c.tar": ["schema"],
        "image": ["not-an-archive"],
    }


def test_without_recursive_a_folder_of_archives_is_none(incoming: Path, cli_call: Call) -> None:
    found = audit(cli_call, incoming, status=1)
    assert severities(found) == {"not-an-archive": "error"}


def test_recursive_takes_archives_too(incoming: Path, good: Path, cli_call: Call) -> None:
    assert sources(told(cli_call("audit", "--format", "json", "--recursive", good, incoming / "layout"))) == [
        "good.tar",
        "layout",
    ]


def test_recursive_follows_no_links(tmp_path: Path, cli_call: Call) -> None:
    folder = tmp_path / "linked"
    write_tar(tmp_path / "good.tar", GOOD)
    write_tar(folder / "a.tar", GOOD)
    (folder / "loop").symlink_to(folder)
    (folder / "away").symlink_to(tmp_path)
    result = told(cli_call("audit", "--format", "json", "--recursive", folder))
    assert sources(result)[0] == "a.tar"
    assert "good.tar" not in sources(result)


def test_an_empty_folder(tmp_path: Path, cli_call: Call) -> None:
    (tmp_path / "empty").mkdir()
    line = refused(cli_call("audit", "--recursive", tmp_path / "empty"), 2)
    assert "no archive lies below this folder" in line
