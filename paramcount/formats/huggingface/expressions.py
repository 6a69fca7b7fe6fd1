"""The closed language of blueprints: expressions over a config's fields, parsed once to closures.

Python's own grammar reads the text and a whitelist of its nodes is translated; nothing is ever run as Python.
A field is a dotted path (`text_config.hidden_size`); i, j, k, l are the indices of the blocks a tensor stands in.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from paramcount.formats.huggingface.functions import (
    ARITHMETIC,
    COMPARISONS,
    FUNCTIONS,
    MAX_DIMENSION,
    NO_VALUE,
    Unknown,
)

Scope = Mapping[str, Any]
Closure = Callable[[Scope, Sequence[int]], Any]

INDICES = "ijkl"
_NUMBERS = int, float


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A parsed expression: its value and its truth in a scope, the indices it depends on and the fields it reads."""

    text: str
    value: Closure
    truth: Closure
    indices: frozenset[int]
    fields: frozenset[str]
    reach: int  # how many indices, the outermost first, its value follows from

    @property
    def node(self) -> ast.expr:
        """Its tree, parsed anew: to keep all of them would take longer, whenever memory is tidied up."""
        return ast.parse(self.text, mode="eval").body


@lru_cache(maxsize=65536)
def parse(text: str) -> Expression:
    """The expression that `text` is. Raises ValueError for anything outside the language."""
    node = ast.parse(text, mode="eval").body
    indices, fields = _names(node)
    value = _value(node)
    return Expression(text, value, _holds(node, value), indices, fields, max(indices, default=-1) + 1)


def _names(node: ast.expr) -> tuple[frozenset[int], frozenset[str]]:
    """The indices and the fields that an expression mentions."""
    indices, fields = set(), set()
    waiting: list[ast.AST] = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, ast.Attribute):
            fields.add(_path(found))
        elif isinstance(found, ast.Name):
            if found.id in INDICES:
                indices.add(INDICES.index(found.id))
            else:
                fields.add(found.id)
        elif isinstance(found, ast.Call):
            waiting += found.args
        else:
            waiting += ast.iter_child_nodes(found)
    return frozenset(indices), frozenset(fields)


def _path(node: ast.expr) -> str:
    """The dotted path that a chain of attributes spells."""
    if isinstance(node, ast.Attribute):
        return f"{_path(node.value)}.{node.attr}"
    if isinstance(node, ast.Name):
        return node.id
    raise ValueError(f"no path: {ast.unparse(node)}")


def _truth(node: ast.expr) -> Closure:
    return _holds(node, _value(node))


def _holds(node: ast.expr, value: Closure) -> Closure:
    """Whether an expression of such a value holds. What has no value does not; so the negation of that does."""
    if isinstance(node, ast.BoolOp) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        return value

    def holds(scope: Scope, at: Sequence[int]) -> bool:
        try:
            return bool(value(scope, at))
        except NO_VALUE:
            return False

    return holds


def _joined(parts: list[Closure], *, every: bool) -> Closure:
    """Whether all of them hold or, without `every`, any."""

    def holds(scope: Scope, at: Sequence[int]) -> bool:
        for part in parts:  # all() and any() take twice as long
            if part(scope, at) is not every:
                return not every
        return every

    return holds


