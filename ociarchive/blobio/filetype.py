"""What a file is, in words for messages. libmagic says it where it is there; nothing depends on it."""

from __future__ import annotations

from typing import Final

#: libmagic needs 512 bytes to know a tar; with 4 KiB it knows all that it knows.
HEAD: Final = 4096
_KNOWN: Final = (
    (b"%PDF-", "PDF document"),
    (b"\xed\xab\xee\xdb", "RPM package"),
    (b"!<arch>\ndebian", "Debian package"),
    (b"PK\x03\x04", "zip archive"),
    (b"\x7fELF", "ELF program"),
    (b"\x89PNG", "PNG image"),
    (b"#!", "script"),
    (b"7z\xbc\xaf\x27\x1c", "7-zip archive"),
    (b"hsqs", "squashfs image"),
)


def describe(head: bytes) -> str:
    """Return what a file that begins with these bytes is: `empty file` and a few more by ourselves, else libmagic."""
    if not head:
        return "empty file"
    return _magic(head) or _own(head) or "unknown data"


def _own(head: bytes) -> str | None:
    found = next((name for magic, name in _KNOWN if head.startswith(magic)), None)
    if found:
        return found
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return (
        "JSON document"
        if text.lstrip()[:1] in ("{", "[")
        else "text file"
        if text.isprintable() or "\n" in text
        else None
    )


def _magic(head: bytes) -> str | None:
    try:
        import magic  # noqa: PLC0415  looks for a system library, which takes longer than most commands
    except ImportError:
        return None
    try:
        said = str(magic.from_buffer(head))
    except magic.MagicException:
        return None
    said = said.partition(",")[0].strip()
    return said if said and said not in ("data", "empty") else None


def libmagic() -> str | None:
    """Return the version of libmagic, None where there is none."""
    try:
        import magic  # noqa: PLC0415  as above

        number = int(magic.version())  # type: ignore[no-untyped-call]
    except (ImportError, NotImplementedError, ValueError):
        return None
    return f"{number // 100}.{number % 100:02d}"
