"""Every archive of the corpus audits without an error; the warnings that some earn stand here with their reasons."""

from collections import Counter
from pathlib import Path

import pytest

from tests.support.call import Call, told
from tests.support.truth import OTHERS, load

# Rule and number of findings, and why they are right. What does not stand here earns none.
WARNINGS: dict[str, dict[str, tuple[int, str]]] = {
    "ctr-export-sparse.tar": {
        "sparse-index": (1, "one platform was exported: arm64 and two attestations are named and not here"),
    },
    "ctr-export-uncompressed.tar": {
        "attestation-dangling": (2, "the conversion left the attestations on the manifests that it replaced"),
    },
    "skopeo-dir": {
        "media-type-mismatch": (3, "the manifest kept its types of gzip when skopeo wrote the layers as plain tars"),
    },
    "umoci-oci": {
        "blob-unreferenced": (2, "an edit left the config and manifest behind that it replaced"),
    },
}


@pytest.mark.parametrize("name", sorted(load()))
def test_no_errors_and_only_these_warnings(name: str, corpus: Path, cli_call: Call) -> None:
    result = told(cli_call("audit", "--format", "json", "--no-config", corpus / name))
    found = result.archive()["findings"]
    counts = Counter(one["rule"] for one in found if one["severity"] != "note")
    assert counts == {rule: count for rule, (count, _) in WARNINGS.get(name, {}).items()}
    layers = [layer["verified"] for image in result.archive()["images"] for layer in image["layers"]]
    assert all(layers)
    assert layers or name == "oras-artifact"


@pytest.mark.parametrize("name", sorted(load()))
def test_warnings_fail_where_they_are_asked_to(name: str, corpus: Path, cli_call: Call) -> None:
    told(cli_call("audit", "--strict", "--no-config", corpus / name), int(name in WARNINGS))


def test_the_table_names_archives_of_the_corpus(corpus: Path) -> None:
    everything = {one.name for one in corpus.iterdir() if one.name not in {"README.md", "truth.json"}}
    assert set(load()) == everything - OTHERS
    assert set(WARNINGS) <= everything
