"""Policies in files: containers-policy.json(5), read as strictly as containers/image reads it.

Files with keys are read with the policy. Where one cannot be read, or nothing here can check what is demanded, the
demand stays and is never met: a policy speaks of more images than an archive has.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from ociarchive import documents
from ociarchive.blobio.source import read_named
from ociarchive.errors import ContentError, OciArchiveError, UsageError
from ociarchive.signing.certificates import certificates_in, load_certificates, without_warnings
from ociarchive.signing.demands import Demand, Demands
from ociarchive.signing.gpgv import find_gpgv
from ociarchive.signing.identities import Identity, as_written
from ociarchive.signing.keyless.root import deployment
from ociarchive.signing.keyless.verify import KeylessTrust
from ociarchive.signing.keys import Key, key_in, load_key
from ociarchive.signing.members import Member
from ociarchive.signing.openpgp import Keyring, keyring, load_keyring
from ociarchive.signing.scene import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ociarchive.signing.certificates import Certificate
    from ociarchive.signing.demands import Type
    from ociarchive.signing.identities import Match
    from ociarchive.signing.keyless.root import TrustedRoot

Read = TypeVar("Read")
#: Policies of large fleets have some hundred scopes.
_MOST: Final = 4 << 20
#: The requirements and their members, those that must be there first.
_MEMBERS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "insecureAcceptAnything": ((), ()),
    "reject": ((), ()),
    "signedBy": (("keyType",), ("keyPath", "keyPaths", "keyData", "signedIdentity")),
    "signedBaseLayer": (("baseLayerIdentity",), ()),
    "sigstoreSigned": (
        (),
        (
            *("keyPath", "keyPaths", "keyData", "keyDatas", "fulcio", "pki", "signedIdentity"),
            *("rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas"),
        ),
    ),
}
_IDENTITIES: Final[Mapping[str, tuple[str, ...]]] = {
    "matchExact": (),
    "matchRepoDigestOrExact": (),
    "matchRepository": (),
    "exactReference": ("dockerReference",),
    "exactRepository": ("dockerRepository",),
    "remapIdentity": ("prefix", "signedPrefix"),
}
_KEY_TYPES: Final = ("GPGKeys", "signedByGPGKeys", "X509Certificates", "signedByX509CAs")
_LOGS: Final = ("rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas")


def load_demands(path: str, scopes: Mapping[str, str | None]) -> Demands:
    """Return the policy in a file. `scopes` says of transports what may be named of them (Format.scopes).

    UsageError: there is no such file, or it breaks a rule; it names the member.
    """
    try:
        raw = read_named(path, "a policy", _MOST)
        value = documents.parse(raw, path, limit=_MOST).value
    except ContentError as error:
        raise UsageError(f"no policy: {error.what}", where=path, expected=error.expected, found=error.found) from None
    top = Member(value, path, "")
    members = top.only(("default",), ("transports",))
    transports = members["transports"].members() if "transports" in members else {}
    return Demands(
        name=path,
        digest=hashlib.sha256(raw).hexdigest(),
        default=_demands(members["default"]),
        transports={name: _scoped(scopes.get(name), one) for name, one in transports.items()},
    )


def _scoped(kind: str | None, one: Member) -> dict[str, tuple[Demand, ...]]:
    found = {}
    for scope, member in one.members().items():
        if (
            scope
            and kind == "paths"
            and (scope == "/" or not scope.startswith("/") or os.path.normpath(scope) != scope)
        ):
            raise member.wrong("a scope that no image can have", "an absolute path without . and .., not / alone")
        if scope and kind == "none":
            raise member.wrong("a scope that no image can have", 'the scope "" alone')
        found[scope] = _demands(member)
    return found


def _demands(one: Member) -> tuple[Demand, ...]:
    """Return the requirements of a scope. One that stands there before asks for nothing more."""
    made: dict[str, Demand] = {}
    for entry in one.entries():
        text = json.dumps(entry.value, sort_keys=True)
        if text not in made:
            made[text] = _demand(entry)
    return tuple(made.values())


def _demand(one: Member) -> Demand:
    members = one.members()
    if "type" not in members:
        raise one.wrong("no member type")
    name = members["type"].text()
    for known in _TYPES:
        if name == known:
            needed, allowed = _MEMBERS[known]
            found = one.only(("type", *needed), allowed)
            return _MAKERS[known](one, known, found) if known in _MAKERS else Demand(where=one.place, type=known)
    raise members["type"].wrong(f"no requirement {name!r}", f"one of {', '.join(_TYPES)}")


_TYPES: Final[tuple[Type, ...]] = ("insecureAcceptAnything", "reject", "signedBy", "signedBaseLayer", "sigstoreSigned")


def _signed_by(one: Member, kind: Type, found: Mapping[str, Member]) -> Demand:
    key_type = found["keyType"].text()
    if key_type not in _KEY_TYPES:
        raise found["keyType"].wrong(f"no type of keys {key_type!r}", "GPGKeys")
    source = _one_of(one, found, ("keyPath", "keyPaths", "keyData"))
    identity = _identity(found.get("signedIdentity"))
    rings, unmet = _loaded(source, load_keyring, keyring)
    program, absent = _gpgv(one)
    unmet = unmet or absent
    if key_type != _KEY_TYPES[0]:
        unmet = f"keys of the type {key_type} are not checked here"
    every = {ring.digest: ring for ring in rings}
    named = ("signedBy", *((ring.name, digest) for digest, ring in every.items()))
    trust = _shared(one, named, lambda: Trust(keyrings=tuple(every.values()), gpgv=program))
    return Demand(where=one.place, type=kind, kinds=("simple-signing",), trust=trust, identity=identity, unmet=unmet)


def _gpgv(one: Member) -> tuple[str, str | None]:
    """Return the program, looked for once, and why there is none."""
    if find_gpgv not in one.kept:
        try:
            one.kept[find_gpgv] = find_gpgv(), None
        except UsageError as error:
            one.kept[find_gpgv] = "", error.what
    found: tuple[str, str | None] = one.kept[find_gpgv]
    return found


def _shared(one: Member, named: tuple[object, ...], make: Callable[[], Trust]) -> Trust:
    """Return the trust that is `named` so: many requirements may name the same keys, and one check serves them all."""
    if named not in one.kept:
        one.kept[named] = make()
    found: Trust = one.kept[named]
    return found


def _sigstore(one: Member, kind: Type, found: Mapping[str, Member]) -> Demand:
    source = _one_of(one, found, ("keyPath", "keyPaths", "keyData", "keyDatas", "fulcio", "pki"))
    logs = [name for name in _LOGS if name in found]
    if len(logs) > 1:
        raise one.wrong("more than one source of keys of transparency logs", f"one of {', '.join(_LOGS)}")
    for name in logs:
        deque(_texts(found[name]), maxlen=0)
    identity = _identity(found.get("signedIdentity"))
    demand = Demand(where=one.place, type=kind, kinds=("cosign",), identity=identity)
    if source is found.get("fulcio"):
        return _by_fulcio(one, demand, source, [found[name] for name in logs])
    if source is found.get("pki"):
        _require_pki(source)
        return replace(demand, unmet="certificates (pki) of a policy are not checked here")
    keys, unmet = _loaded(source, load_key, key_in)
    of_logs: list[Key] = []
    if logs:
        of_logs, unlogged = _loaded(found[logs[0]], load_key, key_in)
        unmet = unmet or unlogged
    mine, others = _each(keys), _each(of_logs)
    named = (bool(logs), *(tuple((key.name, key.fingerprint) for key in each) for each in (mine, others)))
    trust = _shared(one, named, lambda: Trust(keys=mine, logs=deployment(one.file, (), others) if logs else None))
    return replace(demand, trust=trust, unmet=unmet)


def _each(keys: Iterable[Key]) -> tuple[Key, ...]:
    return tuple({key.fingerprint: key for key in keys}.values())


def _by_fulcio(one: Member, demand: Demand, source: Member, logs: Sequence[Member]) -> Demand:
    """Return the demand of a keyless signature: by an e-mail address, as an issuer says, and in a log."""
    found = source.only(("oidcIssuer", "subjectEmail"), ("caPath", "caData"))
    authorities = _one_of(source, found, ("caPath", "caData"))
    if not logs:
        raise one.wrong("fulcio without a key of a transparency log", f"one of {', '.join(_LOGS)}")
    issuer, email = found["oidcIssuer"].text(), found["subjectEmail"].text()
    with without_warnings():
        certificates, unmet = _loaded(authorities, load_certificates, certificates_in)
        keys, unlogged = _loaded(logs[0], load_key, key_in)
    root = _deployment(one, certificates, _each(keys))
    named = (root.digest, *(log.name for log in root.logs), email, issuer)
    trust = _shared(
        one, named, lambda: Trust(keyless=KeylessTrust(root=root, identity=email, issuer=issuer, email=True))
    )
    return replace(demand, trust=trust, unmet=unmet or unlogged)


def _deployment(one: Member, certificates: list[tuple[Certificate, ...]], logs: tuple[Key, ...]) -> TrustedRoot:
    """Return the deployment of some files of certificates and some logs, made once for all requirements with these."""
    files = tuple(map(id, certificates))  # what is kept has them, so that no other ones get these
    named = (files, *((key.name, key.fingerprint) for key in logs))
    if named not in one.kept:
        every = dict.fromkeys(each for listed in certificates for each in listed)
        one.kept[named] = certificates, deployment(one.file, every, logs)
    found: TrustedRoot = one.kept[named][1]
    return found


def _require_pki(source: Member) -> None:
    """Refuse what is no source of certificates; which certificates they are is not looked at."""
    allowed = ("caRootsPath", "caRootsData", "caIntermediatesPath", "caIntermediatesData")
    found = source.only((), (*allowed, "subjectEmail", "subjectHostname"))
    _one_of(source, found, ("caRootsPath", "caRootsData"))
    for member in found.values():
        member.text()


def _base_layer(one: Member, kind: Type, found: Mapping[str, Member]) -> Demand:
    identity = _identity(found["baseLayerIdentity"])
    return Demand(where=one.place, type=kind, identity=identity, unmet="signatures of base layers are not checked here")


_MAKERS: Final[Mapping[str, Callable[[Member, Type, Mapping[str, Member]], Demand]]] = {
    "signedBy": _signed_by,
    "sigstoreSigned": _sigstore,
    "signedBaseLayer": _base_layer,
}


def _one_of(one: Member, found: Mapping[str, Member], names: Sequence[str]) -> Member:
    given = [name for name in names if name in found]
    if len(given) != 1:
        raise one.wrong(
            "no source of keys" if not given else "more than one source of keys", f"one of {', '.join(names)}"
        )
    return found[given[0]]


def _texts(one: Member) -> Iterator[Member]:
    """Give the entries of a member that is a list by its name, itself where it is none. UsageError: one is no text."""
    for each in one.entries() if one.place.endswith("s") else (one,):
        each.text()
        yield each


def _loaded(
    source: Member, from_file: Callable[[str], Read], from_bytes: Callable[[bytes, str], Read]
) -> tuple[list[Read], str | None]:
    """Return the keys that a member names or holds, and why they cannot be had."""
    inline = "Data" in source.place.rpartition(".")[2]
    found: list[Read] = []
    deque(_texts(source), maxlen=0)
    for one in _texts(source):
        loaded = from_bytes(one.data(), f"{one.file}: {one.place}") if inline else _from_file(one, from_file)
        if isinstance(loaded, str):
            return [], loaded
        found.append(loaded)
    return found, None


def _from_file(one: Member, load: Callable[[str], Read]) -> Read | str:
    """Return what is in a file, or why it cannot be had. It is read once, however the policy names it.

    An error would be kept with all that was in memory where it was raised, so its words are.
    """
    path = one.text()
    key = (load, path)
    if key not in one.kept:
        file = (load, _identity_of(path))
        if file not in one.kept:
            try:
                one.kept[file] = load(path)
            except OciArchiveError as error:
                one.kept[file] = str(error)
        loaded = one.kept[file]
        one.kept[key] = replace(loaded, name=path) if isinstance(loaded, Keyring | Key) else loaded
    found: Read | str = one.kept[key]
    return found


def _identity_of(path: str) -> object:
    """Return what is the same for each path of a file; the path itself where there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return path
    return status.st_dev, status.st_ino


