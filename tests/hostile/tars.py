"""Hostile tars: headers, sizes, names, links and kinds of members."""

import gzip
from pathlib import Path

import zstandard

from tests.hostile.case import Build, Case, raw
from tests.hostile.parts import SAVED, archive, saved
from tests.hostile.raw import END, Odd, head, pax, record, resealed, whole
from tests.support.build import docker_archive, dumped
from tests.support.tar import BLOCK, Style, file, flipped, hardlink, symlink, tar, write_tar

SOUND = tar(saved())
_MEMBERS = SOUND[: -2 * BLOCK]
_CONFIG = SAVED.config.encode()
_JSON = dumped([SAVED.entry()])
#: The sound members without manifest.json, which a case adds in its own way.
_BARE = tar([one for one in saved() if one.name != "manifest.json"])[: -2 * BLOCK]
_ESCAPE = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\u2066"
_LAYER = SAVED.layers[0]


def _before(*blocks: bytes) -> Build:
    """Build the sound tar with blocks in front."""
    return raw(b"".join(blocks) + SOUND)


def _entry(*blocks: bytes) -> Build:
    """Build the sound tar, its manifest.json in these blocks."""
    return raw(_BARE + b"".join(blocks) + END)


def _layer_as(member: bytes) -> Build:
    """Build a `docker save` whose layer is these blocks."""
    others = [one for one in saved() if one.name != _LAYER]
    return raw(tar(others)[: -2 * BLOCK] + member + END)


def _strays(count: int) -> Build:
    def build(path: Path) -> None:
        write_tar(path, [*saved(), *(file(f"stray/{number}", b"") for number in range(count))])

    return build


def _million_members(path: Path) -> None:
    """A tar of more members than the limit, in a file of under 1 MiB."""
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    with path.open("wb") as out:
        out.write(compressor.compress(_MEMBERS))
        for start in range(0, 1_000_100, 1000):
            blocks = b"".join(head(b"%07d" % number) for number in range(start, start + 1000))
            out.write(compressor.compress(blocks))
        out.write(compressor.compress(END) + compressor.flush())


def _names_of_many_folders(path: Path) -> None:
    """Names of 2,000 folders each, all different: the folders' names take a thousand times what the names do."""
    names = (f"{number:03}/" + "d/" * 2000 + "x" for number in range(200))
    path.write_bytes(gzip.compress(tar([*saved(), *(file(name, b"") for name in names)], style=Style.GNU), 1))


def _headers_without_members(path: Path) -> None:
    """Extended headers after one another, none of them before a member."""
    one = pax(record(b"comment", b"c" * 400))
    path.write_bytes(gzip.compress(one * 100_000 + SOUND, 1))


def _sparse_of_a_tebibyte(path: Path) -> None:
    """A layer that is a sparse file of 1 TiB, of which the tar holds nothing (GNU.sparse 1.0)."""
    records = (
        record(b"GNU.sparse.major", b"1"),
        record(b"GNU.sparse.minor", b"0"),
        record(b"GNU.sparse.name", _LAYER.encode()),
        record(b"GNU.sparse.realsize", b"%d" % (1 << 40)),
    )
    others = [one for one in saved() if one.name != _LAYER]
    layer = pax(*records) + whole(_LAYER.encode()[:99], b"0\n".ljust(BLOCK, b"\0"))
    path.write_bytes(tar(others)[: -2 * BLOCK] + layer + END)


def _endless_sparse_map() -> bytes:
    """A GNU sparse header whose map goes on in one extension block after another."""
    block = bytearray(head(_LAYER.encode(), 512, b"S", odd=Odd(magic=b"ustar  \0")))
    block[386:482] = b"00000000000\x0000000000001\0" * 4
    block[482] = 1
    more = b"00000000000\x0000000000001\0" * 21 + b"\1" + bytes(7)
    return resealed(bytes(block)) + more * 2000


def _claims(flag: bytes, size: int) -> bytes:
    """An extended header that claims more than is there."""
    return head(b"././@LongLink", size, flag, odd=Odd(size=b"\x80" + size.to_bytes(11, "big")))


def _tebibyte_of_nothing(path: Path) -> None:
    """A member of 1 TiB, sparse on disk, that is no part of the image: nothing need read it."""
    with path.open("wb") as out:
        out.write(_MEMBERS + head(b"stray", odd=Odd(size=b"\x80" + (1 << 40).to_bytes(11, "big"))))
        out.seek(1 << 40, 1)
        out.write(END)


