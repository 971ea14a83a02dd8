"""Names on their way into DEST: `--rename OLD=NEW`, what follows a name to its new place, and names that meet there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from ociarchive.blobio.limits import LimitError
from ociarchive.errors import UsageError, plural, some
from ociarchive.model import walk
from ociarchive.transform.rewrite import attached_to, without_names
from ociarchive.values import Digest, Reference, tagged_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ociarchive.blobio.limits import Limits
    from ociarchive.formats.format import Format
    from ociarchive.model import Root

_DEFAULT: Final = "docker.io/"
#: For a digest and a repository that has it: the repositories that have it after the renames.
_Following: TypeAlias = "dict[tuple[Digest | None, tuple[str, str]], dict[tuple[str, str], None]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """One `--rename`. `many` says that OLD ended in `*`, `carries` that NEW did, too. Neither text holds the `*`."""

    text: str
    old: str
    new: str
    many: bool = False
    carries: bool = False

    def rest(self, spelled: Sequence[str]) -> str | None:
        """Return what the `*` stands for in the first spelling that fits OLD, else None. Without `*` it is empty."""
        if self.many:
            return next((text[len(self.old) :] for text in spelled if text.startswith(self.old)), None)
        reference = Reference.maybe(self.old)
        return "" if self.old in spelled or (reference is not None and str(reference) in spelled) else None

    def name(self, rest: str) -> Reference:
        """Return the new name. UsageError: what the `*` stands for does not make a name of it."""
        carried = rest if self.carries else ""
        return checked(f"--rename {self.text}", self.new + carried, digest="@" in carried)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """A name of a SOURCE (`where`), or a bare ref.name, and the name that it has in DEST."""

    old: str
    new: Reference
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The roots of one SOURCE, which `where` names, under their new names, and the renames among them.

    `before` has the name in the SOURCE for an image and its new name.
    """

    where: str
    roots: tuple[Root, ...]
    renames: tuple[Renamed, ...] = ()
    before: Mapping[tuple[object, Reference], str] = field(default_factory=dict)


def parse_all(texts: Iterable[str]) -> tuple[Rename, ...]:
    """Return the renames of a call. UsageError: one spells none, or two are of one OLD."""
    found: dict[tuple[str, bool], Rename] = {}
    for rename in map(parse, texts):
        known = found.setdefault((rename.old, rename.many), rename)
        if known is not rename and known.text != rename.text:
            raise UsageError(f"--rename {known.text} and --rename {rename.text} are of one name")
    return tuple(found.values())


def parse(text: str) -> Rename:
    """Return the rename that `OLD=NEW` spells; OLD without a tag means `latest`. UsageError: it spells none."""
    old, equals, new = text.partition("=")
    many, carries = old.endswith("*"), new.endswith("*")
    first, second = old.removesuffix("*"), new.removesuffix("*")
    if not equals or not old or not new or "=" in new:
        raise UsageError(f"--rename takes OLD=NEW, not {text!r}")
    if "*" in first or "*" in second:
        raise UsageError(f"--rename takes a * at the end of a name alone, not {text!r}")
    if carries and not many:
        raise UsageError(f"--rename {text}: the * of NEW stands for that of OLD, which has none")
    rename = Rename(text=text, old=first, new=second, many=many, carries=carries)
    if not carries:
        rename.name("")
    return rename


def checked(option: str, text: str, *, digest: bool = False) -> Reference:
    """Return the name that an option gives. UsageError: it is none, or has a `digest` that it must not have."""
    try:
        name = Reference.parse(text)
    except ValueError as error:
        lower = Reference.maybe(text.lower())
        hint = f"use small letters: {text.lower()}" if lower is not None and text != text.lower() else None
        raise UsageError(f"{option} takes an image name: {error}", hint=hint) from None
    if name.digest is not None and not digest:
        raise UsageError(f"{option} takes a name without a digest, which follows from the content", found=text)
    return name


def renamed(
    sources: Sequence[tuple[str, tuple[Root, ...]]], rules: Sequence[Rename], fmt: Format, limits: Limits
) -> list[Named]:
    """Return the roots of each source under their new names; `sources` has the name of each and its roots.

    A name takes the rule that names it in full; of those with `*` the longest OLD that fits. UsageError: a rule applies
    to nothing, or its new name is none that `fmt` holds. LimitError: what follows names would have too many.
    """
    ranked = sorted(rules, key=lambda rule: (rule.many, -len(rule.old)))
    used: set[str] = set()
    found = [_in_source(where, roots, ranked, used, limits) for where, roots in sources]
    for rule in rules:
        if rule.text not in used:
            there = some(dict.fromkeys(text for _, roots in sources for root in roots for text in _names(root)))
            hint = f"there is {there}" if there else "nothing here has a name"
            raise UsageError(f"--rename {rule.text} fits no name", hint=hint)
    for one in (one for named in found for one in named.renames):
        why = _fault(one.new, fmt)
        old = Reference.maybe(one.old)
        if why and (old is None or _fault(old, fmt) != why):  # a fault that is carried along is no new one
            raise UsageError(f"{one.old} cannot be renamed to {one.new}: {why}", where=one.where)
    return found


def _fault(name: Reference, fmt: Format) -> str | None:
    return name.disputed or fmt.refuses(name)


