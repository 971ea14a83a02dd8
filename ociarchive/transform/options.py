"""The options of a conversion. One function makes them, from a command line or from a Python call."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast, get_args

from ociarchive import near
from ociarchive.blobio import sizes
from ociarchive.blobio.limits import Limits
from ociarchive.blobio.partlist import MOST_PARTS
from ociarchive.errors import UsageError
from ociarchive.formats import FORMATS, by_name, layout_of, written
from ociarchive.formats.registry import pushed_to
from ociarchive.objects.address import is_object
from ociarchive.remote.address import Access, has_tag, is_remote, parse
from ociarchive.selection.argument import Source
from ociarchive.selection.select import ATTESTATIONS, REFERRERS, SIGNATURES, Selectors
from ociarchive.transform.assemble import Assembly
from ociarchive.transform.naming import checked, parse_all
from ociarchive.transform.plan import Compression, MediaTypes, Storage
from ociarchive.values import Platform, Reference
from ociarchive.workers import MOST_JOBS, processors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ociarchive.blobio.codec import Level
    from ociarchive.formats.format import Format
    from ociarchive.transform.naming import Rename

Outer: TypeAlias = Literal["none", "gzip", "zstd"]
#: Paths of archives or files, or one of them.
Given: TypeAlias = "str | os.PathLike[str] | Source | Iterable[str | os.PathLike[str] | Source]"
Without: TypeAlias = Literal["attestations", "signatures", "referrers"]

COMPRESSIONS: Final[tuple[str, ...]] = get_args(Compression)
MEDIA_TYPES: Final[tuple[str, ...]] = get_args(MediaTypes)
OUTERS: Final[tuple[str, ...]] = get_args(Outer)
WITHOUT: Final = (ATTESTATIONS, SIGNATURES, REFERRERS)
_NAMED_LEVELS: Final = ("fast", "small")
_LONGEST_LEVEL: Final = 9
#: Positions in files are signed numbers of 64 bits.
_LARGEST_PART: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """DEST in parts of `size` bytes: `only` these of them, counted from 1, or all; with a `parity` or without."""

    size: int
    only: tuple[int, ...] = ()
    parity: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of one conversion. `jobs` is a number of threads; `outer` names the codec of the whole tar.

    `have` says what the other side has, so that it is left out. `base` has what the sources lack. `host` is the one
    that names in a registry's folder had, None for the default. `index` asks for one image index of all that is
    selected. `split` cuts DEST into parts. `access` says how registries are spoken to. `bound`: a receipt is to bind
    all that DEST holds, and DEST's own digest.
    """

    format: Format
    storage: Storage
    selectors: Selectors
    tag: Reference | None = None
    rename: tuple[Rename, ...] = ()
    host: str | None = None
    all_revisions: bool = False
    index: Assembly | None = None
    outer: str = "none"
    jobs: int = 1
    audit: bool = True
    sync: bool = True
    merge: bool = False
    force: bool = False
    have: tuple[Source, ...] = ()
    base: tuple[Source, ...] = ()
    split: Split | None = None
    limits: Limits = field(default_factory=Limits)
    access: Access = field(default_factory=Access)
    bound: bool = False

    @property
    def force_beside(self) -> bool:
        """Whether files beside DEST may be replaced: as the call says, while `--add` lets DEST be replaced anyhow."""
        return self.force if self.index is None else self.index.twice


