"""Dataclasses of `records` behave as those of the standard library do."""

import copy
import dataclasses
import inspect
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ociarchive import records

Decorator = Callable[..., Any]
Made = Any  # a class that is made as a test runs has members that no type checker knows


def made(how: Decorator, name: str, **options: bool) -> Made:
    """Make a class with every kind of field that the package has."""
    members = {
        "__annotations__": {
            "first": "int", "where": "str", "names": "dict[str, int]", "secret": "bytes", "late": "int", "word": "str",
        },
        "__module__": __name__,
        "__qualname__": name,
        "where": dataclasses.field(compare=False),
        "names": dataclasses.field(default_factory=dict, hash=False),
        "secret": dataclasses.field(default=b"x", repr=False),
        "late": dataclasses.field(init=False, default=3),
        "word": "w",
    }  # fmt: skip
    return how(**options)(type(name, (), members))


OPTIONS = [
    {},
    {"frozen": True},
    {"frozen": True, "slots": True},
    {"frozen": True, "slots": True, "kw_only": True},
    {"slots": True},
    {"frozen": True, "eq": False},
    {"frozen": True, "slots": True, "repr": False},
    {"frozen": True, "slots": True, "order": True},
]
Ours = made(records.dataclass, "Ours", frozen=True, slots=True)


def outcome(call: Callable[[], object]) -> object:
    """Give what a call returns, or the kind and words of what it raises."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001  any may be raised, and both have to raise the same
        return type(error), str(error)


def tries(one: Made) -> Iterator[Callable[[], object]]:
    """Give what is done with a class and its objects. The first makes an object."""
    first, equal = one(first=1, where="here"), one(first=1, where="there")
    other = one(first=2, where="here", names={"a": 1})
    yield from (
        lambda: one(1),
        lambda: one(1, "here", {}, b"y").first,
        lambda: one(first=1, where="here", gone=2),
        lambda: (first == equal, first != equal),
        lambda: (first == other, first == 1, first != other),
        lambda: first < other,
        lambda: first >= other,
        lambda: first < 1,
        lambda: setattr(first, "first", 2),
        lambda: delattr(first, "first"),
        lambda: one(first=1, where="here").names is first.names,
        lambda: (first.late, first.word, first.secret),
        lambda: dataclasses.replace(other, first=9).names,
        lambda: dataclasses.replace(other, late=9),
        lambda: dataclasses.asdict(other),
        lambda: [(f.name, f.type, f.init, f.compare, f.repr, f.kw_only) for f in dataclasses.fields(one)],
        lambda: str(inspect.signature(one)),
        lambda: (one.__match_args__, one.__init__.__qualname__, one.__name__, one.__module__),
        lambda: copy.copy(first).where,
        lambda: hasattr(first, "__dict__"),
        lambda: (one.__hash__ is None, one.__hash__ is object.__hash__),
        lambda: repr(other) if "__repr__" in one.__dict__ else None,
    )


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_class_does_what_a_standard_one_does(options: dict[str, bool]) -> None:
    ours, standard = (
        [outcome(call) for call in tries(made(how, "Same", **options))]
        for how in (records.dataclass, dataclasses.dataclass)
    )
    assert ours == standard


def test_equal_values_have_equal_hashes_and_others_other_ones() -> None:
    @records.dataclass(frozen=True, slots=True)
    class Pair:
        left: int
        right: int = dataclasses.field(compare=False)

    assert hash(Pair(1, 2)) == hash(Pair(1, 3))
    assert len({Pair(1, 2), Pair(1, 3), Pair(2, 2)}) == 2


def test_what_a_class_defines_itself_stays() -> None:
    @records.dataclass(frozen=True)
    class Own:
        name: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own) and self.name.lower() == other.name.lower()

        def __hash__(self) -> int:
            return hash(self.name.lower())

        def __repr__(self) -> str:
            return self.name

    assert (Own("A") == Own("a"), len({Own("A"), Own("a")}), repr(Own("A"))) == (True, 1, "A")


def test_fields_are_inherited() -> None:
    @records.dataclass(frozen=True, slots=True)
    class Base:
        first: int
        second: int = 2

    @records.dataclass(frozen=True, slots=True)
    class Derived(Base):
        third: int = 3

    assert repr(Derived(1)).endswith("Derived(first=1, second=2, third=3)")
    assert Derived(1) != Base(1)


def test_an_object_can_be_sent_to_another_process() -> None:
    sent = Ours(first=1, where="here", names={"a": 1})
    back = pickle.loads(pickle.dumps(sent))  # noqa: S301  our own
    assert (back, back.where, back.names) == (sent, "here", {"a": 1})


def test_threads_may_make_the_first_objects_at_once() -> None:
    for _ in range(20):
        one = made(records.dataclass, "Raced", frozen=True, slots=True)
        start = threading.Barrier(4)
        results: list[object] = []

        def run(one: Made = one, start: threading.Barrier = start, results: list[object] = results) -> None:
            start.wait()
            results.append(one(first=1, where="here").first)

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [1] * 4


def test_nothing_is_written_for_a_class_without_objects() -> None:
    one = made(records.dataclass, "Counted", frozen=True, slots=True, kw_only=True)
    assert one.__init__.__code__.co_filename == records.__file__
    one(first=1, where="here")
    assert one.__init__.__code__.co_filename != records.__file__
