"""Roots whose indexes have fewer entries than they had. Pure: nodes in, nodes out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ociarchive.model import Index

if TYPE_CHECKING:
    from collections.abc import Callable

    from ociarchive.model import Child, Node, Root


class Lesser:
    """Makes what is left of indexes. Of what many roots lead to in the same way there is one new index, not many."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], Index] = {}

    def root(self, root: Root, stays: Callable[[Child], bool]) -> Root:
        """Return a root whose indexes hold only the children that stay. Without a change it is the same object.

        Each index is visited once for a root, however many entries lead to it.
        """
        done: dict[int, Node] = {}

        def below(node: Node) -> Node:
            if not isinstance(node, Index):
                return node
            if id(node) not in done:
                done[id(node)] = self._index(node, stays, below)
            return done[id(node)]

        node = below(root.node)
        return root if node is root.node else replace(root, node=node)

    def _index(self, index: Index, stays: Callable[[Child], bool], below: Callable[[Node], Node]) -> Index:
        kept: list[tuple[Child, Node]] = []
        for child in index.children:
            if stays(child):
                inner = below(child.node)
                emptied = isinstance(inner, Index) and not inner.children and inner is not child.node
                if not emptied:
                    kept.append((child, inner))
        if len(kept) == len(index.children) and all(inner is child.node for child, inner in kept):
            return index
        key = (id(index), *((id(child), id(inner)) for child, inner in kept))
        if key not in self._made:
            children = (child if inner is child.node else replace(child, node=inner) for child, inner in kept)
            self._made[key] = replace(index, children=tuple(children))
        return self._made[key]
