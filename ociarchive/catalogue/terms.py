"""What an audit was made under. Another version, rule, policy, limit or demand may give another verdict."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from ociarchive.auditing.rules import RULES
from ociarchive.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ociarchive.auditing.policy import Policy
    from ociarchive.blobio.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Terms of an audit, as JSON for people, and the digest of all of it."""

    tool: str
    policy: str
    limits: str
    demands: str

    @property
    def digest(self) -> str:
        """The digest over all terms and the rules of this version."""
        return _digest([self.tool, self.policy, self.limits, self.demands, _rules()])


def terms(policy: Policy, limits: Limits, images: Sequence[str], demands: Mapping[str, object]) -> Terms:
    """Return the terms of an audit. `images` is what the archive must hold, `demands` what it is held against."""
    asked = {
        "strict": policy.strict,
        "ignore": dict(policy.ignore),
        "only": dict(policy.only),
        "severity": {rule: list(level) for rule, level in policy.severity.items()},
    }
    demanded = {"images": list(images)} | {name: value and _digest(value) for name, value in demands.items()}
    return Terms(tool=VERSION, policy=_text(asked), limits=limits_text(limits), demands=_text(demanded))


def rules_digest() -> str:
    """Return the digest over the rules of this version."""
    return _digest(_rules())


def _rules() -> list[list[str]]:
    return [[rule.id, rule.severity, rule.spec, rule.summary] for rule in RULES]


def limits_text(limits: Limits) -> str:
    """Return limits as a text that differs where they do."""
    return _text({one.name: getattr(limits, one.name) for one in fields(limits) if one.compare})


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, sort_keys=True)


def _digest(value: object) -> str:
    return f"sha256:{hashlib.sha256(_text(value).encode()).hexdigest()}"
