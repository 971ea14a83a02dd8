"""Packing is no difference, whatever the image; and whatever one thing is changed, that and nothing else is told."""

import itertools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.support.build import AMD64, ARM64, Codec, Image, Layer, attestation, dumped, index, layer, layout, packed
from tests.support.call import Call, Json, told
from tests.support.strategies import CODECS, Plan, Step, plans, steps
from tests.support.tar import file, tar, write_folder, write_tar

COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
FOLDERS = itertools.count()


def compared(call: Call, old: Path, new: Path, status: int) -> Json:
    return told(call("diff", old, new, "--format", "json"), status).json()


@settings(COMMON, max_examples=25)
@given(data=st.data(), plan=plans())
def test_packing_is_no_difference(data: st.DataObject, plan: Plan, tmp_path: Path, cli_call: Call) -> None:
    """Through any chain of formats and codecs, in either direction."""
    chain: list[Step] = data.draw(steps(plan))
    with ExitStack() as stack:
        place = Path(stack.enter_context(TemporaryDirectory(dir=tmp_path)))
        source = current = place / "source"
        write = write_folder if next(FOLDERS) % 2 else write_tar
        write(source, layout(*plan.roots))
        for number, step in enumerate(chain):
            dest = place / str(number)
            told(cli_call("convert", current, dest, *step.options, "--no-sync", "--no-audit"))
            current = dest
        for old, new in ((source, current), (current, source)):
            found = compared(cli_call, old, new, 0)
            assert {pair["kind"] for pair in found["images"]} == {"same"}
            assert found["summary"]["annotations"] == found["summary"]["attestations"] == 0
            assert found["summary"]["names"] == 0


@dataclass(frozen=True, slots=True)
class Built:
    """What two archives are made of: an image for amd64, and another for arm64 with the same layers."""

    contents: tuple[bytes, ...]
    config: dict[str, Any]
    annotations: dict[str, str]
    name: str = "docker.io/corpus/app:1.0"
    statement: bytes = b"one"
    arm: bool = True

    def layers(self, codecs: Sequence[Codec]) -> list[Layer]:
        plain = (tar([file("data", content)]) for content in self.contents)
        return [packed(one, codec) for one, codec in zip(plain, itertools.cycle(codecs), strict=False)]

    def write(self, path: Path, codecs: Sequence[Codec]) -> Path:
        annotations = {"annotations": self.annotations} if self.annotations else {}
        one = Image(layers=self.layers(codecs), config_members={"config": self.config}, manifest_members=annotations)
        node = one.node(platform=AMD64.members())
        children = [node]
        if self.arm:
            other = Image(layers=one.layers, platform=ARM64)
            children.append(other.node(platform=ARM64.members()))
        if self.statement:
            children.append(attestation(node, dumped({"predicate": self.statement.decode()})))
        return write_tar(path, layout(index(children).named(self.name, self.name.rpartition(":")[2])))


def image_of(found: Json, platform: str) -> Json:
    (pair,) = [
        one for one in found["images"] if platform in [(one[side] or {}).get("platform") for side in ("old", "new")]
    ]
    assert isinstance(pair, dict)
    return pair


def kinds(pair: Json) -> list[str]:
    return [layer["kind"] for layer in pair["layers"]]


Mutation = Callable[[Built, int], tuple[Built, Callable[[Json, Json], None]]]


def config_value(one: Built, _: int) -> tuple[Built, Callable[[Json, Json], None]]:
    def check(found: Json, amd: Json) -> None:
        assert amd["config"] == [{"pointer": "/config/User", "kind": "changed", "old": "1000", "new": "root"}]
        assert set(kinds(amd)) == {"same"}
        assert found["summary"]["images"] == {"same": 1, "changed": 1, "added": 0, "removed": 0}

    return replace(one, config={**one.config, "User": "root"}), check


def variable_between(one: Built, _: int) -> tuple[Built, Callable[[Json, Json], None]]:
    def check(_: Json, amd: Json) -> None:
        assert amd["config"] == [{"pointer": "/config/Env/1", "kind": "added", "old": None, "new": "B=2"}]

    first, *rest = one.config["Env"]
    return replace(one, config={**one.config, "Env": [first, "B=2", *rest]}), check


def variable(one: Built, _: int) -> tuple[Built, Callable[[Json, Json], None]]:
    def check(_: Json, amd: Json) -> None:
        assert amd["config"] == [{"pointer": "/config/Env/1", "kind": "changed", "old": "C=3", "new": "C=4"}]

    return replace(one, config={**one.config, "Env": ["A=1", "C=4", "D=4"]}), check


def layer_changed(one: Built, at: int) -> tuple[Built, Callable[[Json, Json], None]]:
    contents = list(one.contents)
    contents[at % len(contents)] += b"!"

    def check(found: Json, amd: Json) -> None:
        wanted = ["same"] * len(contents)
        wanted[at % len(contents)] = "changed"
        assert kinds(amd) == wanted
        assert amd["config"] == []
        assert found["summary"]["images"]["changed"] == 2

    return replace(one, contents=tuple(contents)), check


