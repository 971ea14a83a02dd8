"""A Dask that is a table in this process: what a cluster would do, when it would, and what goes wrong on the way.

Arguments and results go through pickle, as they do between processes. Tasks are done when somebody waits for them.
"""

from __future__ import annotations

import concurrent.futures
import pickle
import random
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dask

if TYPE_CHECKING:
    from collections.abc import Callable


class KilledWorker(Exception):
    """Stands for that of the library."""

    allowed_failures = 3


@dataclass(eq=False)
class Future:
    """A task and what became of it."""

    call: bytes
    status: str = "pending"
    value: bytes | BaseException = b""
    lost: int = 0

    def done(self) -> bool:
        return self.status != "pending"

    def result(self, timeout: float) -> Any:  # noqa: ANN401  what a task gives
        assert timeout
        if self.lost:
            self.lost -= 1
            self.status = "pending"
            raise TimeoutError
        assert isinstance(self.value, bytes)
        return pickle.loads(self.value)  # noqa: S301  our own

    def exception(self, timeout: float) -> BaseException:
        assert timeout
        assert isinstance(self.value, BaseException)
        return self.value

    def release(self) -> None:
        self.call = b""


@dataclass
class Cluster:
    """What is to happen. `poison` kills the workers that open it; `instead` is called in place of a task.

    `logged` is how many of its messages the client was configured to keep.
    """

    threads: int = 2
    poison: str = ""
    instead: Callable[[int], Any] = lambda _: None
    lost: int = 0
    waits: int = 0
    most: int = 0
    deaths: int = 0
    address: str | None = None
    logged: int | None = None
    cancelled: list[Future] = field(default_factory=list)
    chunks: list[list[str]] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(5))

    def library(self) -> Any:  # noqa: ANN401  a module
        """Give what stands for the module."""
        return SimpleNamespace(
            Client=self._kind(),
            LocalCluster=lambda **_: SimpleNamespace(close=lambda **_: None),
            wait=self._wait,
            client=SimpleNamespace(CancelledError=concurrent.futures.CancelledError),
            scheduler=SimpleNamespace(KilledWorker=KilledWorker),
        )

    def _kind(self) -> type[Client]:
        cluster = self

        class Connected(Client):
            """Connects as it is made, as that of the library does."""

            def __init__(self, *asked: Any, **options: Any) -> None:  # noqa: ANN401  what the library takes
                self.__dict__ = cluster._client(*asked, **options).__dict__

        return Connected

    def _client(self, address: object, **_: object) -> Client:
        self.address = address if isinstance(address, str) else None
        self.logged = dask.config.get("distributed.admin.low-level-log-length", None)
        self.client = Client(self)
        return self.client

    def _wait(self, futures: list[Future], *, timeout: float, return_when: str) -> None:
        assert (timeout, return_when) == (1.0, "FIRST_COMPLETED")
        pending = [one for one in futures if not one.done()]
        self.most = max(self.most, len(futures))
        self.waits += 1
        self.instead(self.waits)
        if not self.threads:
            raise TimeoutError
        if len(pending) == len(futures):
            self._do(self.chance.choice(pending))

    def _do(self, one: Future) -> None:
        function, args = pickle.loads(one.call)  # noqa: S301  our own
        names = [place.source.path for place in args[-1]]
        self.chunks.append(names)
        one.lost, self.lost = self.lost, 0
        if self.poison and any(name.endswith(self.poison) for name in names):
            self.deaths += KilledWorker.allowed_failures + 1
            one.status, one.value = "error", KilledWorker()
            return
        try:
            one.value = pickle.dumps(function(*args))
            one.status = "finished"
        except Exception as error:  # noqa: BLE001  a task's error is its result
            one.status, one.value = "error", error


class Client:
    """Stands for that of the library."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.status = "running"
        self.keys: set[str] = set()

    def submit(self, function: Callable[..., Any], *args: object, key: str, pure: bool) -> Future:
        assert not pure
        assert key not in self.keys
        self.keys.add(key)
        return Future(pickle.dumps((function, args)))

    def nthreads(self) -> dict[str, int]:
        if self.status != "running":
            raise OSError("closed")
        return {f"tcp://{number}": 1 for number in range(self.cluster.threads)}

    def cancel(self, futures: list[Future], *, force: bool) -> None:
        assert force
        self.cluster.cancelled += futures

    def as_current(self) -> Client:
        return self

    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...

    def close(self, timeout: float) -> None:
        assert timeout
        self.status = "closed"
