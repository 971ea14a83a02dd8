"""Every format against its schema: for SARIF and JUnit others' own, for JSON ours, which may leave nothing out."""

import json
import tarfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import xmlschema

from tests.support import faulty
from tests.support.call import Call
from tests.support.truth import load

Json = dict[str, Any]
HERE = Path(__file__).parent / "schemas"
TRUTHS = load()
POLICIES = [
    pytest.param((), id="plain"),
    pytest.param(("--strict", "--ignore", "digest-mismatch", "--severity", "blob-unreferenced=error"), id="softened"),
    pytest.param(("--only", "layer-damaged"), id="only"),
]


@cache
def sarif() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads((HERE / "sarif-2.1.0.json").read_text()))


@cache
def junit() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(HERE / "junit.xsd"))


def published(name: str) -> Json:
    text = files("ociarchive.report").joinpath("schemas", f"{name}.schema.json").read_text()
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def closed(schema: object) -> object:
    """Give a schema that allows no member it does not describe."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    return made | {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else made


@cache
def strict(name: str) -> jsonschema.Draft202012Validator:
    """Give what checks a document against one of our schemas, which is itself checked once."""
    schema = published(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    made = closed(schema)
    assert isinstance(made, dict)
    return jsonschema.Draft202012Validator(made)


def problems(name: str, value: Json) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in strict(name).iter_errors(value)]


@pytest.fixture(params=faulty.MADE)
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return faulty.write(request.param, tmp_path)


@pytest.mark.parametrize("policy", POLICIES)
def test_json_of_audits(archive: Path, policy: tuple[str, ...], cli_call: Call) -> None:
    result = cli_call("audit", archive, *policy, "--format", "json")
    assert problems("audit", result.json()) == []


def test_json_of_deltas(tmp_path: Path, cli_call: Call) -> None:
    source, have = TRUTHS["docker20.tar"].path, tmp_path / "have.json"
    cli_call("inventory", *(truth.path for truth in TRUTHS.values()), "--output", have)
    assert problems("inventory", json.loads(have.read_text())) == []
    layout = tmp_path / "delta"
    for form, name in (("oci-layout", "have.json"), ("docker-archive", "engine.json")):
        inspected = [{"RootFS": {"Layers": one["diff_ids"]}} for one in json.loads(have.read_text())["images"]]
        (tmp_path / "engine.json").write_text(json.dumps(inspected))
        cli_call("convert", source, layout, "--to", form, "--have", tmp_path / name, "--force")
        if layout.is_dir():
            left = (layout / "delta.json").read_text()
            layout.rename(tmp_path / "done")
        else:
            with tarfile.open(layout) as tar:
                reader = tar.extractfile("delta.json")
                assert reader is not None
                left = reader.read().decode()
        assert problems("delta", json.loads(left)) == []
        assert json.loads(left)["left_out"]


@pytest.mark.parametrize("options", [(), ("--parity",)], ids=["plain", "parity"])
def test_lists_of_parts(options: tuple[str, ...], corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    call = ("convert", corpus / "docker20.tar", tmp_path / "app.tar", "--to", "oci-archive", "--split", "4000")
    assert cli_call(*call, *options).status == 0
    listed = json.loads((tmp_path / "app.tar.parts.json").read_text())
    assert problems("parts", listed) == []
    assert ("parity" in listed) == bool(options)
    for wrong in ({**listed, "sha256": "A" * 64}, {**listed, "parts": []}, {**listed, "size": 0}):
        assert problems("parts", wrong)


@pytest.mark.parametrize("name", TRUTHS)
def test_json_of_the_corpus(name: str, cli_call: Call) -> None:
    path = TRUTHS[name].path
    assert problems("audit", cli_call("audit", path, "--format", "json").json()) == []
    assert problems("inspect", cli_call("inspect", path, "--format", "json").json()) == []


def test_json_of_a_verified_inspection(tmp_path: Path, cli_call: Call) -> None:
    path = faulty.write("damaged", tmp_path)
    value = cli_call("inspect", path, "--verify", "--format", "json").json()
    assert value["archives"][0]["findings"]
    assert problems("inspect", value) == []


@pytest.mark.parametrize(
    "name", ["docker20-two-images.tar", "buildx-oci-attested.tar", "buildx-oci-zstd.tar", "skopeo-dir"]
)
@pytest.mark.parametrize("options", [("--compression", "zstd"), ("--compression", "none")], ids=["zstd", "none"])
def test_receipts(name: str, options: tuple[str, ...], corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    receipt = tmp_path / "receipt.json"
    options = (*options, "--media-types", "oci")  # Docker's have none for zstd
    done = cli_call("convert", corpus / name, tmp_path / "out", "--to", "oci-layout", *options, "--receipt", receipt)
    assert done.status == 0, done.stderr
    assert problems("receipt", json.loads(receipt.read_text())) == []


@pytest.mark.parametrize("options", [(), ("--files",)], ids=["plain", "files"])
@pytest.mark.parametrize("name", TRUTHS)
def test_json_of_comparisons(name: str, options: tuple[str, ...], corpus: Path, cli_call: Call) -> None:
    for other in (TRUTHS[name].path, corpus / "docker26-containerd-multi.tar", corpus / "docker20.tar"):
        value = cli_call("diff", TRUTHS[name].path, other, "--format", "json", *options).json()
        assert problems("diff", value) == []


def test_json_of_a_hostile_comparison(tmp_path: Path, cli_call: Call) -> None:
    paths = [faulty.write(name, tmp_path) for name in ("good", "hostile")]
    assert problems("diff", cli_call("diff", *paths, "--format", "json").json()) == []


def test_json_of_the_doctor(cli_call: Call) -> None:
    assert problems("doctor", cli_call("doctor", "--format", "json").json()) == []


def test_the_schema_tells_what_it_does_not_describe() -> None:
    value: Json = {"schema_version": 2, "tool": {"name": "ociarchive", "version": "1", "more": 1}, "archives": []}
    assert len(problems("audit", value)) == 2


@pytest.mark.parametrize("policy", POLICIES)
def test_sarif(archive: Path, policy: tuple[str, ...], cli_call: Call) -> None:
    value = cli_call("audit", archive, *policy, "--format", "sarif").json()
    assert [f"{error.json_path}: {error.message}" for error in sarif().iter_errors(value)] == []


@pytest.mark.parametrize("policy", POLICIES)
def test_junit(archive: Path, policy: tuple[str, ...], cli_call: Call) -> None:
    junit().validate(cli_call("audit", archive, *policy, "--format", "junit").stdout)


def test_junit_of_many_archives(tmp_path: Path, cli_call: Call) -> None:
    paths = [faulty.write(name, tmp_path) for name in faulty.MADE]
    text = cli_call("audit", *paths, "--format", "junit").stdout
    junit().validate(text)
    assert text.count("<testsuite ") == len(paths)
