"""Digest, Descriptor, Platform and Reference: parsed once, trusted from then on."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field, replace
from functools import cached_property, total_ordering
from typing import TYPE_CHECKING, Self, TypeAlias

from ociarchive.errors import clipped, plural

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

_ALGORITHM = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*\Z")
_ENCODED = re.compile(r"[a-zA-Z0-9=_-]+\Z")
_HEX = re.compile(r"[a-f0-9]+\Z")
#: Registered algorithms (image-spec, descriptor.md, Registered Algorithms) and the length of their hex.
REGISTERED = {"sha256": 64, "sha512": 128, "blake3": 64}
#: Longer digests are refused: they stand in file names, of which most file systems take 255 bytes.
MAX_DIGEST = 250


class WrongValueError(ValueError):
    """A value that is not allowed: `what` is wrong in words, what was `expected`, and what was `found`."""

    def __init__(self, what: str, expected: str, found: str) -> None:
        super().__init__(f"{what}: expected {expected}, found {found}")
        self.what, self.expected, self.found = what, expected, found


@total_ordering
@dataclass(frozen=True, slots=True)
class Digest:
    """A content digest `algorithm:hex` (image-spec, descriptor.md, Digests).

    Every Digest is well formed, so a path may be built from it. No part of it has a separator or is `..`.
    """

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: object) -> Self:
        """Return the digest that `text` spells. WrongValueError: it spells none, and why."""
        if not isinstance(text, str):
            raise WrongValueError("digest has the wrong type", "a string", type_name(text))
        algorithm, colon, encoded = text.partition(":")
        if not colon or len(text) > MAX_DIGEST or not _ALGORITHM.match(algorithm) or not _ENCODED.match(encoded):
            raise WrongValueError("malformed digest", "ALGORITHM:ENCODED", repr(text[:80]))
        length = REGISTERED.get(algorithm)
        if length and (len(encoded) != length or not _HEX.match(encoded)):
            expected = f"{algorithm}: and {length} lower-case hex digits"
            raise WrongValueError(f"malformed {algorithm} digest", expected, repr(text[:80]))
        return cls(algorithm, encoded)

    @classmethod
    def maybe(cls, text: object) -> Self | None:
        """Return the digest that `text` spells, or None if it spells none."""
        try:
            return cls.parse(text)
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"

    def __lt__(self, other: Digest) -> bool:
        return (self.algorithm, self.hex) < (other.algorithm, other.hex)

    @property
    def short(self) -> str:
        """The first twelve digits, for tables."""
        return self.hex[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """The platform that an image runs on (image-spec, image-index.md, `platform`)."""

    os: str
    architecture: str
    variant: str | None = None
    os_version: str | None = None
    os_features: tuple[str, ...] = ()

    @classmethod
    def of(cls, members: Mapping[str, JSON]) -> Self | None:
        """Return the platform in a JSON object (a descriptor's `platform` or a config), None if there is none."""

        def text(key: str) -> str:
            value = members.get(key)
            return value if isinstance(value, str) and len(value) <= MAX_WORD else ""

        if not text("os") and not text("architecture"):
            return None
        features = members.get("os.features")
        listed = features[:MAX_FEATURES] if isinstance(features, list) else []
        return cls(
            os=text("os"),
            architecture=text("architecture"),
            variant=text("variant") or None,
            os_version=text("os.version") or None,
            os_features=tuple(one for one in listed if isinstance(one, str) and len(one) <= MAX_WORD),
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the platform that `OS/ARCH[/VARIANT]` spells; ValueError if it spells none."""
        os, _, rest = text.partition("/")
        architecture, slash, variant = rest.partition("/")
        if not os or not architecture or "/" in variant or bool(slash) != bool(variant):
            msg = f"a platform is OS/ARCH or OS/ARCH/VARIANT, not {text!r}"
            architecture = _ARCHITECTURES.get(text.lower(), text.lower())
            if architecture.partition("/")[0] in _ARCHITECTURES.values():
                msg += f": did you mean linux/{architecture}?"
            raise ValueError(msg)
        return cls(os=os, architecture=architecture, variant=variant or None)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @property
    def in_gos_words(self) -> Platform:
        """This platform as image configs spell it, in Go's words: amd64 for x86_64 (image-spec, config.md)."""
        architecture, _, variant = _ARCHITECTURES.get(self.architecture.lower(), self.architecture).partition("/")
        return replace(self, os=self.os.lower(), architecture=architecture, variant=self.variant or variant or None)

    @property
    def usual(self) -> str:
        """One spelling for one platform: without the variant that is the default, and with the version of the OS."""
        usual = _DEFAULT_VARIANT.get(self.architecture)
        variant = self.variant if self.variant != usual else None
        return "/".join(part for part in (self.os, self.architecture, variant, self.os_version) if part)

    def fits(self, wanted: Platform) -> bool:
        """Whether an image of this platform is what `wanted` asks for. Without a variant it asks for every variant."""
        if (self.os, self.architecture) != (wanted.os, wanted.architecture):
            return False
        return wanted.variant is None or wanted.variant == (self.variant or _DEFAULT_VARIANT.get(self.architecture))


#: Names of architectures in kernels and distributions, and Go's name for each.
_ARCHITECTURES = {
    **{name: name for name in ("amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "loong64", "mips64le")},
    **dict.fromkeys(("x86_64", "x86-64", "x64"), "amd64"),
    **dict.fromkeys(("aarch64", "armv8", "arm64v8"), "arm64"),
    **dict.fromkeys(("armv7", "armv7l", "armhf", "arm32v7"), "arm/v7"),
    **dict.fromkeys(("armv6", "armv6l", "arm32v6", "armel"), "arm/v6"),
    **dict.fromkeys(("i386", "i486", "i586", "i686", "x86"), "386"),
    "ppc64el": "ppc64le",
    "loongarch64": "loong64",
}
#: The variant where none is given (containerd and Docker agree).
_DEFAULT_VARIANT = {"amd64": "v1", "arm64": "v8", "arm": "v7"}

#: The host of a name without one.
DEFAULT_HOST = "docker.io"
_DOMAIN = (
    r"(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*"
    r"|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
)
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_DOMAIN}/{_COMPONENT}(?:/{_COMPONENT})*\Z")
#: distribution refuses these as names: engines take them for IDs.
_IMAGE_ID = re.compile(r"[a-f0-9]{64}\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
#: Tags of what cosign attaches to a manifest: `sha256-<hex>` with one of these.
COSIGN_SUFFIXES = (".sig", ".att", ".sbom")
#: distribution's grammar allows a name of 255 characters.
MAX_NAME = 255
#: The most characters of a name, a tag and a digest together, with their separators.
MAX_REFERENCE = MAX_NAME + 128 + MAX_DIGEST + 2
#: Media types have 255 characters (RFC 6838, 4.2) and parameters; words of a platform have ten.
MAX_WORD = 512
#: Windows has one feature, `win32k`. Each entry of an index may repeat those of its image's config.
MAX_FEATURES = 16


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """An image name with all the parts that the familiar form leaves out (distribution, reference.go)."""

    host: str
    path: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference that `text` spells, in full or in the familiar form. ValueError: it spells none.

        Without a tag and a digest the tag is `latest`, as in every engine.
        """
        if len(text) > MAX_REFERENCE:
            msg = f"malformed image name {text[:80]!r}…: it has {plural(len(text), 'character')}"
            raise ValueError(msg)
        rest, at, digest_text = text.partition("@")
        digest = Digest.parse(digest_text) if at else None
        tag: str | None = None
        if ":" in rest.rsplit("/", 1)[-1]:
            rest, _, tag = rest.rpartition(":")
            if not _TAG.match(tag):
                msg = f"malformed tag in {text!r}"
                raise ValueError(msg)
        if _IMAGE_ID.match(rest):
            msg = f"malformed image name {rest[:12]}…: it is an image ID"
            raise ValueError(msg)
        host, slash, path = rest.partition("/")
        if not slash or not (set(".:") & set(host) or host == "localhost" or host.lower() != host):
            host, path = "docker.io", rest
        if host == "index.docker.io":
            host = "docker.io"
        if host == "docker.io" and "/" not in path:
            path = f"library/{path}"
        if len(rest) > MAX_NAME or not _NAME.match(f"{host}/{path}"):
            msg = f"malformed image name {clipped(text, 80)!r}"
            raise ValueError(msg)
        return cls(host, path, tag if tag or digest else "latest", digest)

    @classmethod
    def maybe(cls, text: object) -> Self | None:
        """Return the reference that `text` spells, or None if it spells none."""
        try:
            return cls.parse(text) if isinstance(text, str) else None
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.host}/{self.path}{self._suffix}"

    @property
    def disputed(self) -> str | None:
        """Why older readers, whose grammar is stricter, refuse this name; None where all take it.

        distribution, reference/normalize.go before 2.8.2 and containers/image: a first part without `.` and `:` is no
        host, so it may have no capitals. There are no IPv6 addresses. The limit of 255 characters includes the host.
        """
        if self.host.lower() != self.host and not set(".:") & set(self.host):
            return "a host without a dot or port has capitals"
        if self.host.startswith("["):
            return "its host is an IPv6 address"
        if len(f"{self.host}/{self.path}") > MAX_NAME:
            return f"with its host it has more than {MAX_NAME} characters"
        return None

    @property
    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def familiar(self) -> str:
        """The name as in Docker's RepoTags: without `docker.io/` and `library/`, if that still means this name."""
        if self.host != "docker.io":
            return str(self)
        short = self.path.removeprefix("library/") + self._suffix
        return short if Reference.maybe(short) == self else str(self)


def tagged_digest(tag: str) -> Digest | None:
    """Return the digest in a tag of the referrers tag schema or of cosign; None where there is none.

    In a ref.name that is no image name something may stand before the tag: `_cosign:sha256-<hex>.sig`.
    """
    algorithm, dash, rest = tag.rpartition(":")[2].partition("-")
    if not dash or algorithm not in ("sha256", "sha512"):
        return None
    for suffix in COSIGN_SUFFIXES:
        rest = rest.removesuffix(suffix)
    return Digest.maybe(f"{algorithm}:{rest}")


_SIZE = "a whole number of bytes"


@dataclass(frozen=True)
class Descriptor:
    """A claim about a blob (image-spec, descriptor.md). `raw` keeps every member, known or not, in its order."""

    media_type: str
    digest: Digest
    size: int
    raw: dict[str, JSON] = field(compare=False)

    @classmethod
    def parse(cls, value: JSON) -> Self:
        """Return the descriptor in a JSON value. WrongValueError: which member is wrong, and why."""
        if not isinstance(value, dict):
            raise WrongValueError("a descriptor has the wrong type", "an object", type_name(value))
        for key in ("digest", "size"):
            if value.get(key) is None:
                found = "null" if key in value else "nothing"
                expected = "a string" if key == "digest" else _SIZE
                raise WrongValueError(f"a descriptor has no {key}", expected, found)
        digest = Digest.parse(value["digest"])
        size = value["size"]
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            number = isinstance(size, int | float) and not isinstance(size, bool)
            raise WrongValueError("size of a descriptor is none", _SIZE, str(size) if number else type_name(size))
        media_type = value.get("mediaType", "")
        if not isinstance(media_type, str):
            raise WrongValueError("mediaType has the wrong type", "a string", type_name(media_type))
        if len(media_type) > MAX_WORD:
            expected = f"{MAX_WORD} characters at most"
            raise WrongValueError("mediaType is too long", expected, plural(len(media_type), "character"))
        return cls(media_type, digest, size, value)

    @classmethod
    def make(cls, media_type: str, digest: Digest, size: int) -> Self:
        """Return a new descriptor with the three required members."""
        return cls(media_type, digest, size, {"mediaType": media_type, "digest": str(digest), "size": size})

    def evolve(self, **members: JSON) -> Descriptor:
        """Return this descriptor with some members replaced; None removes one. The others keep their order."""
        raw = {**self.raw, **members}
        return Descriptor.parse({key: value for key, value in raw.items() if value is not None or key not in members})

    def retarget(self, target: Descriptor) -> Descriptor:
        """Return this descriptor for another blob, with the media type, digest and size of `target`."""
        members: dict[str, JSON] = {"digest": str(target.digest), "size": target.size}
        if target.media_type != self.media_type:
            members["mediaType"] = target.media_type
        if "data" in self.raw:
            members["data"] = None
        return self.evolve(**members)

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations, empty where there are none."""
        found = self.raw.get("annotations")
        return {key: text for key, text in found.items() if isinstance(text, str)} if isinstance(found, dict) else {}

    def annotation(self, key: str) -> str | None:
        """Return the text of one annotation, None where there is none."""
        found = self.raw.get("annotations")
        text = found.get(key) if isinstance(found, dict) else None
        return text if isinstance(text, str) else None

    def annotate(self, annotations: Mapping[str, str]) -> Descriptor:
        """Return this descriptor with exactly these annotations. Without any the member is removed."""
        return self.evolve(annotations=dict(annotations) or None)

    @property
    def platform(self) -> Platform | None:
        """The claimed platform, None where there is none or an empty one."""
        found = self.raw.get("platform")
        return Platform.of(found) if isinstance(found, dict) else None

    @property
    def artifact_type(self) -> str | None:
        """The claimed artifactType."""
        return word(self.raw.get("artifactType"))

    @cached_property
    def urls(self) -> tuple[str, ...]:
        """Other places of the blob, by its claim. This program never connects to them."""
        found = self.raw.get("urls")
        return tuple(url for url in found if isinstance(url, str)) if isinstance(found, list) else ()

    @cached_property
    def data(self) -> bytes | None:
        """The blob where it is inline (descriptor.md, `data`), None where it is not inline or no base64."""
        found = self.raw.get("data")
        if not isinstance(found, str):
            return None
        try:
            return base64.b64decode(found, validate=True)
        except (binascii.Error, ValueError):
            return None


def word(value: object) -> str | None:
    """Return a text that reports repeat; None for any other value, an empty text, and one that is too long."""
    return value if isinstance(value, str) and 0 < len(value) <= MAX_WORD else None


def type_name(value: object) -> str:
    """Return the type of a value in the words of JSON."""
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (type(None), "null"),
        (bool, "a boolean"),
        ((int, float), "a number"),
        (str, "a string"),
        (list, "an array"),
        (dict, "an object"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), type(value).__name__)
