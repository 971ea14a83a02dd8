"""Archives cut into parts, written here from the contract alone, so that nothing of the program proves itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.build import sha256


def xor(parts: list[bytes]) -> bytes:
    """Give the XOR of parts, shorter ones as if they ended in zeros."""
    made = bytearray(len(parts[0]))
    for part in parts:
        for at, byte in enumerate(part):
            made[at] ^= byte
    return bytes(made)


def described(name: str, data: bytes) -> dict[str, Any]:
    """Give the entry of a file in the list."""
    return {"name": name, "size": len(data), "sha256": sha256(data)}


def cut(path: Path, data: bytes, size: int, *, parity: bool = False, **members: Any) -> Path:  # noqa: ANN401  any JSON
    """Write the parts of a tar beside `path`, and their list, whose path it gives; `members` change the list."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    digits = max(3, len(str(len(pieces))))
    names = [f"{path.name}.{number:0{digits}}" for number in range(1, len(pieces) + 1)]
    for name, piece in zip(names, pieces, strict=True):
        path.with_name(name).write_bytes(piece)
    told: dict[str, Any] = {
        "schema_version": 1,
        "name": path.name,
        "size": len(data),
        "sha256": sha256(data),
        "part_size": size,
        "parts": [described(name, piece) for name, piece in zip(names, pieces, strict=True)],
    }
    if parity:
        made = xor(pieces)
        path.with_name(f"{path.name}.parity").write_bytes(made)
        told["parity"] = described(f"{path.name}.parity", made)
    listed = path.with_name(f"{path.name}.parts.json")
    listed.write_text(json.dumps(told | members))
    return listed


def lose(number: int | str) -> Callable[[Path], None]:
    """Remove a part of `archive` in a folder."""
    name = f"archive.{number:03}" if isinstance(number, int) else f"archive.{number}"
    return lambda folder: (folder / name).unlink()


def spoil(number: int, at: int = 0) -> Callable[[Path], None]:
    """Change one byte of a part of `archive` in a folder."""

    def change(folder: Path) -> None:
        path = folder / f"archive.{number:03}"
        data = bytearray(path.read_bytes())
        data[at] ^= 0xFF
        path.write_bytes(data)

    return change