def _links(count: int) -> Build:
    names = [symlink(f"l{number}", f"l{number + 1}") for number in range(count)]
    return archive([*docker_archive(SAVED, entries=[{**SAVED.entry(), "Layers": ["l0"]}]), *names])


def _outside(path: Path) -> None:
    """Names and links that lead to a file beside the archive."""
    canary = str(path.parent / "canary")
    write_tar(
        path, [*saved(), file(canary, b"x"), file("../canary", b"x"), symlink("up", ".."), file("up/canary", b"x")]
    )


def _linked(name: str, target: str) -> Build:
    return archive([*docker_archive(SAVED, entries=[{**SAVED.entry(), "Layers": [name]}]), symlink(name, target)])


_PAX_SIZES = "CVE-2025-62518"
CASES: dict[str, Case] = {
    # Sizes
    "pax-size-beside-zero-governs": Case(
        build=_entry(
            pax(record(b"size", b"%d" % len(_JSON))) + whole(b"manifest.json", b"") + _JSON.ljust(BLOCK, b"\0")
        ),
        audit=0,
        convert=0,
        of=_PAX_SIZES,
    ),
    "pax-size-smaller": Case(
        build=_entry(pax(record(b"size", b"0")) + whole(b"manifest.json", _JSON)),
        rule="tar-sizes-differ",
        words="PAX header says 0 bytes",
        of=_PAX_SIZES,
    ),
    "pax-size-larger": Case(
        build=_before(pax(record(b"size", b"1536")) + head(b"x", 512) + bytes(BLOCK) + head(b"manifest.json")),
        rule="tar-sizes-differ",
        words="PAX header says 1536 bytes, the header itself 512",
        of=_PAX_SIZES,
    ),
    "pax-size-beyond-the-file": Case(
        build=_before(pax(record(b"size", b"9" * 18)) + head(b"x")),
        rule="tar-truncated",
        words="cut short",
    ),
    "pax-size-of-thousands-of-digits": Case(
        build=_before(pax(record(b"size", b"9" * 200_000)) + head(b"x")),
        rule="tar-damaged",
        words="malformed size",
        of="CVE-2020-10735",
    ),
    "pax-size-negative": Case(
        build=_before(pax(record(b"size", b"-1")) + head(b"x")),
        rule="tar-damaged",
        words="malformed size",
    ),
    "pax-size-no-number": Case(
        build=_before(pax(record(b"size", b"\xd9\xa1")) + head(b"x")),
        rule="tar-damaged",
        words="malformed size",
    ),
    "size-negative": Case(
        build=_before(head(b"x", odd=Odd(size=b"\xff" * 12))),
        rule="tar-damaged",
        words="negative number",
    ),
    "size-beyond-the-file": Case(
        build=_before(head(b"x", odd=Odd(size=b"\x80\x7f" + b"\xff" * 10))),
        rule="tar-truncated",
        words="cut short",
    ),
    "size-no-number": Case(
        build=_before(head(b"x", odd=Odd(size=b"0000000009\0"))),
        rule="tar-damaged",
        words="malformed number",
    ),
    "size-behind-a-zero-byte": Case(
        build=_before(head(b"x", odd=Odd(size=b"\x000000001000\0")) + bytes(BLOCK)),
        rule="tar-ambiguous",
        words="begins with a zero byte",
    ),
    "size-in-base-256-of-another-kind": Case(
        build=_before(head(b"x", odd=Odd(size=b"\x90" + bytes(11)))),
        rule="tar-damaged",
        words="malformed number",
    ),
    "mode-no-number": Case(
        build=_before(head(b"x", odd=Odd(mode=b"00%6d4\0"))),
        rule="tar-damaged",
        words="malformed number",
    ),
    # Extended headers
    "pax-header-claims-8-gib": Case(
        build=_before(_claims(b"x", 8 << 30)),
        rule="limit-extended",
        words="--limit extended=N",
        of="tarfile",
    ),
    "global-header-claims-8-gib": Case(
        build=_before(_claims(b"g", 8 << 30)),
        rule="limit-extended",
        words="--limit extended=N",
        of="tarfile",
    ),
    "long-name-claims-8-gib": Case(
        build=_before(_claims(b"L", 8 << 30)),
        rule="limit-extended",
        words="--limit extended=N",
        of="tarfile",
    ),
    "long-link-claims-1-tib": Case(
        build=_before(_claims(b"K", 1 << 40)),
        rule="limit-extended",
        words="--limit extended=N",
        of="tarfile",
    ),
    "pax-header-is-cut": Case(
        build=raw(pax(record(b"comment", b"c" * 2000))[: 2 * BLOCK]),
        rule="tar-truncated",
        words="extended header",
    ),
    "pax-record-of-a-huge-length": Case(
        build=_before(whole(b"p", b"9" * 5000 + b" path=x\n", b"x")),
        rule="tar-damaged",
        words="PAX header is malformed",
        of="CVE-2020-10735",
    ),
    "pax-record-of-no-length": Case(
        build=_before(whole(b"p", b"0 path=x\n", b"x")),
        rule="tar-damaged",
        words="PAX header is malformed",
    ),
    "pax-record-without-equals": Case(
        build=_before(whole(b"p", b"7 path\n", b"x")),
        rule="tar-damaged",
        words="PAX header is malformed",
    ),
    "pax-headers-without-members": Case(
        build=_headers_without_members,
        rule="tar-ambiguous",
        words="two extended headers",
        of="extended headers without end",
    ),
    "pax-header-at-the-end": Case(
        build=raw(_MEMBERS + pax(record(b"comment", b"c")) + END),
        rule="tar-damaged",
        words="extended header",
    ),
    "long-name-goes-on-behind-its-end": Case(
        build=_before(head(b"././@LongLink", 4, b"L") + b"namebehind".ljust(BLOCK, b"\0") + head(b"x")),
        rule="tar-ambiguous",
        words="goes on behind its end",
    ),
    "two-names": Case(
        build=_before(whole(b"././@LongLink", b"manifest.json\0", b"L") + pax(record(b"path", b"other")) + head(b"x")),
        rule="tar-ambiguous",
        words="two names",
    ),
    "global-path": Case(
        build=_before(pax(record(b"path", b"manifest.json"), flag=b"g")),
        rule="tar-ambiguous",
        words="global PAX header",
    ),
    "global-size": Case(
        build=_before(pax(record(b"size", b"4"), flag=b"g")),
        rule="tar-ambiguous",
        words="global PAX header",
    ),
    "name-of-a-mebibyte": Case(
        build=_before(pax(record(b"path", b"n" * 1_000_000)) + head(b"x")),
        rule="limit-name",
        words="--limit name=N",
        of="limit name",
    ),
    "link-of-a-mebibyte": Case(
        build=_before(pax(record(b"linkpath", b"n" * 1_000_000)) + head(b"x", 0, b"2")),
        rule="limit-name",
        words="--limit name=N",
        of="limit name",
    ),
    # Sparse files
    "sparse-map-without-end": Case(
        build=_layer_as(_endless_sparse_map()),
        rule="tar-damaged",
        of="CVE-2025-58183",
    ),
    "sparse-map-of-billions-in-pax": Case(
        build=_layer_as(
            pax(
                record(b"GNU.sparse.major", b"1"),
                record(b"GNU.sparse.minor", b"0"),
                record(b"GNU.sparse.name", _LAYER.encode()),
            )
            + whole(_LAYER.encode()[:99], b"99999999999\n".ljust(BLOCK, b"0"))
        ),
        rule="member-special",
        of="CVE-2025-58183",
    ),
    "sparse-layer-of-1-tib": Case(build=_sparse_of_a_tebibyte, rule="member-special", of="sparse member of 1 TiB"),
    "stray-of-1-tib": Case(build=_tebibyte_of_nothing, audit=0, convert=0, of="sparse member of 1 TiB"),
    # Damage
    "checksum-wrong": Case(build=raw(flipped(SOUND, 5)), rule="tar-damaged", words="wrong checksum"),
    "cut-in-a-header": Case(build=raw(SOUND[:700]), rule="tar-truncated", words="cut short"),
    "cut-in-data": Case(build=raw(SOUND[:1000]), rule="tar-truncated", words="cut short"),
    "no-end": Case(build=raw(_MEMBERS), rule="tar-truncated", words="no end marker"),
    "half-an-end": Case(build=raw(_MEMBERS + bytes(BLOCK)), rule="tar-truncated", words="one of the two blocks"),
    "zero-block-between": Case(
        build=raw(tar([file("a", b"")])[:BLOCK] + bytes(BLOCK) + SOUND),
        rule="tar-damaged",
        words="lone zero block",
    ),
    "an-archive-behind-the-end": Case(
        build=raw(SOUND + SOUND),
        rule="data-after-end",
        words="bytes follow the end",
        of="two readers, two archives",
    ),
    # Names
    "member-doubled": Case(
        build=raw(_MEMBERS + whole(b"manifest.json", b"[]") + END),
        rule="member-doubled",
        words="stands twice",
        of="two readers, two archives",
    ),
    "layer-doubled": Case(
        build=raw(_MEMBERS + whole(_LAYER.encode(), bytes(1024)) + END),
        rule="member-doubled",
        words="stands twice",
    ),
    "names-lead-out": Case(build=_outside, rule="member-name", words="leads out", of="CVE-2014-9358"),
    "name-empty": Case(build=_before(head(b"", 0)), rule="member-name", words="empty"),
    "name-with-a-zero-byte": Case(
        build=_before(pax(record(b"path", b"manifest.json\0.txt")) + head(b"x")),
        rule="member-name",
        words="leads out",
    ),
    "names-with-control-characters": Case(
        build=archive([*saved(), file(f"../{_ESCAPE}", b"x"), symlink(f"s{_ESCAPE}", "nowhere")]),
        rule="member-name",
        words="leads out",
        texts=True,
        of="terminal",
    ),
    "name-not-utf-8": Case(
        build=_before(head(b"../\xff\xfe\x9b2J")),
        rule="member-name",
        words="leads out",
        texts=True,
        of="terminal",
    ),
    "folder-with-data": Case(
        build=_before(head(b"manifest.json/", 512) + bytes(BLOCK)),
        rule="tar-ambiguous",
        words="has data",
    ),
    "file-is-a-folder": Case(
        build=archive([*saved(), file(f"{SAVED.config}/x", b"x")]),
        rule="member-not-a-folder",
        words="need a folder",
    ),
    # Links
    "layer-links-to-etc-passwd": Case(
        build=_linked("l", "/etc/passwd"),
        rule="link-escapes",
        words="leads out",
        of="CVE-2014-9358",
    ),
    "layer-links-upward": Case(
        build=_linked("l", "../../../../../etc/passwd"),
        rule="link-escapes",
        words="leads out",
        of="CVE-2014-9358",
    ),
    "layer-links-through-a-folder": Case(
        build=archive(
            [*docker_archive(SAVED, entries=[{**SAVED.entry(), "Layers": ["d/passwd"]}]), symlink("d", "../../etc")]
        ),
        rule="link-escapes",
        words="leads out",
        of="CVE-2014-9358",
    ),
    "layer-is-a-hard-link-outside": Case(
        build=archive(
            [*docker_archive(SAVED, entries=[{**SAVED.entry(), "Layers": ["l"]}]), hardlink("l", "../../etc/passwd")]
        ),
        rule="link-escapes",
        words="leads out",
        of="CVE-2014-9358",
    ),
    "layer-links-to-itself": Case(build=_linked("l", "l"), rule="link-loop", words="circle"),
    "layer-links-in-a-ring": Case(
        build=archive(
            [*docker_archive(SAVED, entries=[{**SAVED.entry(), "Layers": ["a"]}]), symlink("a", "b"), symlink("b", "a")]
        ),
        rule="link-loop",
        words="circle",
    ),
    "links-in-a-chain-of-10-000": Case(build=_links(10_000), rule="link-loop", words="circle"),
    "layer-links-to-nothing": Case(build=_linked("l", "nowhere"), rule="link-dangling", words="leads to nothing"),
    # Kinds
    **{
        f"layer-is-a-{kind}": Case(
            build=_layer_as(head(_LAYER.encode(), 0, flag)),
            rule="member-special",
            words="not a regular file",
            of="FIFO, device or link where a blob is expected",
        )
        for kind, flag in (("fifo", b"6"), ("character-device", b"3"), ("block-device", b"4"), ("folder", b"5"))
    },
    "manifest-is-a-fifo": Case(build=_entry(head(b"manifest.json", 0, b"6")), rule="not-an-archive"),
    # Numbers of members
    "strays-100-000": Case(build=_strays(100_000), audit=0, convert=0, of="limit members"),
    "members-a-million": Case(
        build=_million_members, rule="limit-members", words="--limit members=N", of="limit members"
    ),
    "members-more-than-asked": Case(
        build=_strays(50),
        rule="limit-members",
        words="--limit members=N",
        options=("--limit", "members=20"),
        of="limit members",
    ),
    "names-of-many-folders": Case(
        build=_names_of_many_folders,
        rule="limit-name",
        words="--limit names-size=N",
        of="limit names-size",
    ),
    "style-gnu-long-names": Case(
        build=raw(tar([*saved(), file("d/" * 2000 + "x", b"x")], style=Style.GNU)),
        audit=0,
        convert=0,
        of="limit name",
    ),
}
