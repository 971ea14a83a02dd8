"""The engine of many machines: a Dask cluster whose workers see the same paths and addresses (the extra `dask`).

The scheduler sends a chunk whose worker died to others, as often as its configuration says. If all of them died, one of
its archives may be the reason: each is then sent alone, with nothing else under way, and that at which workers die
again is reported as such. So no archive is blamed for another.
"""

from __future__ import annotations

import os
import time
import warnings
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Protocol

from ociarchive.auditing.unreadable import died
from ociarchive.blobio.locks import nobody
from ociarchive.engines.auditor import Place
from ociarchive.engines.engine import EngineError, Row
from ociarchive.engines.options import absolute
from ociarchive.engines.worker import WorkerFault, identity, work
from ociarchive.errors import UsageError
from ociarchive.gap.others import Others

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ociarchive.auditing.report import Detail
    from ociarchive.blobio.locks import Hear
    from ociarchive.engines.options import AuditOptions
    from ociarchive.engines.worker import Answer
    from ociarchive.selection.argument import Source

#: A chunk is a few seconds' work of one thread: so many bytes are hashed and unpacked in two or three, and so many
#: small archives take less than one. What a scheduler does for a chunk takes it about a millisecond.
_MOST: Final = 32
_WEIGHT: Final = 256 << 20
#: Chunks under way for each thread of the cluster: one that is worked on, one that waits beside it.
_AHEAD: Final = 2
#: Chunks for each thread whose rows wait for one before them: a large archive holds up the cluster only behind these.
_WAITING: Final = 8
#: Seconds: until a scheduler must have answered; between two looks at the cluster; without any worker until that is
#: said, and until it is an error.
_CONNECT: Final = 10
_LISTEN: Final = 1.0
_SAID: Final = 20.0
_ALONE: Final = 60.0
#: What each process of a cluster of our own loads first.
_PRELOAD: Final = "ociarchive.engines.process"
#: How often a scheduler of our own sends a chunk again whose worker died.
_AGAIN: Final = 1
#: How many of its last messages and steps a process of Dask keeps, for its developers: by default 1,000 of each,
#: and memory grows until there are so many.
_LOGGED: Final = {"distributed.admin.low-level-log-length": 16}
#: A cluster of our own has no dashboard. For one each worker keeps the calls that it saw in each of 1,000 seconds, and
#: each process answers over HTTP. Nor must Dask give up a worker whose process is being started again.
_OURS: Final = _LOGGED | {
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.scheduler.allowed-failures": _AGAIN,
    "distributed.deploy.lost-worker-timeout": "1h",
}


