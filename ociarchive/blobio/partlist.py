"""The list of an archive's parts (`*.parts.json`): how it is read, strictly, and how it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.errors import ContentError, plural, some

if TYPE_CHECKING:
    from ociarchive.values import JSON

LIST: Final = ".parts.json"
SUMS: Final = ".SHA256SUMS"
PARITY: Final = ".parity"
#: No medium is so small that an archive needs more. Each part costs a name in the list, and a file.
MOST_PARTS: Final = 10_000
#: What so many parts take in the list, with the longest names that file systems know, and room for JSON's escapes.
LIST_LIMIT: Final = 16 << 20
_DIGITS: Final = 3
#: NAME_MAX is 255 bytes; some file systems count 255 characters, each of up to four bytes.
_LONGEST_NAME: Final = 1024
_NUMBER: Final = re.compile(r"\.([0-9]{3,5})", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """A file: its name, its size in bytes, and the sha256 of its bytes in hexadecimal digits."""

    name: str
    size: int
    sha256: str

    def as_json(self) -> dict[str, JSON]:
        """Return what the list says of it."""
        return {"name": self.name, "size": self.size, "sha256": self.sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartList:
    """The parts of an archive in their order. `name`, `size` and `sha256` are those of the whole."""

    name: str
    size: int
    sha256: str
    part_size: int
    parts: tuple[Part, ...]
    parity: Part | None = None

    @property
    def files(self) -> tuple[Part, ...]:
        """All parts, the parity last."""
        return self.parts if self.parity is None else (*self.parts, self.parity)

    def document(self) -> bytes:
        """Return the list as it is written, one line."""
        made: dict[str, JSON] = {
            "schema_version": 1,
            "name": self.name,
            "size": self.size,
            "sha256": self.sha256,
            "part_size": self.part_size,
            "parts": [part.as_json() for part in self.parts],
        }
        if self.parity is not None:
            made["parity"] = self.parity.as_json()
        return documents.dump(made) + b"\n"

    def sums(self) -> bytes:
        """Return what `sha256sum --check` reads: a line for each file."""
        return b"".join(sum_line(part.name, part.sha256) for part in self.files)


def sum_line(name: str, sha256: str) -> bytes:
    """Return a line of sha256sum, which marks a name with escapes by a backslash in front (GNU coreutils manual)."""
    shown = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if shown != name else ""
    return f"{mark}{sha256}  {shown}\n".encode("utf-8", "surrogateescape")


def part_name(name: str, number: int, count: int) -> str:
    """Return the name of a part, counted from 0, of so many."""
    return f"{name}.{number + 1:0{max(_DIGITS, len(str(count)))}}"


def whole_of(part: str) -> str | None:
    """Return the name of the whole of which a name may be the first part, None where it is none."""
    stem, number = part[: part.rfind(".")], part[part.rfind(".") :]
    found = _NUMBER.fullmatch(number)
    return stem if stem and found is not None and int(found[1]) == 1 else None


def is_part(entry: str, name: str) -> bool:
    """Whether a file's name is that of a part of the whole `name`, of however many."""
    return entry.startswith(f"{name}.") and _NUMBER.fullmatch(entry[len(name) :]) is not None


def belongs(entry: str, name: str) -> bool:
    """Whether a file's name is that of a part of the whole `name`, or of the list, sums or parity of its parts."""
    return is_part(entry, name) or entry in {name + suffix for suffix in (LIST, SUMS, PARITY)}


def looks_like_list(head: bytes) -> bool:
    """Whether the first bytes of a file may be those of a list. A receipt has parts, too, and names the program."""
    return head.lstrip(b" \t\r\n")[:1] == b"{" and b'"part' in head and b'"tool"' not in head


def parse(raw: bytes, where: str) -> PartList | None:
    """Return the list in a document, None where it is another document.

    ContentError: it is no strict JSON, or it says what cannot be: names that lead elsewhere, sizes that do not add up.
    """
    members = documents.parse(raw, where, limit=LIST_LIMIT).members
    if not {"part_size", "parts"} <= set(members):
        return None
    version = members.get("schema_version")
    if not documents.is_whole(version) or version != 1:
        raise _wrong("schema_version", version, "1", where)
    name = members.get("name")
    if not isinstance(name, str) or not _is_name(name):
        raise _wrong("name", name, "the name of a file in the same folder", where)
    part_size = _number(members.get("part_size"), "part_size", where)
    size = _number(members.get("size"), "size", where)
    listed = members["parts"]
    if not isinstance(listed, list) or len(listed) != -(-size // part_size) or len(listed) > MOST_PARTS:
        found = plural(len(listed), "part") if isinstance(listed, list) else listed
        raise _wrong(
            "parts", found, f"{-(-size // part_size)} of {plural(part_size, 'byte')}, {MOST_PARTS} at most", where
        )
    parts = []
    for number, one in enumerate(listed):
        length = min(part_size, size - number * part_size)
        parts.append(_part(one, part_name(name, number, len(listed)), length, f"parts[{number}]", where))
    parity = members.get("parity")
    return PartList(
        name=name,
        size=size,
        sha256=_hash(members.get("sha256"), "sha256", where),
        part_size=part_size,
        parts=tuple(parts),
        parity=None if parity is None else _part(parity, f"{name}{PARITY}", parts[0].size, "parity", where),
    )


def _is_name(text: str) -> bool:
    """Whether a text may be the name of a file."""
    return text not in ("", ".", "..") and "/" not in text and "\0" not in text and len(text) <= _LONGEST_NAME


def _part(value: JSON, name: str, size: int, at: str, where: str) -> Part:
    """Return a part, whose name and size follow from its place."""
    members = value if isinstance(value, dict) else {}
    if members.get("name") != name:
        raise _wrong(f"{at}.name", members.get("name"), name, where)
    found = members.get("size")
    if not documents.is_whole(found) or found != size:
        raise _wrong(f"{at}.size", found, f"{size}", where)
    return Part(name, size, _hash(members.get("sha256"), f"{at}.sha256", where))


def _number(value: JSON, key: str, where: str) -> int:
    if not documents.is_whole(value) or value < 1:
        raise _wrong(key, value, "a number of bytes", where)
    return value


def _hash(value: JSON, key: str, where: str) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise _wrong(key, value, "64 hexadecimal digits", where)
    return value


def _wrong(key: str, found: object, expected: str, where: str) -> ContentError:
    shown = "nothing" if found is None else repr(found)[:100]
    return ContentError(f"the list of parts is not valid: {key}", where=where, expected=expected, found=shown)


def differences(old: PartList, new: PartList) -> str | None:
    """Return in words what the list that is there says otherwise than a new one, None where they agree.

    A parity that only the old one has is no difference: a call need not make it again.
    """
    keys = [key for key in ("name", "size", "sha256", "part_size") if getattr(old, key) != getattr(new, key)]
    keys += [one.name for one, other in zip(old.parts, new.parts, strict=False) if one != other]
    if new.parity is not None and old.parity != new.parity:
        keys.append(new.parity.name)
    return some(keys) if keys else None
