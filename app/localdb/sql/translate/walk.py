"""Looking through a syntax tree without translating it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields

from app.localdb.sql import nodes as n

# the fields of each kind of node that can hold nodes
_inner: dict[type, tuple[str, ...]] = {}
_PLAIN = ("offset", "parts", "quoted", "text", "op", "negated", "name", "alias")


def parts(node: object) -> Iterator[object]:
    """The node and everything in it, but not what is inside its subqueries."""
    pending: list[object] = [node]
    while pending:
        found = pending.pop()
        if isinstance(found, n.Query):
            continue
        if isinstance(found, list | tuple):
            pending.extend(found)
        elif isinstance(found, n.Node):
            yield found
            kind = type(found)
            names = _inner.get(kind)
            if names is None:
                names = _inner[kind] = tuple(f.name for f in fields(found) if f.name not in _PLAIN)
            for name in names:
                value = getattr(found, name)
                if value is not None and not isinstance(value, str | bool):
                    pending.append(value)


def any_part(node: object, test: Callable[[object], bool]) -> bool:
    """Whether anything in the node passes the test, subqueries left out."""
    return any(test(part) for part in parts(node))


def is_word(node: object, word: str) -> bool:
    """Whether a node is that unquoted, unqualified name."""
    return isinstance(node, n.Name) and node.parts == (word,) and not any(node.quoted)


def mentions(node: object, word: str) -> bool:
    """Whether a pseudo-column occurs in the node, subqueries left out."""
    return any_part(node, lambda part: is_word(part, word))


def conjuncts(node: n.Expr | None) -> list[n.Expr]:
    """The conditions that AND joins at the top of a condition, parentheses around them taken off."""
    if node is None:
        return []
    if isinstance(node, n.Paren):
        return (
            conjuncts(node.operand)
            if isinstance(node.operand, n.Binary) and node.operand.op == "AND"
            else [node]
        )
    if isinstance(node, n.Binary) and node.op == "AND":
        return conjuncts(node.left) + conjuncts(node.right)
    return [node]
