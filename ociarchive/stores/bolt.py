"""A small reader of bbolt databases, which only looks up and lists (etcd-io/bbolt, page.go, node.go, bucket.go).

Every number in the file is a claim. Offsets are compared with the page that they must lie in, no page is read twice
below one bucket, what a page holds is no more than the page, and what is read in all is bounded.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive.errors import ContentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ociarchive.blobio.source import ByteSource

_MAGIC: Final = 0xED0CDAED
_VERSION: Final = 2
_BRANCH, _LEAF = 1, 2
_BUCKET: Final = 1
#: id, flags, count, overflow
_PAGE: Final = struct.Struct("<QHHI")
#: magic, version, page size, flags, root page, root sequence, freelist, high-water mark, transaction, checksum
_META: Final = struct.Struct("<IIIIQQQQQQ")
_LEAF_ELEMENT: Final = struct.Struct("<IIII")
_BRANCH_ELEMENT: Final = struct.Struct("<IIQ")
_BUCKET_HEADER: Final = struct.Struct("<QQ")
#: The page sizes of systems on which Go runs.
_SMALLEST, _LARGEST = 512, 1 << 16
#: A B+ tree of so many levels has more pages than a disk: even two children each make 2^40.
_DEEPEST: Final = 40
#: The largest page with its overflow: a value of containerd's is a digest, a media type or a label.
_LONGEST: Final = 16 << 20
#: How often all of the file may be read: look-ups begin at the root again, and buckets of a cut file may share pages.
_READINGS: Final = 8
#: In bytes. A small file has a few pages, which each look-up begins with.
_FEW: Final = 16 << 20
_FNV_PRIME: Final = 0x100000001B3
_FNV_BASIS: Final = 0xCBF29CE484222325
_U64: Final = (1 << 64) - 1


class BoltError(ContentError):
    """A database that is damaged, or none."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket: the number of its root page, or the page itself where it stands `inline`."""

    root: int
    inline: bytes | None = None


