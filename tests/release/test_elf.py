"""Debug sections become zeros, and nothing else changes."""

import ctypes
import importlib
import struct
from pathlib import Path

from release.elf import without_debug

ORIGINAL = Path(importlib.import_module("zstandard.backend_c").__file__ or "").read_bytes()


def sections(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Give each section's flags and content by its name."""
    (start,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    heads = [struct.unpack_from("<IIQQQQIIQQ", data, start + size * number) for number in range(count)]
    table = heads[names][4]
    found = {}
    for name, kind, flags, _, offset, length, *_ in heads:
        text = data[table + name : data.index(b"\0", table + name)].decode()
        found[text] = (flags, b"" if kind == 8 else data[offset : offset + length])  # SHT_NOBITS has no bytes
    return found


def test_what_a_debugger_reads_is_gone_and_all_else_stays() -> None:
    made = without_debug(ORIGINAL)
    assert len(made) == len(ORIGINAL)
    before, after = sections(ORIGINAL), sections(made)
    assert before.keys() == after.keys()
    for name, (flags, data) in before.items():
        if name.startswith(".debug_"):
            assert not flags & 2
            assert after[name] == (flags, bytes(len(data)))
        else:
            assert after[name] == (flags, data), name


def test_it_still_loads(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(without_debug(ORIGINAL))
    assert hasattr(ctypes.CDLL(str(path)), "PyInit_backend_c")


def test_what_is_no_such_library_stays_as_it_is() -> None:
    for data in (b"", b"text", b"\x7fELF\x01\x01" + bytes(100), ORIGINAL[:4096]):
        assert without_debug(data) == data


def test_twice_is_once() -> None:
    once = without_debug(ORIGINAL)
    assert without_debug(once) == once
