"""The trust policy of Notary Project signatures: who may sign what, and which checks are enforced.

Source: notaryproject/specifications, trust-store-trust-policy.md, Trust Policy.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ociarchive import documents
from ociarchive.blobio.source import read_named
from ociarchive.errors import ContentError, UsageError
from ociarchive.signing.notary.names import overlapping, parse_name
from ociarchive.values import word

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ociarchive.signing.notary.store import Store
    from ociarchive.values import JSON

Check: TypeAlias = Literal["authenticity", "authenticTimestamp", "expiry", "revocation"]
Action: TypeAlias = Literal["enforce", "log", "skip"]
Level: TypeAlias = Literal["strict", "permissive", "audit", "skip"]
_MOST: Final = 4 << 20
_SUBJECT: Final = "x509.subject:"
#: Signature Verification details, the table of levels. Integrity is always enforced.
_LEVELS: Final[dict[str, dict[Check, Action]]] = {
    "strict": dict.fromkeys(("authenticity", "authenticTimestamp", "expiry", "revocation"), "enforce"),
    "permissive": {"authenticity": "enforce", "authenticTimestamp": "log", "expiry": "log", "revocation": "log"},
    "audit": dict.fromkeys(("authenticity", "authenticTimestamp", "expiry", "revocation"), "log"),
    "skip": {},
}
_VERSION: Final = "1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One policy. `stores` are types and names of stores, `identities` subjects of signers; None: all of them."""

    name: str
    scopes: frozenset[str]
    level: Level
    actions: Mapping[Check, Action] = field(default_factory=dict)
    stores: tuple[tuple[str, str], ...] | None = None
    identities: tuple[Mapping[str, str], ...] | None = None