def layer_between(one: Built, at: int) -> tuple[Built, Callable[[Json, Json], None]]:
    place = at % (len(one.contents) + 1)

    def check(_: Json, amd: Json) -> None:
        assert kinds(amd) == ["same"] * place + ["added"] + ["same"] * (len(one.contents) - place)
        assert all(change["pointer"].startswith("/history") for change in amd["config"])

    return replace(one, contents=(*one.contents[:place], b"between", *one.contents[place:])), check


def layer_gone(one: Built, at: int) -> tuple[Built, Callable[[Json, Json], None]]:
    place = at % len(one.contents)

    def check(_: Json, amd: Json) -> None:
        assert kinds(amd) == ["same"] * place + ["removed"] + ["same"] * (len(one.contents) - place - 1)

    return replace(one, contents=(*one.contents[:place], *one.contents[place + 1 :])), check


def name(one: Built, _: int) -> tuple[Built, Callable[[Json, Json], None]]:
    def check(found: Json, amd: Json) -> None:
        assert [pair["kind"] for pair in found["images"]] == ["same", "same"]
        assert amd["matched_by"] == "image id"
        assert amd["names_differ"]
        assert found["summary"]["names"] == 2

    return replace(one, name="docker.io/corpus/app:2.0"), check


def annotation(one: Built, _: int) -> tuple[Built, Callable[[Json, Json], None]]:
    def check(found: Json, amd: Json) -> None:
        change = {"on": "manifest", "key": "org.example.a", "kind": "changed", "old": "1", "new": "2"}
        assert amd["annotations"] == [change]
        assert [pair["kind"] for pair in found["images"]] == ["same", "same"]
        assert found["summary"]["annotations"] == 1

    return replace(one, annotations={"org.example.a": "2"}), check


def statement(one: Built, _: int) -> tuple[Built, Callable[[Json, Json], None]]:
    def check(found: Json, amd: Json) -> None:
        assert [this["kind"] for this in amd["attestations"]] == ["changed"]
        assert found["summary"]["attestations"] == 1

    return replace(one, statement=b"two"), check


def no_statement(one: Built, _: int) -> tuple[Built, Callable[[Json, Json], None]]:
    def check(found: Json, amd: Json) -> None:
        assert [this["kind"] for this in amd["attestations"]] == ["removed"]
        assert [pair["kind"] for pair in found["images"]] == ["same", "same"]

    return replace(one, statement=b""), check


def no_arm(one: Built, _: int) -> tuple[Built, Callable[[Json, Json], None]]:
    def check(found: Json, amd: Json) -> None:
        assert amd["kind"] == "same"
        assert image_of(found, "linux/arm64")["kind"] == "removed"
        assert found["summary"]["attestations"] == 0

    return replace(one, arm=False), check


MUTATIONS: list[Mutation] = [
    config_value, variable_between, variable, layer_changed, layer_between, layer_gone,
    name, annotation, statement, no_statement, no_arm,
]  # fmt: skip
ASPECTS: dict[Mutation, str] = {
    name: "names",
    annotation: "annotations",
    statement: "attestations",
    no_statement: "attestations",
}


@settings(COMMON, max_examples=40)
@given(
    mutation=st.sampled_from(MUTATIONS),
    at=st.integers(0, 5),
    count=st.integers(1, 4),
    codecs=st.lists(st.sampled_from(CODECS), min_size=2, max_size=2),
)
def test_one_change_is_told_and_nothing_else(
    mutation: Mutation, at: int, count: int, codecs: list[Codec], tmp_path: Path, cli_call: Call
) -> None:
    """However the two archives are compressed; and what was asked not to count is shown, and the status is 0."""
    event(mutation.__name__)
    config = {"User": "1000", "Env": ["A=1", "C=3", "D=4"]}
    one = Built(tuple(b"%d" % number for number in range(count)), config, {"org.example.a": "1"})
    other, check = mutation(one, at)
    with TemporaryDirectory(dir=tmp_path) as folder:
        old = one.write(Path(folder) / "old", codecs[:1])
        new = other.write(Path(folder) / "new", codecs[1:])
        found = compared(cli_call, old, new, 1)
        assert not found["same"]
        check(found, image_of(found, "linux/amd64"))
        beside = {"names": 0, "annotations": 0, "attestations": 0}
        aspect = ASPECTS.get(mutation)
        for key in beside:
            assert (found["summary"][key] > 0) == (key == aspect)
        if aspect is not None:
            told(cli_call("diff", old, new, "--ignore", aspect), 0)
        else:
            told(cli_call("diff", old, new, *itertools.chain(*(("--ignore", key) for key in beside))), 1)


def test_the_empty_layer_twice(tmp_path: Path, cli_call: Call) -> None:
    """Layers that stand several times are aligned by their order."""
    empty, one, two = layer({}), layer({"a": b"a"}), layer({"b": b"b"})
    old = write_tar(tmp_path / "old", layout(Image(layers=[empty, one, empty]).node()))
    new = write_tar(tmp_path / "new", layout(Image(layers=[empty, one, empty, two, empty]).node()))
    (pair,) = compared(cli_call, old, new, 1)["images"]
    assert sorted(kinds(pair)) == ["added", "added", "same", "same", "same"]
