"""Faults inside of layers: their tars, whose digests are all true, and the headers of gzip."""

import io
import tarfile
from collections.abc import Callable

from tests.audit.cases import commented
from tests.audit.editing import Bundle, NotHereError
from tests.audit.mutants import mutation, packed_as, raw, stored
from tests.support import build, oracle
from tests.support.tar import BLOCK, Member, Style, file, flipped, hardlink, pax, tar

# One byte more than Go reads of a name or a comment.
TOO_LONG = 512


def retarred(bundle: Bundle, change: Callable[[bytes], bytes]) -> None:
    """Change the tar of the first layer, and pack it as it was: every digest of it follows."""
    name, data, plain = stored(bundle, "none", "gzip", "zstd")
    made = change(plain)
    bundle.put_layer(name, packed_as(data, made), made)


def last_of(plain: bytes) -> tarfile.TarInfo:
    """Give the last member of a tar, which has data in the layers that are changed here."""
    with tarfile.open(fileobj=io.BytesIO(plain)) as opened:
        last = opened.getmembers()[-1]
    if not last.size:
        raise NotHereError("data of a member")
    return last


def end_of(plain: bytes) -> int:
    """Give where the blocks stand that end a tar."""
    last = last_of(plain)
    return last.offset_data + last.size + -last.size % BLOCK


def before_the_end(plain: bytes, more: bytes) -> bytes:
    """Put something behind the last member of a tar."""
    at = end_of(plain)
    return plain[:at] + more + plain[at:]


def holds(bundle: Bundle, *members: Member) -> None:
    """Give the first layer more members."""
    retarred(bundle, lambda plain: before_the_end(plain, tar(members, style=Style.GNU, end=0)))


# -- what stands where a header has to be, or does not -----------------------------------------------------------------

TRUNCATED: dict[str, Callable[[bytes], bytes]] = {
    "inside-data": lambda plain: plain[: end_of(plain) - BLOCK - 1],
    "inside-a-header": lambda plain: plain[: last_of(plain).offset + 300],
    "behind-an-extended-header": lambda plain: plain[: end_of(plain)] + pax({"path": "other"}),
    "inside-the-end": lambda plain: plain[: end_of(plain)] + bytes(BLOCK + 100),
}
for _name, _change in TRUNCATED.items():
    mutation("layer-tar-truncated", name=f"tar-of-a-layer-cut-{_name}")(
        lambda bundle, change=_change: retarred(bundle, change)
    )

DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "first-header": lambda plain: flipped(plain, 1),
    "last-header": lambda plain: flipped(plain, last_of(plain).offset + 1),
    "text-behind-the-members": lambda plain: before_the_end(plain, b"garbage!" * (BLOCK // 8)),
    "zeros-between-members": lambda plain: (
        plain[: last_of(plain).offset] + bytes(BLOCK) + plain[last_of(plain).offset :]
    ),
}
for _name, _change in DAMAGED.items():
    mutation("layer-tar-damaged", name=f"tar-of-a-layer-damaged-{_name}")(
        lambda bundle, change=_change: retarred(bundle, change)
    )


@mutation("layer-tar-ambiguous", warning=True)
def tar_of_a_layer_gives_two_sizes(bundle: Bundle) -> None:
    def sized(plain: bytes) -> bytes:
        at = last_of(plain).offset
        return plain[:at] + pax({"size": "7"}) + plain[at:]

    retarred(bundle, sized)


# -- paths and links ---------------------------------------------------------------------------------------------------


def path_in(bundle: Bundle) -> str:
    """Give the path of the last member of the first layer."""
    return last_of(stored(bundle, "none", "gzip", "zstd")[2]).name


@mutation("layer-path-doubled", warning=True)
def layer_has_a_path_twice(bundle: Bundle) -> None:
    holds(bundle, file(path_in(bundle), b"other"))


@mutation("layer-path-doubled", warning=True)
def layer_has_a_path_twice_as_another_spells_it(bundle: Bundle) -> None:
    holds(bundle, file(f"./{path_in(bundle)}", b"other"))


@mutation("layer-path-outside", warning=True)
def layer_has_a_path_out_of_the_root(bundle: Bundle) -> None:
    holds(bundle, file("a/../../outside", b"x"))


@mutation("layer-path-outside", warning=True)
def layer_has_a_hard_link_out_of_the_root(bundle: Bundle) -> None:
    holds(bundle, hardlink("inside", "../outside"))


@mutation("layer-link-dangling", warning=True)
def layer_has_a_hard_link_to_nothing(bundle: Bundle) -> None:
    holds(bundle, hardlink("link", "nothing"))


@mutation("layer-link-dangling", warning=True)
def layer_has_a_hard_link_to_a_member_behind_it(bundle: Bundle) -> None:
    link = hardlink("link", path_in(bundle))
    retarred(bundle, lambda plain: tar([link], style=Style.GNU, end=0) + plain)


@mutation("layer-link-dangling", warning=True)
def layer_has_a_hard_link_to_a_member_of_the_layer_above(bundle: Bundle) -> None:
    above = oracle.unpacked(bundle.data(bundle.layers[1]))[1]
    holds(bundle, hardlink("link", last_of(above).name))


# -- headers of gzip ---------------------------------------------------------------------------------------------------

LONG_HEADERS: dict[str, Callable[[bytes], bytes]] = {
    "name": lambda data: build.gzipped(data, name=b"n" * TOO_LONG),
    "comment": lambda data: commented(data, TOO_LONG),
    "name-of-the-second-member": lambda data: (
        build.gzipped(data[:BLOCK]) + build.gzipped(data[BLOCK:], name=b"n" * TOO_LONG)
    ),
}


def headed_long(bundle: Bundle, pack: Callable[[bytes], bytes]) -> None:
    """Compress the first layer again, with a header that Go does not read."""
    name, _, plain = stored(bundle, "gzip")
    bundle.put_layer(name, pack(plain), plain)


for _name, _pack in LONG_HEADERS.items():
    mutation("gzip-header", name=f"gzip-layer-with-a-long-{_name}", warning=True)(
        lambda bundle, pack=_pack: headed_long(bundle, pack)
    )
    mutation("gzip-header", name=f"outer-gzip-with-a-long-{_name}", warning=True)(
        lambda bundle, pack=_pack: raw(bundle, pack)
    )
