"""The one family of errors. The class of an error decides the exit status of the command line."""

from __future__ import annotations

import errno
import re
from bisect import bisect_left
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

Failed = TypeVar("Failed", bound="OciArchiveError")

#: What to do when the system refuses something.
_WAYS_OUT: Final = {
    errno.ENOSPC: "free some space there, or choose another place",
    errno.EDQUOT: "free some of the quota there, or choose another place",
    errno.EFBIG: "raise the limit of a file's size (ulimit -f), or choose another place",
    errno.EROFS: "choose a place that can be written to",
    errno.EACCES: "permissions there have to allow it",
    errno.EPERM: "permissions there have to allow it",
    errno.EIO: "the device may be failing, the kernel's log says more",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "the system has too many open files, try again later",
    errno.ENOMEM: "free some memory",
    errno.ESTALE: "mount that file system anew",
    errno.ENAMETOOLONG: "choose a shorter name",
}

#: What to do where a file or folder is to be written into a folder that does not exist.
NO_FOLDER: Final = "make that folder first, or name another place"

#: Words that may have the user and the password of a URL in them (RFC 3986, 3.2.1).
_WORD: Final = re.compile(r"\S+")
_BEGINS: Final = re.compile("://")
#: A name with a password behind it, a user without one, and what ends either: the @ of a digest ends nothing.
_NAME: Final = re.compile(r"[^\s/:@\[]+:")
_USER: Final = re.compile(r"[^\s/\[]*")
_AT: Final = re.compile(r"@(?!sha[0-9]+:|[a-z0-9+._-]+:[0-9a-f]{32})", re.IGNORECASE)
_HIDDEN: Final = "***@"


def without_credentials(text: str, *, instead: str = _HIDDEN) -> str:
    """Return text in which no URL, of whatever scheme, has a user or a password. All that is printed goes through."""
    return _WORD.sub(lambda word: _hidden(word[0], instead), text) if "://" in text and "@" in text else text


def _hidden(word: str, instead: str) -> str:
    """Return a word without credentials.

    A password may hold what has to be spelled otherwise there, as a slash, so after a name with a colon all up to the
    last @ counts. What stands before the @ of a digest is none. Each character is looked at a few times, for a word may
    have as many beginnings of URLs as an archive's author likes.
    """
    ends = [found.start() for found in _AT.finditer(word)] if "://" in word else []
    kept: list[str] = []
    done = 0
    for found in _BEGINS.finditer(word) if ends else ():
        at = found.end()
        name = _NAME.match(word, at)
        if name is not None and name.end() <= ends[-1]:
            end = ends[-1]
        else:
            user = _USER.match(word, at)
            before = bisect_left(ends, user.end() if user is not None else at)
            end = ends[before - 1] if before else -1
        if at >= done and end >= at:
            kept += [word[done:at], instead]
            done = end + 1
    return "".join([*kept, word[done:]])


def require_no_credentials(address: str, hint: str) -> None:
    """Refuse an address with a user or a password before a library can repeat them. `hint` says where they belong.

    UsageError: it has some.
    """
    bare = without_credentials(address, instead="")
    if bare != address:
        raise UsageError("an address has no user and no password", where=bare, hint=hint)


def clipped(text: str, most: int) -> str:
    """Return text for a sentence in at most so many characters, an ellipsis where some were left out."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def plural(count: int, one: str, many: str | None = None, *, grouped: bool = False) -> str:
    """Return a count with what is counted: `1 byte`, `2 bytes`. It is the only place that puts a number before a noun.

    `many` is said of any number but one, `one` with an s where it is left out; both may hold the verb. `grouped` sets
    thousands apart by commas.
    """
    return f"{count:{',' if grouped else ''}} {one if count == 1 else many or one + 's'}"


#: How many names a message lists: enough to choose from, few enough to read.
_LISTED: Final = 12


def some(names: Iterable[str]) -> str:
    """Return names for a sentence, the first of them where there are many."""
    rest = iter(names)
    listed = list(islice(rest, _LISTED))
    more = sum(1 for _ in rest)
    return ", ".join(listed) + (f" and {more} more" if more else "")


class OciArchiveError(Exception):
    """Something that ends the work, reported in one sentence: what, expected, found, where.

    `where` names the archive and the member, blob or path in it; `hint` says the one thing to do next, where there
    is one.
    """

    status = 3

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.expected = expected
        self.found = found
        self.hint = hint

    def __str__(self) -> str:
        """Return the sentence without a prefix: `WHAT: expected X, found Y, HINT (WHERE)`, without credentials."""
        text = self.what
        facts = [f"{word} {value}" for word, value in (("expected", self.expected), ("found", self.found)) if value]
        if facts:
            text += ": " + ", ".join(facts)
        if self.hint:
            text += f", {self.hint}" if not facts else f"; {self.hint}"
        return without_credentials(f"{text} ({self.where})" if self.where else text)


def bare(error: Failed) -> Failed:
    """Return an error that is kept for later without the frames that it came through, which hold what was read."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


class ContentError(OciArchiveError):
    """What an archive holds is at fault (status 1)."""

    status = 1


class UsageError(OciArchiveError):
    """The call is at fault (status 2)."""

    status = 2


class HostError(OciArchiveError):
    """The environment is at fault: disk, permission, a missing library (status 3)."""

    status = 3


def cannot(do: str, error: OSError, where: str) -> HostError | UsageError:
    """Return the error for what the system refuses to `do`, with the way out where there is one to name.

    It is a HostError but for a name that no file can have, which is the call's: it is too long, below a file, or a
    link in a circle.
    """
    hint = _WAYS_OUT.get(error.errno or 0)
    kind = UsageError if error.errno in (errno.ENAMETOOLONG, errno.ENOTDIR, errno.ELOOP) else HostError
    return kind(f"cannot {do}: {error.strerror or error}", where=where, hint=hint)
