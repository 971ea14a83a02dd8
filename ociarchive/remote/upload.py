"""One blob on its way into a repository: in one request, or in chunks that go on after a break.

distribution-spec 1.1, Pushing blobs: a POST begins an upload, each PATCH adds a chunk, a PUT says what the blob is. Its
digest may be known only after the last byte. At most one chunk is held in memory.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ociarchive.blobio.files import Aborted
from ociarchive.errors import HostError, OciArchiveError, plural
from ociarchive.remote.urls import goes_on
from ociarchive.remote.wire import LostConnection
from ociarchive.values import Digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from ociarchive.remote.client import Answer, Client

#: Bytes of one chunk, so of one slot in memory: large enough that a distant registry's answers do not count for much.
CHUNK: Final = 8 << 20
#: Bytes that are sent at once: the time limit for connecting is that for each piece (socket.sendall).
_PIECE: Final = 128 << 10
#: A registry that asks for longer chunks gets them only so long: they are in memory.
_MOST: Final = 64 << 20
#: A registry that takes no chunk of so many bytes takes none.
_LEAST: Final = 64 << 10
_STORED: Final = frozenset((200, 201, 202, 204))
_AGAIN: Final = frozenset((429, 500, 502, 503, 504))
_TOO_LARGE: Final = frozenset((413, 416))
_ACCEPTED: Final = 202
_CREATED: Final = 201
_UNKNOWN: Final = 404
_INVALID: Final = 400
_RANGE: Final = re.compile(r"(?:bytes[= ])?0-(\d{1,18})\Z")
_DIGITS: Final = 18


class Resend(LostConnection):
    """A registry lost what was sent of a blob. It has to be sent again from its first byte, in another upload."""


@dataclass(frozen=True, slots=True)
class Session:
    """An upload that a registry began: where it goes on, and the least length in bytes of a chunk."""

    location: str
    least: int = 0

    @classmethod
    def of(cls, answer: Answer) -> Session | None:
        """Return the upload that an answer begins, None where it begins none."""
        location = answer.headers.get("location")
        if answer.status != _ACCEPTED or not location:
            return None
        told = answer.headers.get("oci-chunk-min-length", "")
        least = min(int(told), _MOST) if told.isascii() and told.isdecimal() and len(told) <= _DIGITS else 0
        return cls(goes_on(answer.url, location), least)


def mount(client: Client, digest: Digest, repository: str) -> bool | Session:
    """Ask for a blob that another repository of the registry has; True where it is there now.

    Otherwise the upload that the registry began in its place, False where it began none. HostError: no answer.
    """
    path = f"blobs/uploads/?mount={quote(str(digest), safe='')}&from={quote(repository, safe='')}"
    answer = client.request("POST", path, push=True, also=(repository,))
    return answer.status == _CREATED or Session.of(answer) or False


class Upload:
    """One blob that is written piece by piece. It is a slot of a sink; one thread at a time may use it."""

    def __init__(
        self, client: Client, digest: Digest | None, session: Session | None = None, ended: Callable[[], bool] = bool
    ) -> None:
        """`digest` is the blob's, where it is known; then it was asked for. `ended`: whether the work was given up."""
        self._client, self._known, self._ended = client, digest, ended
        self._session = session
        self._chunk = CHUNK
        self._held: list[bytes] = []
        self._size = 0  # of what is held
        self._offset = 0  # how much the registry has
        self._broken = 0  # breaks since it had more
        self._lost = False
        #: The size in bytes of the blob, once the registry has it from here.
        self.sent: int | None = None

    def write(self, data: bytes) -> None:
        """Add bytes. Resend: they are lost. UsageError: access is refused. HostError: the registry does not take them.

        Aborted: the work was given up.
        """
        self._require_going_on()
        self._held.append(bytes(data))
        self._size += len(data)
        while self._size > self._length:
            self._begun()  # the registry may ask for longer chunks
            if self._size > self._length:
                self._send()

    def commit(self, digest: Digest) -> None:
        """Say what the blob is. Errors are those of `write`."""
        self._require_going_on()
        if self._session is None and self._known is None and self._client.has_blob(digest):
            return
        while True:
            if self._offset or self._size > self._length:
                while self._size:
                    self._send()
            if self._finished(digest):
                self.sent = self._offset + self._size
                self._held, self._size, self._session = [], 0, None
                return

    def discard(self) -> None:
        """Cancel the upload: the blob is left out."""
        self.abandon()

    def abandon(self) -> None:
        """Cancel the upload (distribution-spec, DELETE), if the registry can be reached at all."""
        if self._session is not None and not self._lost:
            with suppress(OciArchiveError):
                self._client.request("DELETE", self._session.location, push=True, again=False)
        self._session = None

    @property
    def _length(self) -> int:
        """How many bytes the next chunk may have."""
        return max(self._chunk, self._session.least if self._session else 0)

    def _require_going_on(self) -> None:
        if self._ended():
            raise Aborted

    def _begun(self) -> Session:
        """Return the upload, which begins where there is none."""
        if self._session is None:
            answer = self._client.request("POST", "blobs/uploads/", push=True)
            self._session = Session.of(answer)
            if self._session is None:
                raise self._client.refused(answer, "begin the upload of a blob")
        return self._session

    def _send(self) -> None:
        """Send one chunk. After a break the registry says how much of it has come."""
        self._require_going_on()
        session = self._begun()
        body = self._first(min(self._size, self._length))
        length = sum(map(len, body))
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"{self._offset}-{self._offset + length - 1}",
        }
        self._renew()
        try:
            answer = self._client.request("PATCH", session.location, headers=headers, body=body, push=True, again=False)
        except LostConnection as error:
            self._go_on(error, None)
            return
        if answer.status in _STORED:
            self._move(answer)
            self._has(self._offset + length)
        elif answer.status in _TOO_LARGE:
            self._shrink(answer, length)
        elif answer.status in _AGAIN:
            self._go_on(self._client.refused(answer, "take a chunk of a blob"), answer)
        elif answer.status == _UNKNOWN:
            raise self._resend("the registry does not know its own upload any more")
        else:
            raise self._client.refused(answer, "take a chunk of a blob")

    def _finished(self, digest: Digest) -> bool:
        """Say what the blob is, with all of it where it is small. False: something has to be sent again before."""
        location = self._begun().location
        url = f"{location}{'&' if '?' in location else '?'}digest={quote(str(digest), safe='')}"
        body, headers = self._first(self._size), {"Content-Type": "application/octet-stream"}
        problem: OciArchiveError
        answer: Answer | None = None
        self._renew()
        try:
            answer = self._client.request("PUT", url, headers=headers, body=body or b"", push=True, again=False)
        except LostConnection as error:
            problem = error
        else:
            if answer.status in _STORED:
                self._require_same(answer, digest)
                return True
            problem = self._client.refused(answer, f"store the blob {digest}")
            if answer.status == _INVALID and self._offset:
                raise self._resend("the registry has other bytes than were sent")
            if answer.status in _TOO_LARGE and self._size:
                self._shrink(answer, self._size)
                return False
            if answer.status not in _AGAIN and answer.status != _UNKNOWN:
                raise problem
        if self._client.has_blob(digest):
            return True
        if answer is not None and answer.status == _UNKNOWN and not self._offset:
            self._break(problem, answer)
            self._session = None  # nothing is lost: all of it is held
            return False
        self._go_on(problem, answer)
        return False

    def _go_on(self, problem: OciArchiveError, answer: Answer | None) -> None:
        """Wait, then continue at what the registry has. It raises `problem` where that failed too often."""
        self._break(problem, answer)
        reached = self._reached()
        if reached is None and not self._offset:
            self._session = None
        elif reached is None:
            raise self._resend("the registry does not know its own upload any more")
        else:
            self._has(reached)

    def _renew(self) -> None:
        """Where something broke off, do without kept connections: some servers close each one unannounced.

        What is safe to send twice is just sent again. A chunk is not: how much of it has come is asked first, and the
        answer to that may be the last one that its connection gives.
        """
        if self._broken:
            self._client.renew()

    def _break(self, problem: OciArchiveError, answer: Answer | None) -> None:
        """Count a break. Servers that hang up on large chunks say nothing else, so the next one is smaller."""
        self._broken += 1
        if self._broken > self._client.access.retries:
            self._lost = isinstance(problem, LostConnection)
            raise problem
        if self._broken > 1:
            self._chunk = max(self._chunk // 2, _LEAST)
        self._client.pause(self._broken - 1, answer)

    def _shrink(self, answer: Answer, length: int) -> None:
        """Continue after a chunk that was refused: where the registry is, or with smaller chunks."""
        self._move(answer)
        reached = _reached(answer.headers.get("range"), self._offset)
        if reached is None:
            reached = self._reached()
        if reached is None:
            raise self._resend("the registry does not know its own upload any more")
        if reached != self._offset:
            if not self._has(reached):
                self._break(self._client.refused(answer, f"take a chunk of {plural(length, 'byte')}"), answer)
            return
        least = self._session.least if self._session else 0
        if min(length, self._chunk) <= max(_LEAST, least):
            raise self._client.refused(answer, f"take a chunk of {plural(length, 'byte')}")
        self._chunk = max(min(self._chunk, length) // 2, _LEAST)

    def _reached(self) -> int | None:
        """Ask how many bytes the registry has (end-13), None where it does not know the upload."""
        answer = self._client.request("GET", self._begun().location, push=True)
        if answer.status not in _STORED:
            return None
        self._move(answer)
        return _reached(answer.headers.get("range"), self._offset)

    def _has(self, reached: int) -> bool:
        """Drop what the registry has; return whether that is enough to go on: a registry may take byte by byte."""
        if not self._offset <= reached <= self._offset + self._size:
            raise self._resend("the registry has another part of the blob than was sent")
        taken = reached - self._offset
        enough = taken >= min(self._size, _LEAST)
        if enough and taken:
            self._broken = 0
        self._held = self._rest(taken)
        self._offset, self._size = reached, self._size - taken
        return enough

    def _first(self, size: int) -> list[memoryview]:
        """Return the first bytes of what is held, in pieces that a slow line takes within the time for one.

        They are no copies: what a registry asks for at least may be large, and several blobs are sent at a time.
        """
        found: list[memoryview] = []
        for piece in self._held:
            end, view = min(len(piece), size), memoryview(piece)
            found.extend(view[start : min(start + _PIECE, end)] for start in range(0, end, _PIECE))
            size -= end
            if not size:
                break
        return found

    def _rest(self, size: int) -> list[bytes]:
        """Return what is held behind its first bytes."""
        found = []
        for piece in self._held:
            if size < len(piece):
                found.append(piece[size:])
            size = max(size - len(piece), 0)
        return found

    def _move(self, answer: Answer) -> None:
        """Take over the place where the upload goes on, which may change with each answer."""
        location = answer.headers.get("location")
        if location and self._session is not None:
            self._session = Session(goes_on(answer.url, location), self._session.least)

    def _require_same(self, answer: Answer, digest: Digest) -> None:
        told = Digest.maybe(answer.headers.get("docker-content-digest"))
        if told is not None and told.algorithm == digest.algorithm and told != digest:
            what = "the registry stored other bytes than were sent"
            raise HostError(what, where=self._client.where, expected=str(digest), found=str(told))

    def _resend(self, why: str) -> Resend:
        return Resend(why, where=self._client.where, hint="try again")


def _reached(told: str | None, before: int) -> int | None:
    """Return the number of bytes that a Range header says are there, None where it says nothing.

    `0-0` stands for one byte, and in the registries of everybody for none.
    """
    found = _RANGE.match((told or "").strip())
    if found is None:
        return None
    last = int(found[1])
    return last + 1 if last or before else 0
