"""The types of plain values are those of the schemas, and an archive's values are of these types."""

from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import pytest

import ociarchive
from ociarchive.auditing import facts
from ociarchive.gap import inventory
from tests.support.schemas_doc import schemas

Json = dict[str, Any]
NAMES: dict[object, str] = {str: "string", int: "integer", bool: "boolean", type(None): "null"}
SHAPES = [
    ("audit", "layer", facts.LayerFacts),
    ("audit", "signature", facts.SignatureFacts),
    ("audit", "image", facts.ImageFacts),
    ("audit", "artifact", facts.ArtifactFacts),
    ("audit", "missing", facts.MissingFacts),
    ("inspect", "layer", facts.LayerFacts),
    ("inspect", "artifact", facts.ArtifactFacts),
    ("inspect", "missing", facts.MissingFacts),
    ("inventory", "layer", inventory.HeldLayerFacts),
    ("inventory", "image", inventory.HeldImageFacts),
    ("inventory", "source", inventory.SourceFacts),
    ("inventory", None, inventory.InventoryFacts),
]


def of_type(hint: Any) -> frozenset[str]:  # noqa: ANN401  any type there is
    """Return what JSON calls the values of a type; a list by what is in it."""
    if get_origin(hint) is UnionType:
        return frozenset().union(*map(of_type, get_args(hint)))
    if get_origin(hint) is list:
        return frozenset(f"array of {one}" for one in of_type(*get_args(hint)))
    return frozenset({"object"} if is_typeddict(hint) or get_origin(hint) is dict else {NAMES[hint]})


def of_schema(schema: Json, whole: Json) -> frozenset[str]:
    """Return what a schema says of the types of a value, in the same words."""
    if "$ref" in schema:
        return of_schema(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    if "anyOf" in schema:
        return frozenset().union(*(of_schema(one, whole) for one in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return frozenset(NAMES[type(one)] for one in schema.get("enum", [schema.get("const")]))
    told = schema["type"]
    kinds = [told] if isinstance(told, str) else told
    if kinds == ["array"]:
        return frozenset(f"array of {one}" for one in of_schema(schema["items"], whole))
    return frozenset(kinds)


@pytest.mark.parametrize(("name", "part", "shape"), SHAPES, ids=lambda one: getattr(one, "__name__", str(one)))
def test_a_type_is_that_of_its_schema(name: str, part: str | None, shape: type) -> None:
    whole = schemas()[name]
    schema = whole if part is None else whole["$defs"][part]
    assert {key: of_type(hint) for key, hint in get_type_hints(shape).items()} == {
        key: of_schema(value, whole) for key, value in schema["properties"].items()
    }


def test_an_archive_is_what_inspect_lists() -> None:
    properties = schemas()["inspect"]["$defs"]["archive"]["properties"]
    assert get_type_hints(ociarchive.ArchiveFacts).keys() == properties.keys() - {"findings"}  # with --verify alone
