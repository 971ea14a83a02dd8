"""Environment variables in a config: NAME=VALUE, as config.md asks and a start of the container needs."""

import pytest

from ociarchive.schema.configs import config_problems
from ociarchive.values import JSON

# an entry of Env, what is found where it is none
ENTRIES: list[tuple[JSON, str | None]] = [
    ("PATH=/bin", None),
    ("A=", None),
    ("A==", None),
    ("=x", "the entry '=x'"),
    ("=", "the entry '='"),
    ("==x", None),  # Windows keeps the folder of a drive as `=C:=C:\\`
    ("=C:=C:\\", None),
    ("A", "the entry 'A'"),
    ("", "the entry an empty string"),
    (None, "the entry null"),
    (1, "the entry a number"),
]


@pytest.mark.parametrize(("entry", "found"), ENTRIES)
def test_an_entry_of_env(entry: JSON, found: str | None) -> None:
    config: dict[str, JSON] = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": []},
        "config": {"Env": ["GOOD=1", entry]},
    }
    problems = [(one.rule, one.pointer, one.found) for one in config_problems(config)]
    assert problems == ([("schema", "/config/Env", found)] if found else [])