class Bolt:
    """A database as it was at its last transaction. Each page is read when it is needed."""

    def __init__(self, source: ByteSource, size: int, read: Callable[[int, int], bytes]) -> None:
        """`read` returns so many bytes from an offset on; `source` names the file. BoltError: it is no database."""
        self._where, self._size, self._read = source.where, size, read
        self.page_size, root = self._meta()
        self._left = _FEW + _READINGS * size
        self.root = Bucket(root)

    def items(self, bucket: Bucket) -> Iterator[tuple[bytes, bytes | Bucket]]:
        """Give the keys of a bucket in their order, each with its value. BoltError: a page is damaged."""
        if bucket.inline is not None:
            yield from self._leaf(bucket.inline)
            return
        seen: set[int] = set()
        pending = [iter((bucket.root,))]
        while pending:
            number = next(pending[-1], None)
            if number is None:
                pending.pop()
                continue
            if number in seen or len(pending) - 1 > _DEEPEST:
                raise self._damaged(f"page {number} is reached twice or too deep down")
            seen.add(number)
            page = self._page(number)
            flags = _PAGE.unpack_from(page)[1]
            if flags == _LEAF:
                yield from self._leaf(page)
            elif flags == _BRANCH:
                pending.append(self._branch(page, number))
            else:
                raise self._damaged(f"page {number} is neither a branch nor a leaf")

    def get(self, bucket: Bucket, *keys: bytes) -> bytes | Bucket | None:
        """Return what stands under some keys, one inside the other; None where there is nothing."""
        found: bytes | Bucket | None = bucket
        for key in keys:
            if not isinstance(found, Bucket):
                return None
            found = next((value for name, value in self.items(found) if name == key), None)
        return found

    def bucket(self, bucket: Bucket, *keys: bytes) -> Bucket | None:
        """Return the bucket under some keys, None where there is none."""
        found = self.get(bucket, *keys)
        return found if isinstance(found, Bucket) else None

    def _meta(self) -> tuple[int, int]:
        """Return the page size and the root page of the valid meta page with the later transaction."""
        found: list[tuple[int, int, int]] = []
        first = self._valid(0)
        if first is not None:
            found.append(first)
        sizes = [first[1]] if first is not None else [_SMALLEST << power for power in range(8)]
        for size in sizes:  # where the first page is damaged, its size has to be guessed
            other = self._valid(size)
            if other is not None and other[1] == size:
                found.append(other)
                break
        if not found:
            raise BoltError("no bbolt database, or both of its meta pages are damaged", where=self._where)
        _, size, root = max(found)
        return size, root

    def _valid(self, offset: int) -> tuple[int, int, int] | None:
        """Return transaction, page size and root page of a meta page, None where it is not valid."""
        if offset + _PAGE.size + _META.size > self._size:
            return None
        raw = self._read(offset + _PAGE.size, _META.size)
        if len(raw) < _META.size:
            return None
        magic, version, size, _, root, _, _, _, transaction, checksum = _META.unpack(raw)
        fits = _SMALLEST <= size <= _LARGEST and size & (size - 1) == 0
        if magic != _MAGIC or version != _VERSION or checksum != _fnv(raw[: _META.size - 8]) or not fits:
            return None
        return transaction, size, root

    def _page(self, number: int) -> bytes:
        """Return a page with its overflow."""
        offset = number * self.page_size
        self._spend(self.page_size)
        if number < 2 or offset + self.page_size > self._size:  # noqa: PLR2004  the first two pages are meta pages
            raise self._damaged(f"page {number} lies outside of the file")
        raw = self._read(offset, self.page_size)
        told, _, _, overflow = _PAGE.unpack_from(raw)
        length = (overflow + 1) * self.page_size
        if told != number:
            raise self._damaged(f"page {number} says that it is page {told}")
        if offset + length > self._size or length > _LONGEST:
            raise self._damaged(f"page {number} is longer than it can be")
        self._spend(length - self.page_size)
        return raw if not overflow else raw + self._read(offset + self.page_size, length - self.page_size)

    def _spend(self, size: int) -> None:
        """Count bytes that are read. BoltError: they are too many."""
        self._left -= size
        if self._left < 0:
            raise self._damaged("its pages lead to each other again and again")

    def _leaf(self, page: bytes) -> Iterator[tuple[bytes, bytes | Bucket]]:
        if len(page) < _PAGE.size:
            raise self._damaged("a page is shorter than its header")
        left = len(page)
        for position in self._elements(page):
            flags, offset, key_size, value_size = _LEAF_ELEMENT.unpack_from(page, position)
            start = position + offset
            if start + key_size + value_size > len(page):
                raise self._damaged("a key lies outside of its page")
            left -= _LEAF_ELEMENT.size + key_size + value_size
            if left < 0:
                raise self._damaged("the keys and values of a page are more than the page")
            key = page[start : start + key_size]
            value = page[start + key_size : start + key_size + value_size]
            yield key, self._bucket(value) if flags & _BUCKET else value

    def _branch(self, page: bytes, number: int) -> Iterator[int]:
        elements = self._elements(page)
        if not elements:
            raise self._damaged(f"page {number} leads to nothing")
        for position in elements:
            yield _BRANCH_ELEMENT.unpack_from(page, position)[2]

    def _elements(self, page: bytes) -> range:
        """Return where the elements of a page begin, as many as it says. BoltError: it is too short for them."""
        count = _PAGE.unpack_from(page)[2]
        end = _PAGE.size + count * _LEAF_ELEMENT.size
        if end > len(page):
            raise self._damaged("a page has fewer elements than it says")
        return range(_PAGE.size, end, _LEAF_ELEMENT.size)

    def _bucket(self, value: bytes) -> Bucket:
        if len(value) < _BUCKET_HEADER.size:
            raise self._damaged("a bucket is shorter than its header")
        root, _ = _BUCKET_HEADER.unpack_from(value)
        return Bucket(root) if root else Bucket(0, value[_BUCKET_HEADER.size :])

    def _damaged(self, what: str) -> BoltError:
        return BoltError(f"the bbolt database is damaged: {what}", where=self._where)


def _fnv(data: bytes) -> int:
    """Return the FNV-1a checksum of 64 bits."""
    found = _FNV_BASIS
    for byte in data:
        found = (found ^ byte) * _FNV_PRIME & _U64
    return found


def varint(raw: bytes) -> int | None:
    """Return the number that Go's signed varint spells (encoding/binary, PutVarint), None where it spells none."""
    found = shift = 0
    for number, byte in enumerate(raw[:10]):
        found |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004  the last byte has no continuation bit
            return (found >> 1) ^ -(found & 1) if number + 1 == len(raw) else None
    return None