def _value(node: ast.expr) -> Closure:  # noqa: C901 - one case a node of the grammar
    """Its value. Raises Unknown, or whatever Python raises for operands that do not fit."""
    match node:
        case ast.Constant(value=constant):
            return _constant(constant)
        case ast.Name(id=name) if name in INDICES:
            place = INDICES.index(name)
            return _index(place)
        case ast.Name() | ast.Attribute():
            return _field(_path(node))
        case ast.Subscript(value=base, slice=place):
            return _item(base, place)
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(ARITHMETIC[type(op)], _operand(left), _operand(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _operand(operand)
            return lambda scope, at: -inner(scope, at)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compared(left, op, right)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _called(name, args)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            condition, then, other = _truth(test), _value(body), _value(orelse)
            return lambda scope, at: then(scope, at) if condition(scope, at) else other(scope, at)
        case ast.BoolOp(op=op, values=values):
            return _joined([_truth(value) for value in values], every=isinstance(op, ast.And))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = _truth(operand)
            return lambda scope, at: not inner(scope, at)
        case ast.Tuple(elts=elements):
            return _tuple(elements)
        case ast.Set() | ast.Dict() | ast.List():
            literal = ast.literal_eval(node)
            return _constant(literal)
    raise ValueError(f"not in the language of blueprints: {ast.unparse(node)}")


def _constant(value: Any) -> Closure:
    return lambda scope, at: value  # noqa: ARG005


@lru_cache(maxsize=len(INDICES))
def _index(place: int) -> Closure:
    return lambda scope, at: at[place]  # noqa: ARG005


def _null(path: str, wanted: bool) -> Closure:
    return lambda scope, at: (scope.get(path) is None) == wanted  # noqa: ARG005


def _list(path: str) -> Closure:
    return lambda scope, at: isinstance(scope.get(path), list)  # noqa: ARG005


@lru_cache(maxsize=4096)
def _field(path: str) -> Closure:
    def field(scope: Scope, at: Sequence[int]) -> Any:  # noqa: ARG001
        value = scope.get(path)
        if value is None:
            raise Unknown
        return value

    return field


def _tuple(elements: list[ast.expr]) -> Closure:
    count = len(elements)
    if [element.id if isinstance(element, ast.Name) else "" for element in elements] == list(INDICES[:count]):
        return lambda scope, at: tuple(at[:count])  # noqa: ARG005
    parts = [_value(element) for element in elements]
    return lambda scope, at: tuple([part(scope, at) for part in parts])


def _item(base: ast.expr, place: ast.expr) -> Closure:
    index = _value(place)
    if isinstance(base, ast.Dict):
        table = ast.literal_eval(base)
        return lambda scope, at: table[index(scope, at)]
    items = _value(base)

    def item(scope: Scope, at: Sequence[int]) -> Any:
        found, key = items(scope, at), index(scope, at)
        if isinstance(found, dict):
            return found[key]
        if not isinstance(found, list) or not 0 <= key < len(found) or found[key] is None:
            raise Unknown
        return found[key]

    return item


def _operand(node: ast.expr) -> Closure:
    """The value of what is reckoned with. Raises Unknown for anything but a number."""
    match node:
        case ast.Name(id=name) if name in INDICES:
            return _value(node)
        case ast.Name() | ast.Attribute():
            return _number(_path(node))
        case ast.Constant(value=int() | float() as constant) if abs(constant) <= MAX_DIMENSION:
            return _value(node)
    value = _value(node)

    def number(scope: Scope, at: Sequence[int]) -> Any:
        found = value(scope, at)
        if isinstance(found, _NUMBERS) and abs(found) <= MAX_DIMENSION:
            return found
        raise Unknown

    return number


@lru_cache(maxsize=4096)
def _number(path: str) -> Closure:
    def number(scope: Scope, at: Sequence[int]) -> Any:  # noqa: ARG001
        found = scope.get(path)
        if isinstance(found, _NUMBERS) and abs(found) <= MAX_DIMENSION:
            return found
        raise Unknown

    return number


def _binary(operation: Callable[[Any, Any], Any], left: Closure, right: Closure) -> Closure:
    return lambda scope, at: operation(left(scope, at), right(scope, at))


def _compared(left: ast.expr, op: ast.cmpop, right: ast.expr) -> Closure:
    if isinstance(op, ast.Is | ast.IsNot) and isinstance(right, ast.Constant) and right.value is None:
        path, wanted = _path(left), isinstance(op, ast.Is)
        return _null(path, wanted)
    comparison, first, second = COMPARISONS[type(op)], _value(left), _value(right)
    return lambda scope, at: comparison(first(scope, at), second(scope, at))


def _called(name: str, args: list[ast.expr]) -> Closure:
    if name == "is_list":
        path = _path(args[0])
        return _list(path)
    parts = [_value(arg) for arg in args]
    if name == "most":  # the largest of those that have a value
        return lambda scope, at: max([0, *_known(parts, scope, at)])
    function = FUNCTIONS[name]
    if len(parts) == 1:
        (only,) = parts
        return lambda scope, at: function(only(scope, at))
    return lambda scope, at: function(*[part(scope, at) for part in parts])


def _known(parts: list[Closure], scope: Scope, at: Sequence[int]) -> list[int]:
    found = []
    for part in parts:
        try:
            found.append(part(scope, at))
        except NO_VALUE:
            continue
    return [value for value in found if isinstance(value, int)]


def integer(expression: Expression, scope: Scope, at: Sequence[int]) -> int | None:
    """Its value where that is an integer; None where it has none."""
    try:
        value = expression.value(scope, at)
    except NO_VALUE:
        return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def count(expression: Expression, scope: Scope, at: Sequence[int]) -> int:
    """How many blocks: none where that has no value."""
    return max(integer(expression, scope, at) or 0, 0)


def value_or_none(expression: Expression, scope: Scope, at: Sequence[int]) -> Any:
    try:
        return expression.value(scope, at)
    except NO_VALUE:
        return None


def violated(expression: Expression, scope: Scope) -> bool:
    """Whether something that was assumed is known to be false; what has no value was never asked."""
    try:
        return not expression.value(scope, ())
    except NO_VALUE:
        return False