class _Future(Protocol):
    """What is used of a future of Dask."""

    status: str

    def done(self) -> bool: ...
    def result(self, timeout: float) -> Answer: ...
    def exception(self, timeout: float) -> BaseException | None: ...
    def release(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """Sources under way: those of a chunk from a place in it on. `alone`: nothing else is."""

    number: int
    first: int
    sources: Sequence[Source]
    alone: bool = False


class Dask:
    """An Engine over a Dask cluster: that of a scheduler, or one of processes on this machine while it is open."""

    most = _MOST
    weight = _WEIGHT
    remote = True

    def __init__(
        self,
        options: AuditOptions,
        detail: Detail,
        *,
        scheduler: str | None = None,
        workers: int = 1,
        hear: Hear = nobody,
    ) -> None:
        """Connect to a scheduler, or start a cluster of so many workers. `hear` hears what is waited for.

        UsageError: the address is none, or what the call says that the other side has is nothing of the kind.
        EngineError: no scheduler answers, or no cluster can be started.
        """
        _require_others(options)
        self._options, self._detail, self._hear = options.for_workers(), detail, hear
        self._library = import_module("distributed")
        self._identity = identity()
        self._call = os.urandom(8).hex()
        self._where = scheduler or "this machine"
        self._under_way: dict[_Future, _Sent] = {}
        self._rows: dict[int, list[Row | None]] = {}
        self._complete: deque[int] = deque()
        self._suspects: deque[_Sent] = deque()
        self._alone: float | None = None
        self._told = False
        self._stack = ExitStack()
        try:
            self._client = self._connected(scheduler, workers)
            self._threads = self._counted()
        except BaseException:
            self._stack.close()
            raise
        self._seen = time.monotonic()

    @property
    def waiting(self) -> int:
        """How many rows may wait for one before them: more in a larger cluster."""
        return _WAITING * _MOST * max(self._threads, 1)

    @property
    def room(self) -> bool:
        """Whether the cluster has a thread for another chunk, or soon will."""
        return not self._suspects and len(self._under_way) < _AHEAD * max(self._threads, 1)

    def submit(self, number: int, sources: Sequence[Source]) -> None:
        """Send a chunk to the cluster. EngineError: it cannot be sent."""
        self._rows[number] = [None] * len(sources)
        self._send(_Sent(number=number, first=0, sources=sources))

    def take(self) -> tuple[int, list[Row]]:
        """Wait for a chunk. EngineError: the scheduler is gone, no worker is there, or one is another version."""
        while not self._complete:
            if not self._under_way and self._suspects:
                self._send(self._suspects.popleft())
            self._wait()
        number = self._complete.popleft()
        return number, [row for row in self._rows.pop(number) if row is not None]

    def close(self) -> None:
        """Cancel what is under way, and leave the cluster, which ends if it is ours."""
        if self._under_way and self._client.status == "running":
            with suppress(Exception):  # whatever Dask says of it: the cluster is left as it is
                self._client.cancel(list(self._under_way), force=True)
        self._under_way.clear()
        self._stack.close()

    def _connected(self, scheduler: str | None, workers: int) -> Any:  # noqa: ANN401  a library that may be absent
        if scheduler is None:
            cluster = self._started(workers)
            client = self._asked(partial(self._library.Client, cluster, timeout=_CONNECT, set_as_default=False))
        else:
            try:
                with import_module("dask.config").set(_LOGGED), warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of packages in other versions; of ours each worker is asked
                    client = _made(self._library.Client, scheduler, timeout=_CONNECT, set_as_default=False)
            except OSError as error:
                hint = "start one with `dask scheduler`, or leave --scheduler out"
                raise EngineError("no Dask scheduler answers", where=scheduler, hint=hint) from error
            except (TypeError, ValueError) as error:
                what = f"no address of a Dask scheduler: {error}"
                raise UsageError(what, where=scheduler, expected="tcp://HOST:PORT") from error
        self._stack.callback(_closing(client))
        return client

    def _started(self, workers: int) -> Any:  # noqa: ANN401  as above
        """Start processes on this machine. Only who has the keys of this call can speak with them."""
        config = import_module("dask.config")
        folder = self._stack.enter_context(TemporaryDirectory(prefix="ociarchive-", ignore_cleanup_errors=True))
        self._stack.enter_context(config.set(_OURS | {"temporary-directory": folder}))
        try:
            cluster = self._library.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # else it warns where another has its port
                security=True,
                memory_limit=0,
                local_directory=folder,
                silence_logs="CRITICAL",
                preload=[*config.get("distributed.worker.preload", []), _PRELOAD],
            )
        except Exception as error:
            raise EngineError(f"cannot start a Dask cluster on this machine: {error}") from error
        self._stack.callback(_closing(cluster))
        return cluster

    def _send(self, sent: _Sent) -> None:
        places = [Place(source=one, path=absolute(one.path)) for one in sent.sources]
        try:
            future = self._client.submit(
                work,
                self._identity,
                self._call,
                self._options,
                self._detail,
                places,
                key=f"ociarchive-{self._call}-{sent.number}-{sent.first}-{len(places)}-{sent.alone}",
                pure=False,
            )
        except TypeError as error:
            what = "what this call checks signatures by cannot be sent to workers"
            raise EngineError(what, found=str(error)[:200], hint="leave --engine out") from error
        except OSError as error:
            raise self._lost() from error
        self._under_way[future] = sent

    def _wait(self) -> None:
        """Wait a second at most until something is done, and take it in."""
        try:
            with self._client.as_current():
                self._library.wait(list(self._under_way), timeout=_LISTEN, return_when="FIRST_COMPLETED")
        except TimeoutError:
            self._look()
            return
        except (OSError, self._library.client.CancelledError) as error:
            raise self._lost() from error
        if time.monotonic() - self._seen > _LISTEN:
            self._look()
        for future in [one for one in self._under_way if one.done()]:
            self._receive(future)

    def _look(self) -> None:
        """See whether the scheduler is there, and how many workers are."""
        if self._client.status != "running":
            raise self._lost()
        self._threads = self._counted()
        self._seen = time.monotonic()
        if self._threads:
            self._alone = None
            return
        self._alone = self._alone or self._seen
        if self._seen - self._alone > _ALONE:
            raise EngineError("the Dask cluster has no worker", where=self._where, hint="start one, and call again")
        if self._seen - self._alone > _SAID and not self._told:
            self._told = True
            self._hear(f"waiting for a worker: the Dask cluster has none ({self._where})")

    def _counted(self) -> int:
        """Return the number of the cluster's threads."""
        return int(sum(self._asked(self._client.nthreads).values()))

    def _receive(self, future: _Future) -> None:
        sent = self._under_way[future]
        if future.status not in {"finished", "error"}:
            raise self._lost()
        try:
            if future.status == "error":
                self._failed(sent, future.exception(timeout=_CONNECT))
            else:
                self._answered(sent, future.result(timeout=_CONNECT))
        except TimeoutError:  # the worker that had the rows is gone: the chunk is done once more
            return
        except (OSError, self._library.client.CancelledError) as error:
            raise self._lost() from error
        del self._under_way[future]
        future.release()

    def _answered(self, sent: _Sent, answer: Answer) -> None:
        if tuple(answer.by) != tuple(self._identity):
            found, wanted = answer.by[0], self._identity.version
            if found == wanted:
                found += " with other rules"
            raise _another(self._where, wanted, found)
        if answer.error is not None:
            raise EngineError(f"a worker cannot audit: {answer.error}")
        self._fill(sent, answer.rows)

    def _failed(self, sent: _Sent, error: BaseException | None) -> None:
        """Take in why a chunk has no rows."""
        if isinstance(error, self._library.scheduler.KilledWorker):
            if sent.alone:
                (one,) = sent.sources
                tried = int(getattr(error, "allowed_failures", 0)) + 1
                report = died(one.path, self._options.policy, tried)
                self._fill(sent, [Row(report=report, finished=False)])
            else:
                self._suspects.extend(
                    _Sent(number=sent.number, first=sent.first + place, sources=[one], alone=True)
                    for place, one in enumerate(sent.sources)
                )
        elif isinstance(error, WorkerFault):
            raise error
        else:  # it could not take the chunk in
            found = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise _another(self._where, self._identity.version, found) from error

    def _fill(self, sent: _Sent, rows: Iterable[Row]) -> None:
        kept = self._rows[sent.number]
        for place, row in enumerate(rows, sent.first):
            kept[place] = row
        if None not in kept:
            self._complete.append(sent.number)

    def _asked(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401  as above
        try:
            return call()
        except (OSError, self._library.client.CancelledError) as error:
            raise self._lost() from error

    def _lost(self) -> EngineError:
        hint = "what was recorded in a catalogue stays; call again when it answers"
        return EngineError("the Dask scheduler went away", where=self._where, hint=hint)


def _require_others(options: AuditOptions) -> None:
    """Refuse here, and not on each worker, what is no inventory and no base (UsageError)."""
    others = Others(options.have, options.base, options.limits, options.access)
    try:
        others.open()
    finally:
        others.close()


def _another(where: str, expected: str, found: str) -> EngineError:
    what = "the Dask cluster has another version of ociarchive"
    hint = "install the same version for its scheduler and workers"
    return EngineError(what, where=where, expected=expected, found=found, hint=hint)


def _made(kind: Any, *args: object, **options: object) -> Any:  # noqa: ANN401  a client of Dask
    """Make a client. One that fails half-made is closed now: at the end of the process it would wait for its thread."""
    made = kind.__new__(kind)
    try:
        made.__init__(*args, **options)
    except (TypeError, ValueError):
        _closing(made)()
        raise
    return made


def _closing(one: Any) -> Callable[[], None]:  # noqa: ANN401  a client or a cluster of Dask
    def close() -> None:
        with suppress(Exception):  # as above: what the audit found is known already
            one.close(timeout=_CONNECT)

    return close
