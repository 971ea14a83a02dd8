"""The files that bring the program into pipelines, each run as its machinery would run it."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import faulty
from tests.support.forking import shared

ROOT = Path(__file__).parents[2]
Json = dict[str, Any]


def load(name: str) -> Any:  # noqa: ANN401  a document of any shape
    return yaml.safe_load((ROOT / name).read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a program called ociarchive, and one called pip that writes down what it is asked."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "archives").mkdir()
    for name, line in (
        ("ociarchive", f'exec {shlex.join(shared().command)} "$@"'),
        ("pip", f'echo "$@" >>"{tmp_path}/pip.log"'),
    ):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def shell(script: str, folder: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class Action:
    """The composite action, with the runner's part played by a few lines."""

    def __init__(self, folder: Path) -> None:
        self.text = load("action.yml")
        self.folder = folder
        venv = folder / "runner" / "ociarchive"
        venv.mkdir(parents=True)
        (venv / "bin").symlink_to(folder / "bin")

    def run(self, step: str, **inputs: str) -> "subprocess.CompletedProcess[str]":
        """Run a step with inputs, those that are not given as their defaults say."""
        (found,) = [one for one in self.text["runs"]["steps"] if one["name"] == step]
        values = {name: one.get("default", "") for name, one in self.text["inputs"].items()} | inputs
        context = {f"inputs.{name}": value for name, value in values.items()} | {"github.action_path": str(ROOT)}
        env = {
            name: re.sub(r"\$\{\{ (\S+) \}\}", lambda at: context[at[1]], text) for name, text in found["env"].items()
        }
        (self.folder / "output").write_text("")
        more = {"RUNNER_TEMP": str(self.folder / "runner"), "GITHUB_OUTPUT": str(self.folder / "output")}
        return shell(found["run"], self.folder, **env, **more)

    def outputs(self) -> dict[str, str]:
        """Give what the last step has put out."""
        return dict(line.split("=", 1) for line in (self.folder / "output").read_text().splitlines())


def test_the_action_writes_sarif_and_fails_where_the_audit_does(folder: Path) -> None:
    faulty.write("good", folder / "archives")
    faulty.write("damaged", folder / "archives", "with blank.tar")
    action = Action(folder)
    done = action.run("Audit", archives="archives/*.tar\n")
    assert done.returncode == 1, done.stderr
    assert action.outputs() == {"report": "audit.sarif", "status": "1"}
    run = json.loads((folder / "audit.sarif").read_text())["runs"][0]
    assert "digest-mismatch" in {one["ruleId"] for one in run["results"]}


def test_the_action_takes_options_and_formats(folder: Path) -> None:
    path = faulty.write("damaged", folder / "archives")
    action = Action(folder)
    options = "--only=data-after-end\n--jobs=1"
    done = action.run("Audit", archives=str(path), options=options, format="json", report="out.json")
    assert (done.returncode, action.outputs()["status"]) == (0, "0"), done.stderr
    assert json.loads((folder / "out.json").read_text())["archives"][0]["waivers"]


@pytest.mark.parametrize("text", ["$(touch made)", "`touch made`", "; touch made", "--output=made", "archives/*.none"])
def test_what_an_input_holds_is_not_run(text: str, folder: Path) -> None:
    action = Action(folder)
    assert action.run("Audit", archives=text).returncode == 2
    assert action.outputs()["status"] == "2"
    assert not (folder / "made").exists()


def test_the_action_installs_pinned_packages_and_then_itself(folder: Path) -> None:
    (folder / "bin" / "fake").write_text("#!/bin/sh\n")
    (folder / "bin" / "fake").chmod(0o755)
    done = Action(folder).run("Install", python="fake")
    assert done.returncode == 0, done.stderr
    assert (folder / "pip.log").read_text().splitlines() == [
        f"install -q --require-hashes -r {ROOT}/release/requirements.txt",
        f"install -q --no-deps {ROOT}",
    ]


def test_no_expression_stands_in_a_script_of_the_action() -> None:
    for step in load("action.yml")["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"


@pytest.mark.parametrize(("name", "status"), [("good", 0), ("damaged", 1)])
def test_gitlab_gets_every_report_and_the_status(name: str, status: int, folder: Path) -> None:
    faulty.write(name, folder / "archives", "app.tar")
    job = load("integration/gitlab-ci.yml")[".ociarchive-audit"]
    variables = {key: str(value) for key, value in job["variables"].items()}
    script = "\n".join([*job["before_script"], *job["script"]])
    done = shell(script, folder, **variables, ARCHIVES="archives/*.tar")
    assert done.returncode == status, done.stderr
    assert (folder / "pip.log").read_text() == "install -q .\n"
    assert script.count("ociarchive audit") == 1  # one reading for all reports
    assert "PASS" in done.stdout or "FAIL" in done.stdout
    artifacts = job["artifacts"]
    assert artifacts["when"] == "always"
    for path in (*artifacts["reports"].values(), *artifacts["paths"]):
        assert (folder / path).stat().st_size, path
    assert json.loads((folder / "gl-code-quality-report.json").read_text()) == [] or status
    assert (folder / "audit.xml").read_text().startswith("<?xml")
    assert json.loads((folder / "audit.sarif").read_text())["version"] == "2.1.0"


def test_gitlab_runs_where_archives_are_named() -> None:
    job = load("integration/gitlab-ci.yml")["audit-image-archives"]
    assert job == {"extends": ".ociarchive-audit", "rules": [{"if": "$ARCHIVES"}]}


def hook() -> Json:
    (one,) = load(".pre-commit-hooks.yaml")
    assert isinstance(one, dict)
    return one


@pytest.mark.parametrize(
    ("name", "taken"),
    [("a.tar", True), ("a.tar.gz", True), ("a.tgz", True), ("a.tar.zst", True), ("a.zip", False), ("a.tar.txt", False)],
)
def test_the_hook_takes_archives(name: str, taken: bool) -> None:
    assert bool(re.search(hook()["files"], f"images/{name}")) is taken


@pytest.mark.parametrize(("name", "status"), [("good", 0), ("damaged", 1)])
def test_the_hook_audits_what_it_is_given(name: str, status: int, folder: Path) -> None:
    path = faulty.write(name, folder / "archives")
    one = hook()
    assert one["language"] == "python"
    assert shell(f"{one['entry']} {path}", folder).returncode == status


def test_the_image_is_built_of_what_is_let_through() -> None:
    text = (ROOT / "Containerfile").read_text()
    let_through = {line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")}
    assert {"ociarchive", "man", "release/requirements.txt", "pyproject.toml", "README.md", "LICENSE"} <= let_through
    assert [one for one in let_through - {"dist/wheelhouse"} if not (ROOT / one).exists()] == []
    assert re.search(r"^USER \d+:\d+$", text, re.MULTILINE)
    assert 'ENTRYPOINT ["/opt/ociarchive/bin/ociarchive"]' in text
