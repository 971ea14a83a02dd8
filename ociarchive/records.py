"""Dataclasses that cost little to define.

The standard decorator writes and compiles up to six functions for each class. A start of the program defines more than
a hundred classes, and most of them never get an object: that was half of its time. Here a class's `__init__` is written
at its first call. The other functions do what the standard ones do, and are compiled once for all classes. `fields`,
`replace`, `asdict` and type checkers take these classes as they take any dataclass. Fields are all that a class may
have here: no `InitVar`, no `__post_init__`.
"""

from __future__ import annotations

import operator
from dataclasses import FrozenInstanceError, fields
from dataclasses import dataclass as standard
from functools import partial
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass

    Methods: TypeAlias = dict[str, Callable[..., object] | None]
else:

    def dataclass(cls: type[Any] | None = None, /, **options: bool) -> object:
        """Return a class as a dataclass. The options are those of `dataclasses.dataclass`."""
        return partial(_made, **options) if cls is None else _made(cls, **options)


__all__ = ["dataclass"]

_ORDER: Final = (operator.lt, operator.le, operator.gt, operator.ge)


def _made(
    cls: type[Any],
    *,
    repr: bool = True,  # noqa: A002  the name that it has in the standard decorator
    eq: bool = True,
    order: bool = False,
    frozen: bool = False,
    slots: bool = False,
    kw_only: bool = False,
) -> type[Any]:
    own = cls.__dict__
    hashed = own.get("__hash__") is None
    cls.__doc__ = cls.__doc__ or cls.__name__  # else the standard decorator writes a signature, which is slow
    made = standard(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
    names = tuple(one.name for one in fields(made))
    compared = _values(tuple(one.name for one in fields(made) if one.compare))
    methods: Methods = {"__init__": _init(made, frozen=frozen, slots=slots)}
    if repr:
        methods["__repr__"] = _repr(tuple(one.name for one in fields(made) if one.repr))
    if eq:
        methods["__eq__"] = _compare(operator.eq, compared)
    if order:
        methods.update({f"__{how.__name__}__": _compare(how, compared) for how in _ORDER})
    if frozen:
        methods.update(_guards(made, frozenset(names)))
    if frozen and slots:
        methods.update(_pickled(names))
    for name, method in methods.items():
        if name not in own:
            setattr(made, name, method)
    if eq and hashed:
        setattr(made, "__hash__", _hash(compared) if frozen else None)  # noqa: B010  else mypy wants a method
    return made


def _init(made: type[Any], *, frozen: bool, slots: bool) -> Callable[..., None]:
    """Return an `__init__` that puts the one of a standard dataclass with the same fields in its place."""

    def __init__(self: object, *args: object, **members: object) -> None:  # noqa: N807  it becomes this method
        own = {one.name: one for one in fields(made)}
        members_of = {"__annotations__": {name: one.type for name, one in own.items()}, "__doc__": made.__doc__, **own}
        twin: type[Any] = standard(repr=False, eq=False, frozen=frozen, slots=slots)(
            type(made.__name__, (), members_of)
        )
        written = twin.__dict__["__init__"]
        written.__qualname__, written.__module__ = f"{made.__qualname__}.__init__", made.__module__
        setattr(made, "__init__", written)  # noqa: B010  else mypy wants a method
        written(self, *args, **members)

    return __init__


def _values(names: tuple[str, ...]) -> Callable[[object], object]:
    """Return what gives the values of these fields, as one that can be compared and hashed."""
    return operator.attrgetter(*names) if names else lambda _: ()


def _compare(how: Callable[[Any, Any], bool], values: Callable[[object], object]) -> Callable[[object, object], bool]:
    def compare(self: object, other: object) -> bool:
        return how(values(self), values(other)) if other.__class__ is self.__class__ else NotImplemented

    return compare


def _hash(values: Callable[[object], object]) -> Callable[[object], int]:
    def __hash__(self: object) -> int:  # noqa: N807  it becomes this method
        return hash(values(self))

    return __hash__


def _repr(names: tuple[str, ...]) -> Callable[[object], str]:
    @recursive_repr()
    def __repr__(self: object) -> str:  # noqa: N807  it becomes this method
        return f"{self.__class__.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return __repr__


def _guards(made: type[Any], names: frozenset[str]) -> Methods:
    def __setattr__(self: object, name: str, value: object) -> None:  # noqa: N807  it becomes this method
        if type(self) is made or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super(made, self).__setattr__(name, value)

    def __delattr__(self: object, name: str) -> None:  # noqa: N807  it becomes this method
        if type(self) is made or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        super(made, self).__delattr__(name)

    return {"__setattr__": __setattr__, "__delattr__": __delattr__}


def _pickled(names: tuple[str, ...]) -> Methods:
    def __getstate__(self: object) -> list[object]:  # noqa: N807  it becomes this method
        return [getattr(self, name) for name in names]

    def __setstate__(self: object, state: list[object]) -> None:  # noqa: N807  it becomes this method
        for name, value in zip(names, state, strict=True):
            object.__setattr__(self, name, value)

    return {"__getstate__": __getstate__, "__setstate__": __setstate__}
