"""Choosing an engine by its name."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from ociarchive.blobio.locks import nobody
from ociarchive.errors import UsageError, require_no_credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from ociarchive.auditing.report import Detail
    from ociarchive.blobio.locks import Hear
    from ociarchive.engines.engine import Engine
    from ociarchive.engines.options import AuditOptions

    Maker: TypeAlias = Callable[[AuditOptions, Detail], Engine]

#: Where archives are audited: by threads of this process, or by the workers of a Dask cluster.
EngineName: TypeAlias = Literal["threads", "dask"]
ENGINES: Final[tuple[EngineName, ...]] = get_args(EngineName)


def maker(name: str, *, scheduler: str | None = None, workers: int = 1, hear: Hear = nobody) -> Maker | None:
    """Return what makes an engine, None for the threads of this process. `workers` is for a cluster on this machine.

    UsageError: no engine has this name, an address is for another one, or the package that it needs is missing.
    """
    if scheduler is not None:
        require_no_credentials(scheduler, "Dask takes certificates, from its configuration (distributed.comm.tls)")
    if name not in ENGINES:
        raise UsageError(f"no engine is called {name}", expected=" or ".join(ENGINES))
    if name == "threads":
        if scheduler is not None:
            raise UsageError("--scheduler is for --engine dask", where=scheduler)
        return None
    if find_spec("distributed") is None:
        hint = "`pip install 'ociarchive[dask]'` installs it"
        raise UsageError("--engine dask needs the package distributed, which is not installed", hint=hint)
    made: Maker = partial(
        import_module("ociarchive.engines.cluster").Dask, scheduler=scheduler, workers=workers, hear=hear
    )
    return made