def _in_source(where: str, roots: tuple[Root, ...], rules: Sequence[Rename], used: set[str], limits: Limits) -> Named:
    renames: dict[str, Reference] = {}
    for text, spelled in {text: tried for root in roots for text, tried in _spellings(root)}.items():
        for rule in rules:
            rest = rule.rest(spelled)
            if rest is not None:
                used.add(rule.text)
                renames[text] = rule.name(rest)
                break
    follow = _following(roots, renames)
    names = (name for root in roots for name in root.names if follow and str(name) not in renames)
    if sum(len(follow.get(_place_of(name), ())) for name in names) > limits.listed:  # one may go to very many
        what = f"tags made of digests follow names to more than the {plural(limits.listed, 'place')} allowed"
        raise LimitError(what, "listed", where=where)
    changed = {
        (root.identity, new): old
        for root in roots
        for old, news in _mapping(root, renames, follow).items()
        for new in news
        if old != str(new)
    }
    told = dict.fromkeys((old, new) for (_, new), old in changed.items())
    return Named(
        where=where,
        roots=tuple(_once_each(_moved(roots, [_taken(root, renames, follow) for root in roots]))) if rules else roots,
        renames=tuple(Renamed(old=old, new=new, where=where) for old, new in told),
        before=changed,
    )


def _spellings(root: Root) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give each name of a root, and all ways to write it; a bare ref.name where it has no full name."""
    for name in root.names:
        yield str(name), (str(name), str(name).removeprefix(_DEFAULT), name.familiar)
    if not root.names and root.ref_name:
        yield root.ref_name, (root.ref_name,)


def _names(root: Root) -> tuple[str, ...]:
    return tuple(map(str, root.names)) or ((root.ref_name,) if root.ref_name else ())


def _following(roots: Sequence[Root], renames: dict[str, Reference]) -> _Following:
    """Return for a digest, and a repository that has it, the repositories that have it after the renames.

    Tags that are made of a digest (`sha256-<hex>.sig`) are looked up in the repository of their image.
    """
    found: _Following = {}
    for root in roots:
        places = [(_repository(name), _repository(renames.get(str(name), name))) for name in root.names]
        if all(old == new for old, new in places):
            continue
        for edge in walk([root]):
            for old, new in places if edge.descriptor is not None else ():
                digest = edge.descriptor.digest if edge.descriptor else None
                if digest is not None:
                    found.setdefault((digest, old), {})[new] = None
    return found


def _repository(name: Reference) -> tuple[str, str]:
    return name.host, name.path


def _place_of(name: Reference) -> tuple[Digest | None, tuple[str, str]]:
    return tagged_digest(name.tag) if name.tag else None, _repository(name)


def _mapping(
    root: Root,
    renames: dict[str, Reference],
    follow: _Following,
) -> dict[str, tuple[Reference, ...]]:
    """Return the new names for each name of a root."""
    found: dict[str, tuple[Reference, ...]] = {}
    for name in root.names:
        places = follow.get(_place_of(name), {}) if str(name) not in renames else {}
        moved = tuple(Reference(host, path, name.tag, name.digest) for host, path in places)
        found[str(name)] = moved or (renames.get(str(name), name),)
    if not root.names and root.ref_name in renames:
        found[root.ref_name] = (renames[root.ref_name],)
    return found


def _moved(roots: Sequence[Root], taken: Sequence[Root]) -> Iterator[Root]:
    """Give roots; what has no name moves where all names of its registry's repository moved."""
    places: dict[str, set[str]] = {}
    for old, new in zip(roots, taken, strict=True):
        if old.repository is not None:
            places.setdefault(old.repository, set()).update(name.path for name in new.names)
    for root in taken:
        place = places.get(root.repository or "", set()) if not root.names else set()
        yield replace(root, repository=min(place)) if len(place) == 1 else root


def _taken(
    root: Root,
    renames: dict[str, Reference],
    follow: _Following,
) -> Root:
    """Return a root under its new names. What cosign attached to a name is attached to the new one."""
    names = tuple(dict.fromkeys(new for news in _mapping(root, renames, follow).values() for new in news))
    new = renames.get(str(root.attached)) if root.attached is not None else None
    if new is not None:
        root = attached_to(root, new)
    return replace(without_names(root), names=names) if names and names != root.names else root


def _once_each(roots: Iterable[Root]) -> Iterator[Root]:
    """Give roots without the names that the same image had before; a root whose names all are such is dropped."""
    there: set[tuple[object, Reference]] = set()
    for root in roots:
        fresh = tuple(name for name in root.names if (root.identity, name) not in there)
        there.update((root.identity, name) for name in root.names)
        if fresh or not root.names:
            yield root if fresh == root.names else replace(without_names(root), names=fresh)


def require_apart(sources: Sequence[Named], fmt: Format) -> None:
    """Refuse names of different images that are one name in DEST: after a rename, or in a format without hosts.

    UsageError: it lists the names, each with its SOURCE.
    """
    claims: dict[str, dict[object, list[tuple[str, str, bool]]]] = {}
    for source in sources:
        for root in source.roots:
            for name in root.names:
                old = source.before.get((root.identity, name))
                claim = (old or str(name), source.where, old is not None)
                claims.setdefault(fmt.place(name), {}).setdefault(root.identity, []).append(claim)
    met = {place: list(owners.values()) for place, owners in claims.items() if len(owners) > 1}
    told = [
        f"{place} from {' and '.join(f'{old} ({where})' for (old, where, _), *_ in owners)}"
        for place, owners in met.items()
        if not fmt.hosts or any(changed for owner in owners for *_, changed in owner)
    ]
    if told:
        first = told[0].partition(" from ")
        what = f"two images would have the name {first[0]}" + ("" if fmt.hosts else " in a registry")
        more = f", and {some(told[1:])}" if told[1:] else ""
        raise UsageError(f"{what}: {first[2]}{more}", hint="select one, or give one another name with --rename OLD=NEW")