#: Without a trust policy: every certificate of the trust store counts, and whether one was revoked nobody can say here.
DEFAULT: Final = Rule(
    name="", scopes=frozenset("*"), level="strict", actions={**_LEVELS["strict"], "revocation": "log"}
)


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """All policies of a document, at `path`."""

    path: str
    rules: tuple[Rule, ...]
    raw: bytes = field(repr=False)
    _by_scope: dict[str | None, Rule] = field(default_factory=dict, repr=False, compare=False)
    _chosen: dict[tuple[str | None, ...], tuple[str | None, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def rule_for(self, repository: str | None) -> Rule | None:
        """Return the policy for a repository, None where there is none.

        Selecting a trust policy based on artifact URI: the one that lists the repository, else the global one.
        """
        if not self._by_scope:
            self._by_scope.update({scope: rule for rule in self.rules for scope in rule.scopes})
        return self._by_scope.get(repository, self._by_scope.get("*"))

    def one_of_each(self, repositories: tuple[str | None, ...]) -> tuple[str | None, ...]:
        """Return the first of some repositories for each policy that is for one of them.

        Thousands of signatures may be over one image with thousands of names.
        """
        if repositories not in self._chosen:
            first: dict[int, str | None] = {}
            for one in repositories:
                first.setdefault(id(self.rule_for(one)), one)
            self._chosen[repositories] = tuple(first.values())
        return self._chosen[repositories]


def load_policy(path: str, stores: Iterable[Store]) -> TrustPolicy:
    """Return the trust policy in a file. UsageError: it is none, or names a store that is not there."""
    try:
        raw = read_named(path, "a trust policy", _MOST)
        value = documents.parse(raw, path, limit=_MOST).value
    except ContentError as error:
        raise UsageError(f"no trust policy: {error.what}", where=path, expected=error.expected) from None
    listed = value.get("trustPolicies") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(listed, list) or not listed:
        raise UsageError("no trust policy: it has no trustPolicies", where=path)
    if value.get("version") != _VERSION:
        raise UsageError("a trust policy of another version", where=path, expected=_VERSION)
    there: set[tuple[str, str]] = {(store.kind, store.name) for store in stores}
    rules = tuple(_rule(one, there, path) for one in listed)
    names, scopes = [rule.name for rule in rules], [scope for rule in rules for scope in rule.scopes]
    for what, every in (("name", names), ("scope", scopes)):
        if len(set(every)) < len(every):
            twice = next(one for one, count in Counter(every).items() if count > 1)
            raise UsageError(f"two policies have the {what} {word(twice) or ''}", where=path)
    return TrustPolicy(path, rules, raw)


def _rule(value: JSON, there: set[tuple[str, str]], path: str) -> Rule:
    members = value if isinstance(value, dict) else {}
    name = word(members.get("name"))
    if name is None:
        raise UsageError("a policy without a name", where=path)

    def wrong(what: str) -> UsageError:
        return UsageError(f"the policy {name}: {what}", where=path)

    scopes = _scopes(members.get("registryScopes"))
    if scopes is None:
        raise wrong("registryScopes is a list of HOST/NAME in full, each once, or of `*` alone")
    verification = members.get("signatureVerification")
    level = verification.get("level") if isinstance(verification, dict) else None
    if not isinstance(verification, dict) or not isinstance(level, str) or level not in _LEVELS:
        raise wrong(f"the level of its signatureVerification is one of {', '.join(_LEVELS)}")
    rule = Rule(name=name, scopes=scopes, level=level)  # type: ignore[arg-type]  # it is one of them
    override = verification.get("override", {})
    if level == "skip":
        if "*" in scopes or override:
            raise wrong("level skip is for repositories by name, and cannot be customized")
        return rule
    actions = _overridden(_LEVELS[level], override)
    if actions is None:
        raise wrong("override has authenticity, authenticTimestamp, expiry (enforce, log), revocation (also skip)")
    stores, identities = _stores(members.get("trustStores")), _identities(members.get("trustedIdentities"))
    if stores is None:
        raise wrong("trustStores lists TYPE:NAME, of the types ca, signingAuthority and tsa")
    for kind, store in stores:
        if (kind, store) not in there:
            raise wrong(f"its store {kind}:{store} is not in the trust store")
    if identities == ():
        raise wrong("trustedIdentities lists `*` alone, or `x509.subject:` with C, ST and O, no two for one subject")
    return replace(rule, actions=actions, stores=stores, identities=identities)


def _scopes(value: JSON) -> frozenset[str] | None:
    """Registry Scopes Constraints."""
    scopes = _texts(value)
    if scopes != ["*"] and any("*" in one or "/" not in one for one in scopes):
        return None
    return frozenset(scopes) if scopes and len(set(scopes)) == len(scopes) else None


def _texts(value: JSON) -> list[str]:
    listed = value if isinstance(value, list) else []
    return (
        [one for one in listed if isinstance(one, str) and one] if all(isinstance(one, str) for one in listed) else []
    )


def _overridden(level: Mapping[Check, Action], override: JSON) -> dict[Check, Action] | None:
    """Custom Verification Level."""
    actions = dict(level)
    for name, action in (override if isinstance(override, dict) else {"": ""}).items():
        allowed = ("enforce", "log", "skip") if name == "revocation" else ("enforce", "log")
        if name not in actions or action not in allowed:
            return None
        actions[name] = action  # type: ignore[assignment]  # they are checked
    return actions


def _stores(value: JSON) -> tuple[tuple[str, str], ...] | None:
    found = []
    # Several may stand in one text, with commas between them.
    for text in (part for one in _texts(value) for part in one.split(",")):
        kind, colon, name = text.strip().partition(":")
        if not colon or kind not in ("ca", "signingAuthority", "tsa") or not name:
            return None
        found.append((kind, name))
    return tuple(found) or None


def _identities(value: JSON) -> tuple[Mapping[str, str], ...] | None:
    """Return names of signers, None for any; an empty tuple where they are none."""
    listed = _texts(value)
    if listed == ["*"]:
        return None
    names = []
    for text in listed:
        try:
            names.append(parse_name(text.removeprefix(_SUBJECT)) if text.startswith(_SUBJECT) else {})
        except ValueError:
            return ()
    if not all(names) or overlapping(names):
        return ()
    return tuple(names)
