"""The audit's settings from a file: `[tool.ociarchive]` of a pyproject.toml, or an ociarchive.toml.

strict = true
ignore = ["blob-unreferenced"]
only = []
severity = { "sparse-index" = "error" }
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ociarchive import near
from ociarchive.auditing.policy import Policy
from ociarchive.auditing.rule import SEVERITIES
from ociarchive.auditing.rules import RULE_IDS
from ociarchive.blobio.source import read_named
from ociarchive.errors import ContentError, UsageError, clipped
from ociarchive.late import Late

if TYPE_CHECKING:
    import tomllib
    from collections.abc import Iterable, Mapping

    from ociarchive.auditing.rule import Severity
else:
    tomllib = Late("tomllib")

_NAMES: Final = ("ociarchive.toml", "pyproject.toml")
_KEYS: Final = ("ignore", "only", "severity", "strict")
_OF_PYPROJECT: Final = "[tool.ociarchive] is for a pyproject.toml, here keys stand without it"
#: Characters of a value that is shown.
_SHOWN: Final = 80
#: Settings are a page of text. A pyproject.toml may contain much more.
_MAX_SIZE: Final = 512 << 10
#: Dots of one line. The parser's time grows with the square of a key's parts, and no other line has so many.
_DOTS: Final = 2_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the options of a call ask for. `severity` is as written: `RULE=LEVEL`.

    `named` is how such an option is named: `--ignore` on a command line.
    """

    ignore: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    strict: bool = False
    named: str = "--{}"


def find(folder: str) -> str | None:
    """Return the settings file of a folder: the nearest one, there or above, with settings for this program."""
    folder = os.path.abspath(folder)
    while True:
        for name in _NAMES:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and _table(path) is not None:
                return path
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def policy(asked: Asked, path: str | None) -> Policy:
    """Return the policy of options and of the settings file at `path`. Options take precedence.

    UsageError: a rule or level does not exist, or the file has other content. HostError: it cannot be read.
    """
    table = (_table(path) or {}) if path else {}
    by = path or ""
    for key in table:
        if key not in _KEYS:
            hint = _OF_PYPROJECT if key == "tool" else None
            raise UsageError(f"unknown setting {key!r}", where=by, expected=f"one of {', '.join(_KEYS)}", hint=hint)
    ignore = _by(table, "ignore", by) | _asked(asked.ignore, asked.named.format("ignore"))
    only = _by(table, "only", by) | _asked(asked.only, asked.named.format("only"))
    if only and only.keys() <= ignore.keys():
        what = f"no rule is left: {', '.join(only)} {'is' if len(only) == 1 else 'are'} ignored"
        raise UsageError(what, where=by or None, hint="leave out what asks for it alone, or what ignores it")
    levels = table.get("severity", {})
    if not isinstance(levels, dict):
        raise UsageError("severity maps rules to levels", where=by)
    severity: dict[str, tuple[Severity, str]] = {
        rule: (_level(str(level), by), by) for rule, level in levels.items() if _known([rule], by)
    }
    for text in asked.severity:
        rule, equals, level = text.partition("=")
        if not equals:
            raise UsageError(f"--severity takes RULE=LEVEL, not {text!r}")
        severity[_known([rule])[0]] = (_level(level), asked.named.format("severity"))
    strict = table.get("strict", False)
    if not isinstance(strict, bool):
        raise UsageError("strict is true or false", where=by)
    return Policy(ignore=ignore, only=only, severity=severity, strict=asked.strict or strict)


def _table(path: str) -> Mapping[str, object] | None:
    """Return the settings in a file, None where it has none for this program."""
    try:
        raw = read_named(path, "settings", _MAX_SIZE)
        if any(line.count(b".") > _DOTS for line in raw.splitlines()):
            raise UsageError("a line of the settings has more dots than any", where=path, expected=f"{_DOTS} at most")
        content = tomllib.loads(raw.decode())
    except ContentError as error:
        raise UsageError(error.what, where=path, expected=error.expected) from None
    except ValueError as error:  # of TOML, of UTF-8, of a number with thousands of digits
        raise UsageError(f"not TOML: {error}", where=path) from None
    except RecursionError:
        raise UsageError("the settings nest deeper than can be read", where=path) from None
    if os.path.basename(path) != "pyproject.toml":
        return content
    tool = content.get("tool")
    found = tool.get("ociarchive") if isinstance(tool, dict) else None
    return found if isinstance(found, dict) else None


def _by(table: Mapping[str, object], key: str, path: str) -> dict[str, str]:
    """Return the rules that a key of the file lists, by whom it was asked for: the file."""
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        expected, found = f'a list of rules, {key} = ["blob-unreferenced"]', json.dumps(value, default=str)
        raise UsageError(f"{key} has the wrong type", where=path, expected=expected, found=clipped(found, _SHOWN))
    return dict.fromkeys(_known(value, path), path)


def _asked(rules: Iterable[str], option: str) -> dict[str, str]:
    return dict.fromkeys(_known(rules, option=option if option.startswith("--") else None), option)


def _known(rules: Iterable[str], where: str | None = None, *, option: str | None = None) -> list[str]:
    listed = list(rules)
    for rule in listed:
        if rule not in RULE_IDS:
            repeated = near.repeat(option, rule) if option else None
            hint = repeated or near.hint(rule, RULE_IDS) or "`ociarchive rules` lists all"
            raise UsageError(f"no rule {rule!r}", where=where, hint=hint)
    return listed


def _level(text: str, where: str | None = None) -> Severity:
    for level in SEVERITIES:
        if text == level:
            return level
    raise UsageError(f"no severity {text!r}", where=where, expected=f"one of {', '.join(SEVERITIES)}")
