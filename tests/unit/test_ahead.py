"""Fetching blobs before they are read: in order, side by side, in bounded memory, and never in anybody's way."""

import threading
from collections.abc import Callable, Generator

import pytest

from ociarchive.remote.ahead import CONNECTIONS, Ahead
from ociarchive.values import Digest

PIECES = 20
BLOBS = [(Digest("sha256", f"{number:064x}"), PIECES) for number in range(40)]
PATIENCE = 20  # seconds until a test that waits for ever fails


class Server:
    """Gives each blob in pieces, and counts what was asked for and what nobody has read yet."""

    def __init__(self) -> None:
        self.asked: list[Digest] = []
        self.given = 0
        self.ended = 0
        self.lock = threading.Lock()

    def __call__(self, digest: Digest, size: int) -> Generator[bytes]:
        with self.lock:
            self.asked.append(digest)
        try:
            for number in range(size):
                with self.lock:
                    self.given += 1
                yield digest.hex[-2:].encode() + bytes([number])
        finally:
            with self.lock:
                self.ended += 1


def until(holds: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(PATIENCE * 100):
        if holds():
            return
        waited.wait(0.01)
    pytest.fail("it never came to that")


def unused() -> None:
    pytest.fail("nothing is under way that has to be aborted")


def test_every_blob_comes_whole_and_is_asked_for_once() -> None:
    server = Server()
    ahead = Ahead(server, BLOBS)
    for digest, size in BLOBS:
        pieces = ahead.take(digest, size) or server(digest, size)
        assert [*pieces] == [digest.hex[-2:].encode() + bytes([number]) for number in range(PIECES)]
    ahead.close(unused)
    assert sorted(server.asked, key=str) == sorted((digest for digest, _ in BLOBS), key=str)


def test_blobs_are_begun_in_order_and_what_waits_is_bounded() -> None:
    server = Server()
    ahead = Ahead(server, BLOBS)
    until(lambda: len(server.asked) == CONNECTIONS and server.given >= CONNECTIONS * 3)
    assert set(server.asked) == {digest for digest, _ in BLOBS[:CONNECTIONS]}
    assert server.given <= CONNECTIONS * 4, "more waits than is allowed: three pieces, and one in the hand"
    ahead.close(lambda: None)
    assert server.ended == len(server.asked)


def test_who_comes_out_of_turn_does_not_wait_for_a_place() -> None:
    server = Server()
    ahead = Ahead(server, BLOBS)
    until(lambda: len(server.asked) == CONNECTIONS)
    assert ahead.take(*BLOBS[-1]) is None, "it has not begun, so it is fetched where it is read"
    ahead.close(lambda: None)
    assert BLOBS[-1][0] not in server.asked


def test_a_blob_is_given_once() -> None:
    server = Server()
    ahead = Ahead(server, BLOBS[:1])
    until(lambda: bool(server.asked))
    assert ahead.take(*BLOBS[0]) is not None
    assert ahead.take(*BLOBS[0]) is None
    ahead.close(lambda: None)


def test_what_is_not_read_makes_place_for_the_next() -> None:
    server = Server()
    ahead = Ahead(server, BLOBS)
    for blob in BLOBS[:-1]:
        ahead.drop(*blob)
    until(lambda: BLOBS[-1][0] in server.asked)
    pieces = ahead.take(*BLOBS[-1])
    assert pieces is not None
    assert len([*pieces]) == PIECES
    ahead.close(lambda: None)
    assert server.ended == len(server.asked)


def test_who_stops_reading_stops_the_fetching() -> None:
    server = Server()
    ahead = Ahead(server, BLOBS[:1])
    until(lambda: server.given > 0)
    pieces = ahead.take(*BLOBS[0])
    assert pieces is not None
    next(pieces)
    pieces.close()
    until(lambda: server.ended == 1)
    assert server.given < PIECES
    ahead.close(lambda: None)


def test_what_fetching_raises_is_raised_where_the_blob_is_read_after_what_came_before() -> None:
    begun = threading.Event()

    def broken(digest: Digest, size: int) -> Generator[bytes]:
        begun.set()
        yield b"first"
        raise ValueError(f"{digest} of {size}")

    ahead = Ahead(broken, BLOBS[:1])
    assert begun.wait(PATIENCE)
    pieces = ahead.take(*BLOBS[0])
    assert pieces is not None
    assert next(pieces) == b"first"
    with pytest.raises(ValueError, match="of 20"):
        next(pieces)
    ahead.close(unused)


def test_closing_ends_what_waits_for_a_server() -> None:
    begun, ended = threading.Event(), threading.Event()

    def silent(digest: Digest, size: int) -> Generator[bytes]:
        del digest, size
        begun.set()
        assert ended.wait(PATIENCE)
        yield b"late"

    ahead = Ahead(silent, BLOBS[:1])
    assert begun.wait(PATIENCE)
    ahead.close(ended.set)
    assert ended.is_set()


def test_without_threads_every_blob_is_fetched_where_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    ahead = Ahead(Server(), BLOBS)
    assert ahead.take(*BLOBS[0]) is None
    ahead.close(unused)
