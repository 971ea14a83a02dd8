"""Limits against input that is made to exhaust a reader: the options that lift them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ociarchive.cli.counts import count, whole
from ociarchive.errors import UsageError
from ociarchive.report.shared.text import size

if TYPE_CHECKING:
    from collections.abc import Callable

    from ociarchive.blobio.limits import Limits

F = TypeVar("F", bound="Callable[..., Any]")

#: Limits that real layers exceed where they are nothing.
_NEVER_NOTHING: Final = ("ratio", "layer-size")


def _size(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    from ociarchive.blobio.sizes import parse

    if value is None:
        return None
    try:
        found = parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if not found:
        raise click.BadParameter(f"{value!r} is not more than nothing")
    return found


def limit_options(function: F) -> F:
    """Add the options that lift limits against input that is made to exhaust a reader."""
    from ociarchive.blobio.limits import Limits

    default = Limits()
    for option in (
        click.option(
            "--limit",
            "named_limits",
            multiple=True,
            metavar="NAME=N",
            help="Lift a limit (repeatable); `ociarchive rules limits` lists and explains them.",
        ),
        click.option(
            "--max-layer-size",
            callback=_size,
            metavar="SIZE",
            help=f"Give up layers that unpack to more: bytes, or 10GiB (default {size(default.layer_size)}).",
        ),
        click.option(
            "--max-ratio",
            callback=count,
            metavar="N",
            help=f"Give up layers that unpack to more than N times their size (default {default.ratio}).",
        ),
    ):
        function = option(function)
    return function


def limits(values: dict[str, Any]) -> Limits:
    """Return the limits that a call asks for. UsageError: a limit does not exist, or a value is no number."""
    from ociarchive import near
    from ociarchive.blobio.limits import NAMES, RATIO_FROM_ASKED, SIZES, Limits
    from ociarchive.blobio.sizes import parse

    asked: dict[str, Any] = {}
    for text in values["named_limits"]:
        name, _, number = text.partition("=")
        if name not in NAMES:
            expected = f"one of {', '.join(NAMES)}"
            raise UsageError(f"--limit takes NAME=N, not {text!r}", expected=expected, hint=near.hint(name, NAMES))
        if name in _NEVER_NOTHING and number.strip("0") == "" and number:
            raise UsageError(f"--limit {name}=0 would refuse every layer", expected="1 at least")
        if name in SIZES:
            try:
                asked[NAMES[name]] = parse(number)
            except ValueError as error:
                raise UsageError(f"--limit {name}=SIZE: {error}") from None
        elif (count_asked := whole(number)) < 0:
            raise UsageError(f"--limit takes NAME=N, not {text!r}", expected=f"a whole number for {name}")
        else:
            asked[NAMES[name]] = count_asked
    for option, field in (("max_ratio", "ratio"), ("max_layer_size", "layer_size")):
        if values[option]:
            asked[field] = values[option]
    if "ratio" in asked:
        asked["ratio_from"] = RATIO_FROM_ASKED
    return replace(Limits(), **asked)
