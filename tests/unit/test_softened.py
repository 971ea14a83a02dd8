"""The sentence on what PASS means: it says so where a policy kept a finding from counting as usual."""

from pathlib import Path

import pytest

from tests.support import build
from tests.support.build import Image, layer
from tests.support.call import Call, told
from tests.support.tar import write_tar

NODE = Image(layers=[layer({"a": b"a"}, "gzip")]).node().named("docker.io/corpus/app:1")
USUAL, SOFTENED = (
    "every claim of the archive which could be held against its bytes holds",
    "the rules which count found no fault; what was waived or counted for less",
)
# name: options of an audit of an archive with a blob that nothing names, what PASS means
POLICIES = {
    "usual": ((), USUAL),
    "waived": (("--ignore", "blob-unreferenced"), SOFTENED),
    "counted-for-less": (("--severity", "blob-unreferenced=note"), SOFTENED),
    "another-rule-counted-for-less": (("--severity", "blob-name=note"), USUAL),
    "another-rule-waived": (("--ignore", "blob-name"), USUAL),
}


@pytest.mark.parametrize("name", POLICIES)
def test_what_pass_means(name: str, tmp_path: Path, cli_call: Call) -> None:
    options, meaning = POLICIES[name]
    path = write_tar(tmp_path / "a.tar", build.layout(NODE, strays=[b"stray"]))
    page = tmp_path / "report.html"
    told(cli_call("audit", "--no-config", "--format", "html", "--output", page, *options, path))
    text = " ".join(page.read_text().split())
    assert f"PASS means that {meaning}" in text
