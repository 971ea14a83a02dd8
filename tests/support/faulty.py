"""Archives that reports are tried on: a good one, faulty ones, and one whose every name is an attack on the reader."""

from dataclasses import replace
from pathlib import Path

from tests.support import build
from tests.support.tar import Member, file, tar

#: Markup, a colour, an override of the reading direction, a quote, an address: nothing of it may have an effect.
HOSTILE = '<script>alert(1)</script>\x1b[31m\u202eevil"><img src=http://hostile.invalid/x>'

FIRST = build.layer({f"lib/{n}": bytes([n]) * 900 for n in range(40)}, "gzip")
SECOND = build.layer({"etc/app": b"x" * 7000}, "zstd")
LAST = build.layer({"bin/app": bytes(range(256)) * 40}, "gzip")
IMAGE = build.Image(layers=[FIRST, SECOND, LAST])
INDEX = build.platforms([IMAGE, build.Image(layers=[FIRST, LAST], platform=build.ARM64)])
NAMED = INDEX.named("registry.example/team/app:2.4", "2.4")


def good() -> bytes:
    """Make two platforms of an image, with nothing wrong."""
    return tar(build.layout(NAMED))


def damaged() -> bytes:
    """Make the same with a layer cut in its last bytes, and a stray blob."""
    broken = LAST.stored[:-9] + bytes(9)
    return tar(replaced(build.layout(NAMED, strays=[b"stray"]), build.blob_path(LAST.digest), broken))


def other_content() -> bytes:
    """Make an image one layer of which unpacks to something else than its config says."""
    image = build.Image(layers=[FIRST, replace(LAST, plain=b"something else")])
    return tar(build.layout(image.node().named("registry.example/app:1.0", "1.0")))


def cut() -> bytes:
    """Make a tar that ends in the middle."""
    whole = good()
    return whole[: len(whole) // 2 + 100]


def sparse() -> bytes:
    """Make an index one platform of which is not here."""
    away = INDEX.document["manifests"][1]["digest"]
    return tar(build.layout(NAMED, without=[away]))


def hostile() -> bytes:
    """Make an image whose names, platform and members are made to deceive."""
    platform = {"os": HOSTILE, "architecture": "amd64"}
    root = build.index([IMAGE.node(platform=platform)]).named("", HOSTILE)
    names = [file(f"blobs/sha256/{HOSTILE.replace('/', '_')}", b"stray"), file("\x01\n\ufffe", b"")]
    return tar([*build.layout(root, strays=[b"1"]), *names])


def none() -> bytes:
    """Make what is no archive at all."""
    return b"no archive at all\n"


MADE = {
    "good": good,
    "damaged": damaged,
    "other-content": other_content,
    "cut": cut,
    "sparse": sparse,
    "hostile": hostile,
    "none": none,
}


def write(name: str, folder: Path, as_name: str = "") -> Path:
    """Write one of them to a file."""
    path = folder / (as_name or f"{name}.tar")
    path.write_bytes(MADE[name]())
    return path


def replaced(members: list[Member], name: str, content: bytes) -> list[Member]:
    """Give members with the content of one changed."""
    return [file(one.name, content) if one.name == name else one for one in members]