def options(  # noqa: PLR0913  one parameter for each option of the command
    *,
    to: str | None,
    dest: str | None = None,
    compression: str = "auto",
    level: Level | str | None = None,
    media_types: str = "keep",
    preserve_digests: bool = False,
    platforms: str | Iterable[str] = (),
    images: str | Iterable[str] = (),
    without: str | Iterable[str] = (),
    tag: str | None = None,
    rename: str | Iterable[str] = (),
    host: str | None = None,
    all_revisions: bool = False,
    outer: str = "none",
    jobs: int | None = None,
    audit: bool = True,
    sync: bool = True,
    merge: bool = False,
    force: bool = False,
    have: Given = (),
    base: Given = (),
    split: int | str | None = None,
    part: int | str | Iterable[int | str] = (),
    parity: bool = False,
    limits: Limits | None = None,
    plain_http: bool = False,
    ca_file: str | None = None,
    insecure_skip_verify: bool = False,
) -> Options:
    """Return the options of a conversion, each as on a command line. One text means a list of one.

    `dest` is DEST, whose address says all of the format where it is in a registry.
    `jobs` is a number of threads, None for the processors that this process may use. UsageError: an option does not
    accept a value; the error lists those that it accepts.
    """
    if dest is not None and is_object(dest):
        raise UsageError("nothing is written to object storage", where=dest, hint="write a file, and upload it")
    if dest is not None and is_remote(dest):
        given = {"--to": to, "--tag": tag, "--merge": merge, "--outer": outer != "none" and outer, "--split": split}
        _refuse_beside_registry(given)
        known = pushed_to(parse(dest), tagged=has_tag(dest))
    elif to:
        known = by_name(to)
    else:
        raise no_format()
    if jobs is not None and (isinstance(jobs, bool) or not 1 <= jobs <= MOST_JOBS):
        raise UsageError(f"--jobs takes a number of threads, not {jobs!r}", expected=f"1 to {MOST_JOBS}")
    left = each(without)
    for one in left:
        _among("--without", one, WITHOUT)
    _among("--outer", outer, OUTERS)
    asked = sources(have)
    if asked:
        _require_delta(known, merge=merge)
    return Options(
        format=known,
        storage=Storage(
            format=known,
            compression=cast("Compression", _among("--compression", compression, COMPRESSIONS)),
            level=_level(level),
            media_types=cast("MediaTypes", _among("--media-types", media_types, MEDIA_TYPES)),
            preserve_digests=preserve_digests,
        ),
        selectors=Selectors(
            images=each(images),
            platforms=tuple(platform(text) for text in each(platforms)),
            without=frozenset(left),
        ),
        tag=None if tag is None else checked("--tag", tag),
        rename=_renames(rename, tag),
        host=registry_host(host),
        all_revisions=all_revisions,
        outer=outer,
        jobs=jobs or processors(),
        audit=audit,
        sync=sync,
        merge=merge,
        force=force,
        have=asked,
        base=sources(base),
        split=_split(split, part, parity=parity, dest=dest, known=known),
        limits=limits or Limits(),
        access=Access.asked(plain_http=plain_http, ca_file=ca_file, insecure_skip_verify=insecure_skip_verify),
    )


def _refuse_beside_registry(given: Mapping[str, object]) -> None:
    """Refuse what says something of a file, or a second time how the image is named (UsageError)."""
    why = {
        "--to": "the address of DEST says that it is a registry",
        "--tag": "the address of DEST has the name",
        "--merge": "a registry keeps what is there anyhow",
        "--outer": "a registry has no tar to compress",
        "--split": "a registry has no tar to cut",
    }
    for option, value in given.items():
        if value:
            raise UsageError(f"{option} has no use with docker:// as DEST: {why[option]}", hint="leave it out")


def for_index(made: Options, *, annotation: str | Iterable[str] = (), add: bool = False) -> Options:
    """Return the options of a conversion for making one index. Each `annotation` is KEY=VALUE.

    `add` replaces DEST, which the new one holds all of. UsageError: no annotation, no name, or what excludes another.
    """
    annotations: dict[str, str] = {}
    for text in each(annotation):
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageError(f"--annotation takes KEY=VALUE, not {text!r}")
        if annotations.setdefault(key, value) != value:
            raise UsageError(f"--annotation {key} is given twice: {annotations[key]!r} and {value!r}")
    if add and made.merge:
        raise UsageError("--add adds to an index, --merge to an archive", hint="leave one of them out")
    if made.tag is None and not add and not made.format.alone and made.format.remote is None:
        raise UsageError("--tag says which name the index is to have")
    return replace(made, index=Assembly(annotations=annotations, twice=made.force, add=add), force=made.force or add)


def sources(given: Given) -> tuple[Source, ...]:
    """Return archives or files that an option names, each by its path or with selectors."""
    listed = (given,) if isinstance(given, str | os.PathLike | Source) else given
    return tuple(one if isinstance(one, Source) else Source(path=os.fspath(one)) for one in listed)


