"""Rows of a catalogue are read ahead for who asks in order, and each is the one that the file has."""

import random
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from ociarchive.auditing import Policy
from ociarchive.auditing.report import Detail
from ociarchive.blobio.limits import Limits
from ociarchive.catalogue import ahead
from ociarchive.catalogue.ahead import Ahead
from ociarchive.catalogue.schema import upgrade
from ociarchive.catalogue.terms import terms

PATHS: list[str | bytes] = [
    *(f"/srv/{number:04}.tar" for number in range(1000)),
    "/srv/\U0001f600.tar",
    b"/srv/\xff.tar",
]
WITH: dict[Detail, tuple[bytes | None, ...]] = {"verdict": (b"v", None, None), "images": (b"v", b"l" * 10, None)}


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """Give a catalogue of a thousand archives; the time of each is its number."""
    made = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(made, 0)
    asked = terms(Policy(), Limits(), (), {})
    made.execute("INSERT INTO terms VALUES (1, ?, ?, '', '', '')", (asked.digest, asked.tool))
    for number, path in enumerate(PATHS, 1):
        row = (number, path, path, "file", 1, 2, 3, None, None, "passed", 0, 0, 0, 0, 0, 0, 1, str(number))
        made.execute(f"INSERT INTO archives VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608  question marks
        made.execute("INSERT INTO reports VALUES (?, ?, ?, ?)", (number, b"v", b"l" * 10, b"p" * 10))
    yield made
    made.close()


def asked(connection: sqlite3.Connection) -> list[str]:
    found: list[str] = []
    connection.set_trace_callback(found.append)
    return found


def times(rows: Ahead, paths: list[Any]) -> list[str | None]:
    return [None if (row := rows.row(path, "verdict")) is None else row[7] for path in paths]


def test_in_order_a_few_statements_read_all(connection: sqlite3.Connection) -> None:
    statements = asked(connection)
    assert times(Ahead(connection), PATHS) == [str(number) for number in range(1, len(PATHS) + 1)]
    assert len(statements) < 20


@pytest.mark.parametrize("seed", range(5))
def test_in_any_order_each_row_is_its_own(seed: int, connection: sqlite3.Connection) -> None:
    chance = random.Random(seed)
    there: dict[str | bytes, str] = {path: str(number) for number, path in enumerate(PATHS, 1)}
    more: list[str | bytes] = [f"/srv/{number:04}.new" for number in range(0, 1000, 7)]
    more += ["/", "/zzz", b"\0", "/srv/\ud800".encode("utf-8", "surrogatepass")]
    paths: list[str | bytes] = sorted([*PATHS, *more], key=lambda one: (isinstance(one, bytes), one))
    for _ in range(chance.choice([0, 3, 500])):
        one = chance.randrange(len(paths))
        paths.insert(chance.randrange(len(paths)), paths.pop(one))
    paths += chance.sample(paths, 50)
    assert times(Ahead(connection), paths) == [there.get(path) for path in paths]


def test_what_is_new_among_them_costs_one_statement(connection: sqlite3.Connection) -> None:
    rows = Ahead(connection)
    times(rows, PATHS[:300])
    statements = asked(connection)
    times(rows, [f"/srv/0300.{number:03}" for number in range(50)])
    assert len(statements) == 50
    before = len(statements)
    times(rows, PATHS[300:320])
    assert len(statements) <= before + 1


def test_a_row_that_was_replaced_is_read_again(connection: sqlite3.Connection) -> None:
    rows = Ahead(connection)
    times(rows, PATHS[:300])
    connection.execute("UPDATE archives SET audited = 'now' WHERE path = ?", (PATHS[310],))
    rows.forget(PATHS[310])
    assert times(rows, PATHS[309:312]) == ["310", "now", "312"]


def test_what_is_asked_for_comes_with_it(connection: sqlite3.Connection) -> None:
    rows = Ahead(connection)
    for path in PATHS[:100]:
        for detail, parts in WITH.items():
            row = rows.row(path, detail)
            assert row is not None
            assert row[8:] == parts
    assert rows.row(PATHS[3], "all") == (1, 2, 3, None, "file", 1, PATHS[3], "4", b"v", b"l" * 10, b"p" * 10)


def test_long_reports_are_not_read_ahead(connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_BYTES", 100)
    rows = Ahead(connection)
    for path in PATHS:
        row = rows.row(path, "all")
        assert row is not None
        assert sum(len(part) for kept in rows._rows.values() for part in kept[8:]) <= 100 + 21
