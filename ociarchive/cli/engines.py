"""What `audit` needs to have its work done by a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ociarchive.cli.common import Chosen, once_option
from ociarchive.engines.choosing import ENGINES, maker
from ociarchive.errors import UsageError
from ociarchive.late import Late
from ociarchive.workers import processors

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from ociarchive.cli.common import Common
    from ociarchive.engines.choosing import Maker
else:
    logging = Late("logging")

F = TypeVar("F", bound="Callable[..., Any]")
#: Loggers of Dask and of what it is built on. What they say of a lost worker or scheduler is said by the program.
_LOGGERS: Final = ("distributed", "tornado", "asyncio", "bokeh")


def engine_options(function: F) -> F:
    """Add the options that say where archives are audited."""
    for option in (
        once_option(
            "--scheduler",
            metavar="ADDRESS",
            help="The Dask scheduler (tcp://HOST:PORT); without it a cluster on this machine.",
        ),
        click.option(
            "--engine",
            type=Chosen(ENGINES),
            default="threads",
            help="Where archives are audited: threads of this process, or the workers of a Dask cluster.",
        ),
    ):
        function = option(function)
    return function


def engine(values: dict[str, Any], shared: Common) -> Maker | None:
    """Return what makes the engine of a call, None for threads. UsageError: options contradict each other."""
    asked = values["asked_jobs"]
    if values["scheduler"] is not None and values["engine"] == "dask" and asked is not None:
        what = "--jobs is for this machine, and a Dask scheduler knows the workers of its cluster"
        raise UsageError(what, hint="leave one of them out")
    made = maker(
        values["engine"],
        scheduler=values["scheduler"],
        workers=asked or processors(),
        hear=shared.notice,
    )
    if made is not None and shared.verbose < _TRACES:
        _silence()
    return made


#: From `-vv` on what libraries say is shown too.
_TRACES: Final = 2


def _silence() -> None:
    import distributed  # noqa: F401  it sets up loggers when it is imported

    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("distributed."):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