def _split(
    size: int | str | None, part: int | str | Iterable[int | str], *, parity: bool, dest: str | None, known: Format
) -> Split | None:
    """Return how DEST is cut. UsageError: no size, no number of a part, or a DEST that is not the file of a tar."""
    asked: Iterable[int | str] = (part,) if isinstance(part, int | str) else part
    only = tuple(dict.fromkeys(_part(one) for one in asked))
    if size is None:
        if only or parity:
            raise UsageError(f"{'--part' if only else '--parity'} is for parts", hint="--split says of what size")
        return None
    if known.remote is not None or layout_of(known).kind == "directory":
        able = _listed(name for name in written() if layout_of(by_name(name)).kind == "tar")
        raise UsageError(f"--split cuts a tar, and {known.name} is none", expected=f"one of {able}")
    if dest == "-":
        raise UsageError("--split writes several files, and standard output is one", hint="name a file as DEST")
    return Split(size=_size(size), only=tuple(sorted(only)), parity=parity)


def _size(text: int | str) -> int:
    try:
        size = sizes.parse(text) if isinstance(text, str) else text
    except ValueError as error:
        raise UsageError(f"--split: {error}") from None
    if isinstance(size, bool) or not 1 <= size <= _LARGEST_PART:
        raise UsageError(f"--split does not take {text!r}", expected=f"1 to {_LARGEST_PART} bytes")
    return size


def _part(text: int | str) -> int:
    number = int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 9 else text  # noqa: PLR2004  far above the limit
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MOST_PARTS:
        raise UsageError(f"--part takes the number of a part, not {text!r}", expected=f"1 to {MOST_PARTS}")
    return number


def _require_delta(known: Format, *, merge: bool) -> None:
    """Refuse to leave layers out of what no engine completes. UsageError."""
    if merge:
        what = "--have leaves layers out of a new archive, and --merge adds to one that exists"
        raise UsageError(what, hint="leave one of them out")
    if known.holding is None or not known.holding.takes_deltas:
        able = (one.name for one in FORMATS if one.layout is not None and one.layout.takes_deltas)
        raise UsageError(f"no engine loads a {known.name} that lacks layers", expected=f"one of {_listed(able)}")


def no_format(hint: str | None = None) -> UsageError:
    """Return the error for a call that names no format."""
    return UsageError("--to says which format DEST is to have", expected=f"one of {_listed(written())}", hint=hint)


def platform(text: str) -> Platform:
    """Return the platform that an option spells. UsageError: it is no platform."""
    if repeated := near.repeat("--platform", text):
        raise UsageError(f"{text!r} is no platform", hint=repeated)
    try:
        return Platform.parse(text)
    except ValueError as error:
        raise UsageError(str(error)) from None


def each(given: str | Iterable[str]) -> tuple[str, ...]:
    """Return the values of an option that may be repeated. One text is a list of one."""
    return (given,) if isinstance(given, str) else tuple(given)


def _among(option: str, value: str, known: Sequence[str]) -> str:
    if value in known:
        return value
    hint = near.repeat(option, str(value)) or near.hint(str(value), known)
    raise UsageError(f"{option} does not take {value!r}", expected=f"one of {_listed(known)}", hint=hint)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _level(value: Level | str | None) -> Level | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if value in _NAMED_LEVELS:
        return cast("Level", value)
    if not isinstance(value, str) or not (value.isascii() and value.isdigit()) or len(value) > _LONGEST_LEVEL:
        raise UsageError(f"--level does not take {value!r}", expected="a number, fast or small")
    return int(value)


def _renames(texts: str | Iterable[str], tag: str | None) -> tuple[Rename, ...]:
    found = parse_all(each(texts))
    if found and tag is not None:
        raise UsageError("--tag gives the image its only name, and --rename another", hint="leave one of them out")
    return found


def registry_host(text: str | None) -> str | None:
    """Return the host of `--host`; None where the call says none. UsageError: it is no host of a registry."""
    if text is None:
        return None
    name = Reference.maybe(f"{text}/a/b")
    if name is None or name.path != "a/b":
        raise UsageError(f"--host takes a registry's host, not {text!r}", expected="such as registry.example.org:5000")
    return name.host
