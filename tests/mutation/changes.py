"""Small changes to a module, one at a time: what a test has to notice.

Left alone is what says nothing of behaviour: annotations, decorators, docstrings, texts, and what stands under
`TYPE_CHECKING`.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip
_ADDED: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add}
_DROPPED = (ast.AugAssign, ast.Raise, ast.Continue, ast.Break)


@dataclass(frozen=True, slots=True)
class Change:
    """One change: the lines it stands in, and what it is in words. `node` is the number of what is changed."""

    first: int
    last: int
    what: str
    node: int
    source: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.first}: {self.what}"

    @property
    def tree(self) -> ast.Module:
        """Give the module as it is with the change."""
        tree = ast.parse(self.source)
        old = next(node for number, node in enumerate(ast.walk(tree)) if number == self.node)
        _, new = next(_changed(old))
        _Replaced(old, ast.copy_location(new, old)).visit(tree)
        return ast.fix_missing_locations(tree)


def changes(source: str) -> list[Change]:
    """Give every change of a module in the order of its lines."""
    whole = ast.parse(source)
    numbers = {node: number for number, node in enumerate(ast.walk(whole))}
    found = [
        Change(
            node.lineno, node.end_lineno or node.lineno, f"{_text(node)} -> {what or _text(new)}", numbers[node], source
        )
        for node in _changeable(whole)
        if isinstance(node, ast.expr | ast.stmt)
        for what, new in _changed(node)
    ]
    return sorted(found, key=lambda one: (one.first, one.node))


class _Replaced(ast.NodeTransformer):
    """Put one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self._new if node is self._old else self.generic_visit(node)


def _changeable(node: ast.AST) -> Iterator[ast.AST]:
    """Give the nodes that are looked at."""
    if isinstance(node, ast.If) and _text(node.test) == "TYPE_CHECKING":
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _changeable(child)


def _changed(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Give what a node becomes, once at most, with words where its text does not say it."""
    match node:
        case ast.Compare(left=left, ops=[op], comparators=others) if type(op) in _COMPARED:
            yield "", ast.Compare(left=left, ops=[_COMPARED[type(op)]()], comparators=others)
        case ast.BoolOp(op=op, values=values):
            yield "", ast.BoolOp(op=ast.Or() if isinstance(op, ast.And) else ast.And(), values=values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "", operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ADDED:
            yield "", ast.BinOp(left=left, op=_ADDED[type(op)](), right=right)
        case ast.Constant(value=bool() as value):
            yield "", ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield "", ast.Constant(value + 1)
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if not isinstance(
            test, ast.Compare | ast.BoolOp | ast.UnaryOp
        ):
            new = copy.copy(node)
            new.test = ast.UnaryOp(op=ast.Not(), operand=test)
            yield f"not {_text(test)}", new
        case ast.Return(value=ast.AST() as value) if not isinstance(value, ast.Constant):
            yield "return None", ast.Return(value=ast.Constant(None))
        case ast.Expr(value=value) if not isinstance(value, ast.Constant):
            yield "dropped", ast.Pass()
        case _ if isinstance(node, _DROPPED):
            yield "dropped", ast.Pass()


def _text(node: ast.AST) -> str:
    text = ast.unparse(node).splitlines()[0]
    return text if len(text) <= 80 else f"{text[:79]}…"
