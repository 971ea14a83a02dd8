"""What Dask loads in each worker process that an audit starts on this machine (its option `preload`)."""

from __future__ import annotations

import signal


def dask_setup(worker: object) -> None:
    """Leave an interrupt, which a terminal sends to all processes of a call, to the one that started the workers."""
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
