"""The page of the JSON formats, made of the schemas: `python -m tests.support.schemas_doc > docs/schemas.md`."""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from typing import Any

Json = dict[str, Any]
HEAD = """\
# JSON and receipts

<!-- Made by `python -m tests.support.schemas_doc > docs/schemas.md`; change the schemas, not this page. -->

What `--format json` and `--receipt` write is described by JSON Schemas (draft 2020-12) that the package carries, in
`ociarchive/report/schemas/`:

```python
from importlib.resources import files

text = files("ociarchive.report").joinpath("schemas", "audit.schema.json").read_text()
```

`schema_version` is 1 in all of them. Within a version members may be added; none goes away or changes its meaning.
Sizes are bytes, digests are whole, and `null` means that an archive makes no such claim, or that something was not
read.
"""


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(_schema(name, schema) for name, schema in schemas().items())


def schemas() -> dict[str, Json]:
    """Return every schema of the package, by the name of its file without endings."""
    folder = files("ociarchive.report").joinpath("schemas")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".schema.json"))
    return {name.removesuffix(".schema.json"): json.loads(folder.joinpath(name).read_text()) for name in names}


def _schema(name: str, schema: Json) -> str:
    parts = [("", schema), *(schema.get("$defs") or {}).items()]
    tables = [_table(title, part) for title, part in parts if part.get("properties")]
    head = f"\n## {schema['title']}\n\n{schema['description']} Schema: `{name}.schema.json`.\n"
    return head + "".join(tables)


def _table(title: str, part: Json) -> str:
    rows = [
        f"| `{member}`{'' if needed else ' (may be absent)'} | {_kind(value)} | {_said(value)} |"
        for member, value, needed in _members(part)
    ]
    text = f"\n{part['description']}\n" if title and "description" in part else ""
    head = f"\n### {title}\n{text}" if title else ""
    return f"{head}\n| member | type | what it says |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _members(part: Json, prefix: str = "") -> list[tuple[str, Json, bool]]:
    """Give the members of an object and whether they are required, those of what is inside of it under their paths."""
    found: list[tuple[str, Json, bool]] = []
    for name, value in part["properties"].items():
        found.append((prefix + name, value, name in part.get("required", ())))
        inner = value.get("items", value)
        if "properties" in inner:
            found += _members(inner, f"{prefix}{name}{'[]' if 'items' in value else ''}.")
    return found


def _kind(value: Json) -> str:
    if "$ref" in value:
        return str(value["$ref"]).rpartition("/")[2]
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        return ", ".join(f"`{json.dumps(one)}`" for one in value["enum"])
    if "anyOf" in value:
        return " or ".join(_kind(one) for one in value["anyOf"])
    kinds = value.get("type", "any")
    text = " or ".join(kinds) if isinstance(kinds, list) else kinds
    return f"list of {_kind(value['items'])}" if text == "array" and "items" in value else text


def _said(value: Json) -> str:
    return " ".join(str(value.get("description", "")).split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