def _identity(one: Member | None) -> Identity:
    if one is None:
        return Identity()
    members = one.members()
    if "type" not in members:
        raise one.wrong("no member type")
    name = members["type"].text()
    for known in _MATCHES:
        if name == known:
            given = _IDENTITIES[known]
            found = one.only(("type", *given), ())
            texts = [_name(found[each], each) for each in given]
            return Identity(match=known, named=texts[0] if texts else "", signed_prefix=texts[1] if texts[1:] else "")
    raise members["type"].wrong(f"no signedIdentity {name!r}", f"one of {', '.join(_IDENTITIES)}")


_MATCHES: Final[tuple[Match, ...]] = (
    "matchExact",
    "matchRepoDigestOrExact",
    "matchRepository",
    "exactReference",
    "exactRepository",
    "remapIdentity",
)


def _name(one: Member, member: str) -> str:
    """Return a name, repository or prefix (containers/image, newPRMExactReference and the like)."""
    text = one.text()
    if "refix" in member:
        if str(as_written(f"{text}/x/y")) != f"{text}/x/y":
            raise one.wrong("no prefix of names", "a host, a namespace or a repository in full, without a tag")
        return text
    found = as_written(text)
    if found is None:
        raise one.wrong("no image name")
    if member == "dockerReference" and found.tag is None and found.digest is None:
        raise one.wrong("an image name without a tag or digest", "NAME:TAG or NAME@DIGEST")
    return text
