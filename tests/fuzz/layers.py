"""Layers with tables of contents, right in all but the table: a mutator alone never gets past a checksum."""

import gzip

import zstandard

from tests.support.build import digest
from tests.support.tar import file
from tests.support.tar import tar as tarred

ESTARGZ = "containerd.io/snapshot/stargz/toc.digest"
CHUNKED = "io.github.containers.zstd-chunked."


def estargz(table: bytes, plain: bytes) -> tuple[bytes, dict[str, str]]:
    """Return an eStargz layer with this table and the annotations that name it."""
    body = gzip.compress(plain, 1, mtime=0)
    packed = gzip.compress(tarred([file("stargz.index.json", table)]), 1, mtime=0)
    extra = b"SG\x16\0%016xSTARGZ" % len(body)
    footer = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0" + extra + b"\x01\0\0\xff\xff" + bytes(8)
    return body + packed + footer, {ESTARGZ: digest(table)}


def chunked(table: bytes, plain: bytes) -> tuple[bytes, dict[str, str]]:
    """Return a zstd:chunked layer with this table and the annotations that name it."""
    compressor = zstandard.ZstdCompressor(level=1)
    body, packed = compressor.compress(plain), compressor.compress(table)
    layer = body + b"\x50\x2a\x4d\x18" + len(packed).to_bytes(4, "little") + packed
    position = f"{len(body) + 8}:{len(packed)}:{len(table)}:1"
    return layer, {CHUNKED + "manifest-checksum": digest(packed), CHUNKED + "manifest-position": position}
