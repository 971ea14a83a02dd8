"""The options of a conversion: one function makes them, and the command line and the Python interface both ask it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, get_args

import pytest

import ociarchive
from ociarchive import api
from ociarchive.cli.convert_cmd import command
from ociarchive.errors import UsageError
from ociarchive.formats import FormatName, written
from ociarchive.transform.options import WITHOUT, Without, options
from tests.support.call import refused

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.call import Call

#: What the command line alone has: what it prints, and how.
PRINTS = {"quiet", "verbose", "progress", "color", "paths", "dry_run"}
#: Options that the Python interface has under another name; three of limits are members of one value.
NAMES = {"asked_jobs": "jobs", "audit": "audit_result"}
LIMITS = {"named_limits", "max_layer_size", "max_ratio"}


def test_every_option_has_a_parameter_with_the_same_default() -> None:
    parameters = inspect.signature(api.convert).parameters
    ours = {name for name in parameters if name not in ("sources", "dest", "limits", "progress", "hear")}
    with command.make_context("convert", ["SOURCE", "DEST"]) as context:
        theirs = {
            NAMES.get(name, name): default for name, default in context.params.items() if name not in PRINTS | LIMITS
        }
    assert set(theirs) == ours
    for name, default in theirs.items():
        assert (name, parameters[name].default) == (name, default)


def test_every_parameter_reaches_the_options() -> None:
    made = set(inspect.signature(options).parameters)
    theirs = {NAMES.get(name, name) for name in inspect.signature(api.convert).parameters}
    back = {ours: name for name, ours in NAMES.items() if name != "asked_jobs"}
    given = {back.get(name, name) for name in theirs}
    assert made == given - {"sources", "progress", "receipt", "attestation", "sign", "hear"}


WRONG: dict[str, tuple[str, str, dict[str, Any]]] = {
    "to": ("--to", "oci-layuot", {"to": "oci-layuot"}),
    "source-alone": ("--to", "docker-storage", {"to": "docker-storage"}),
    "compression": ("--compression", "xz", {"compression": "xz"}),
    "near": ("--compression", "zst", {"compression": "zst"}),
    "level": ("--level", "high", {"level": "high"}),
    "level-long": ("--level", "1234567890", {"level": "1234567890"}),
    "level-beyond": ("--level", "99", {"level": 99}),
    "media-types": ("--media-types", "docke", {"media_types": "docke"}),
    "outer": ("--outer", "xz", {"outer": "xz"}),
    "without": ("--without", "signature", {"without": "signature"}),
    "platform": ("--platform", "linux", {"platforms": ["linux"]}),
    "tag": ("--tag", "UP PER", {"tag": "UP PER"}),
    "tag-large": ("--tag", "Made/Here:1", {"tag": "Made/Here:1"}),
    "tag-digest": ("--tag", f"a@sha256:{'0' * 64}", {"tag": f"a@sha256:{'0' * 64}"}),
    "jobs": ("--jobs", "0", {"jobs": 0}),
    "jobs-many": ("--jobs", "257", {"jobs": 257}),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused_is_refused_in_the_same_words(name: str, corpus: Path, tmp_path: Path, cli_call: Call) -> None:
    option, text, asked = WRONG[name]
    source, dest = corpus / "docker20.tar", tmp_path / "dest"
    words: dict[str, Any] = {"to": "oci-layout", **asked}
    with pytest.raises(UsageError) as caught:
        ociarchive.convert(source, dest, **words)
    given = () if option == "--to" else ("--to", "oci-layout")
    line = refused(cli_call("convert", source, dest, *given, option, text), 2, dest)
    assert line == f"error: {caught.value}"


def test_a_near_miss_is_named() -> None:
    with pytest.raises(UsageError, match=r"'zst'.*did you mean zstd"):
        options(to="dir", compression="zst")


@pytest.mark.parametrize("level", [True, "\uff11", ""])
def test_what_is_no_level(level: str) -> None:
    with pytest.raises(UsageError, match="fast or small"):
        options(to="dir", level=level)


def test_one_text_is_a_list_of_one() -> None:
    made = options(to="dir", images="app:1", platforms="linux/amd64", without="signatures", level="3", tag="a/b:1")
    assert made.selectors.images == ("app:1",)
    assert [str(one) for one in made.selectors.platforms] == ["linux/amd64"]
    assert made.selectors.without == {"signatures"}
    assert made.storage.level == 3
    assert str(made.tag) == "docker.io/a/b:1"


def test_names_for_type_checkers_are_those_of_the_values() -> None:
    assert get_args(FormatName) == written()
    assert get_args(Without) == WITHOUT
