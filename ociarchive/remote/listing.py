"""Lists of one repository: its tags, and what refers to its manifests, page by page.

Sources: distribution-spec 1.1, Content Discovery; RFC 8288, the links between pages.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, TypeVar

from ociarchive import documents
from ociarchive.errors import ContentError, HostError, plural
from ociarchive.remote.urls import next_page, shown
from ociarchive.values import Descriptor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ociarchive.blobio.limits import Limits
    from ociarchive.errors import UsageError
    from ociarchive.remote.client import Answer
    from ociarchive.values import Digest

Read = TypeVar("Read")

_OK: Final = frozenset((200, 203))
_TOO_MANY: Final = 429
_SERVERS_FAULT: Final = 500
#: A repository of more tags than these pages hold is not listed: asking for single tags is cheaper then.
TAGS: Final = 1000
_PAGES: Final = 5
#: Pages may be empty, so that their number needs a bound of its own.
_MOST_PAGES: Final = 1000
#: Some registries send all tags at once. Of more than so many single ones are asked for, too.
_MOST_TAGS: Final = 100_000


class Lists:
    """Asks for lists. All threads may use it. `ask` returns the answer to a GET, `refused` the error for a bad one."""

    def __init__(
        self,
        ask: Callable[[str], Answer],
        refused: Callable[[Answer, str], UsageError | HostError],
        limits: Limits,
    ) -> None:
        self._ask, self._refused, self._limits = ask, refused, limits
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._referring: set[Digest] = set()

    def tags(self, url: str) -> tuple[str, ...] | None:
        """Return a repository's tags, None where the registry does not list them, or has too many to list."""
        found: list[str] = []
        try:
            for number, page in enumerate(self._pages(url, _tags)):
                if page is None or number >= _PAGES:
                    return None
                found.extend(page)
                if len(found) > _MOST_TAGS:
                    return None
        except ContentError:  # all of them at once, in more bytes than a document has
            return None
        return tuple(found)

    def referrers(self, url: str) -> tuple[Descriptor, ...] | None:
        """Return what the Referrers API lists of a manifest, None where there is no such interface.

        Once that is more than an archive may have no more is asked for: who reads it meets the limit.
        """
        found: list[Descriptor] = []
        for page in self._pages(url, lambda members: [descriptors(members)]) if not self._are_many(()) else ():
            if page is None:
                return tuple(found) if found else None
            (listed,) = page
            if listed is None:
                return None
            found.extend(listed)
            if self._are_many(listed):
                break
        return tuple(dict.fromkeys(found))

    def _are_many(self, listed: Iterable[Descriptor]) -> bool:
        with self._lock:
            self._referring.update(one.digest for one in listed)
            return len(self._referring) > self._limits.documents

    def _pages(self, first: str, take: Callable[[Mapping[str, object]], Read]) -> Iterator[Read | None]:
        """Give what is taken of each page of a list. None: the registry does not list it.

        The values of one page are in memory at a time, however many threads ask.

        HostError: there are more pages than any list has, or the next one is nowhere.
        """
        url: str | None = first
        seen: set[str] = set()
        size = 0
        while url is not None and url not in seen:
            seen.add(url)
            if len(seen) > _MOST_PAGES or size > self._limits.documents_size:
                found = f"{plural(len(seen) - 1, 'page')} of {plural(size, 'byte')}"
                raise HostError("the registry lists without end", where=shown(url), found=found)
            answer = self._ask(url)
            size += len(answer.body)
            if answer.status not in _OK:
                if answer.status == _TOO_MANY or answer.status >= _SERVERS_FAULT:
                    raise self._refused(answer, "list what is there")
                yield None
                return
            try:
                with self._reading:
                    taken = take(documents.parse(answer.body, shown(url), limit=self._limits.manifest_size).members)
            except ContentError:
                yield None
                return
            yield taken
            url = next_page(answer.url, answer.headers.get("link", ""))


def _tags(members: Mapping[str, object]) -> list[str]:
    listed = members.get("tags")
    return [tag for tag in listed if isinstance(tag, str)] if isinstance(listed, list) else []


def descriptors(members: Mapping[str, object]) -> list[Descriptor] | None:
    """Return the entries of an index, None for what is none. An entry without artifactType is one all the same."""
    listed = members.get("manifests")
    if not isinstance(listed, list):
        return None
    found = []
    for entry in listed:
        try:
            found.append(Descriptor.parse(entry))
        except ValueError:
            continue
    return found
