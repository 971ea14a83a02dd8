"""Names of members, without the ways to spell one name in many."""

from __future__ import annotations


def normal(name: str) -> str:
    """Return a member's name without `.` parts, doubled and leading slashes; `..` is resolved, or stands first."""
    if "//" not in name and not name.startswith(("/", "./", "../")) and "/." not in name and not name.endswith("/"):
        return "" if name == "." else name
    parts: list[str] = []
    for part in name.split("/"):
        if part in ("", "."):
            continue
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def join(name: str, link: str) -> str | None:
    """Return where a symlink leads, None for one that is absolute (outside of the archive, whatever it says)."""
    if link.startswith("/"):
        return None
    folder = name.rpartition("/")[0]
    return f"{folder}/{link}" if folder else link
