"""The expressions of the blueprint language, over the fields of a config: parsed once, to closures.

Python's own grammar reads the text, and a whitelist of its nodes is translated; nothing is ever run as Python.
A field is a dotted path (`text_config.hidden_size`); i, j, k, l are the indices of the blocks around a tensor.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from paramcount.formats.huggingface.functions import (
    ARITHMETIC,
    COMPARISONS,
    FUNCTIONS,
    MAX_NUMBER,
    NO_VALUE,
    Unknown,
)

Scope = Mapping[str, Any]
"""The fields of a config, by dotted path."""

Closure = Callable[[Scope, Sequence[int]], Any]
"""A compiled expression: its value in a scope, for the indices of the blocks around, the outermost first."""

INDICES = "ijkl"
"""The names of block indices, by axis: i is that of the outermost blocks."""

_NUMBERS = int, float


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A parsed expression, with the indices and the fields that it reads."""

    text: str
    value: Closure
    truth: Closure
    axes: frozenset[int]  # the indices that it reads, as axes
    fields: frozenset[str]
    index_depth: int  # the number of outermost indices that decide its value

    @property
    def node(self) -> ast.expr:
        """Its tree, parsed again: trees that are kept would slow down every garbage collection."""
        return ast.parse(self.text, mode="eval").body


@lru_cache(maxsize=2048)
def parse(text: str) -> Expression:
    """Parse an expression; blueprints share most of theirs. Raises ValueError for anything outside the language."""
    node = ast.parse(text, mode="eval").body
    axes, fields = _find_names(node)
    value = _compile(node)
    return Expression(text, value, _make_truth(node, value), axes, fields, depth_of(axes))


def depth_of(axes: Iterable[int]) -> int:
    """The number of outermost indices that hold all of these axes."""
    return max(axes, default=-1) + 1


def parse_node(node: ast.expr) -> Expression:
    """The expression of a tree."""
    return parse(ast.unparse(node))


def _find_names(node: ast.expr) -> tuple[frozenset[int], frozenset[str]]:
    """The axes and the fields that an expression names."""
    axes, fields = set(), set()
    pending: list[ast.AST] = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, ast.Attribute):
            fields.add(_spell_path(part))
        elif isinstance(part, ast.Name):
            if part.id in INDICES:
                axes.add(INDICES.index(part.id))
            else:
                fields.add(part.id)
        elif isinstance(part, ast.Call):
            pending += part.args
        else:
            pending += ast.iter_child_nodes(part)
    return frozenset(axes), frozenset(fields)


def _spell_path(node: ast.expr) -> str:
    """The dotted path that a chain of attributes spells."""
    if isinstance(node, ast.Attribute):
        return f"{_spell_path(node.value)}.{node.attr}"
    if isinstance(node, ast.Name):
        return node.id
    raise ValueError(f"no path: {ast.unparse(node)}")


def _compile_truth(node: ast.expr) -> Closure:
    return _make_truth(node, _compile(node))


def _make_truth(node: ast.expr, value: Closure) -> Closure:
    """Return whether an expression is true. Without a value it is false, and `not` of it is true."""
    if isinstance(node, ast.BoolOp) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        return value

    def truth(scope: Scope, indices: Sequence[int]) -> bool:
        try:
            return bool(value(scope, indices))
        except NO_VALUE:
            return False

    return truth


def _compile_bool_op(parts: list[Closure], *, is_and: bool) -> Closure:
    def truth(scope: Scope, indices: Sequence[int]) -> bool:
        for part in parts:  # all() and any() take twice as long
            if part(scope, indices) is not is_and:
                return not is_and
        return is_and

    return truth


def _compile(node: ast.expr) -> Closure:  # noqa: C901 - one case a node of the grammar
    """The value of an expression. Raises Unknown, or what Python raises for operands that do not fit."""
    match node:
        case ast.Constant(value=constant):
            return _compile_constant(constant)
        case ast.Name(id=name) if name in INDICES:
            return _compile_index(INDICES.index(name))
        case ast.Name() | ast.Attribute():
            return _compile_field(_spell_path(node))
        case ast.Subscript(value=base, slice=subscript):
            return _compile_item(base, subscript)
        case ast.BinOp(left=left, op=op, right=right):
            return _compile_arithmetic(ARITHMETIC[type(op)], _compile_operand(left), _compile_operand(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            number = _compile_operand(operand)
            return lambda scope, indices: -number(scope, indices)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compile_comparison(left, op, right)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _compile_call(name, args)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            condition, then, other = _compile_truth(test), _compile(body), _compile(orelse)
            return lambda scope, indices: then(scope, indices) if condition(scope, indices) else other(scope, indices)
        case ast.BoolOp(op=op, values=values):
            return _compile_bool_op([_compile_truth(value) for value in values], is_and=isinstance(op, ast.And))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            truth = _compile_truth(operand)
            return lambda scope, indices: not truth(scope, indices)
        case ast.Tuple(elts=elements):
            return _compile_tuple(elements)
        case ast.Set() | ast.Dict() | ast.List():
            return _compile_constant(ast.literal_eval(node))
    raise ValueError(f"not in the language of blueprints: {ast.unparse(node)}")


def _compile_constant(value: Any) -> Closure:
    return lambda scope, indices: value  # noqa: ARG005


def _compile_index(axis: int) -> Closure:
    return lambda scope, indices: indices[axis]  # noqa: ARG005


def _compile_null_check(path: str, *, is_null: bool) -> Closure:
    return lambda scope, indices: (scope.get(path) is None) == is_null  # noqa: ARG005


def _compile_list_check(path: str) -> Closure:
    return lambda scope, indices: isinstance(scope.get(path), list)  # noqa: ARG005


def _compile_field(path: str) -> Closure:
    def field(scope: Scope, indices: Sequence[int]) -> Any:  # noqa: ARG001
        value = scope.get(path)
        if value is None:
            raise Unknown
        return value

    return field


def _compile_tuple(elements: list[ast.expr]) -> Closure:
    length = len(elements)
    if [element.id if isinstance(element, ast.Name) else "" for element in elements] == list(INDICES[:length]):
        return lambda scope, indices: tuple(indices[:length])  # noqa: ARG005
    parts = [_compile(element) for element in elements]
    return lambda scope, indices: tuple([part(scope, indices) for part in parts])


def _compile_item(base: ast.expr, subscript: ast.expr) -> Closure:
    """The item of a table that stands in the expression, of an object, or of a list."""
    key_of = _compile(subscript)
    if isinstance(base, ast.Dict):
        table = ast.literal_eval(base)
        return lambda scope, indices: table[key_of(scope, indices)]
    items_of = _compile(base)

    def item(scope: Scope, indices: Sequence[int]) -> Any:
        items, key = items_of(scope, indices), key_of(scope, indices)
        if isinstance(items, dict):
            return items[key]
        if not isinstance(items, list) or not 0 <= key < len(items) or items[key] is None:
            raise Unknown
        return items[key]

    return item


def _compile_operand(node: ast.expr) -> Closure:
    """The value of an operand of arithmetic. Raises Unknown for anything but a number up to MAX_NUMBER."""
    match node:
        case ast.Name(id=name) if name in INDICES:
            return _compile(node)
        case ast.Name() | ast.Attribute():
            return _compile_number_field(_spell_path(node))
        case ast.Constant(value=int() | float() as constant) if abs(constant) <= MAX_NUMBER:
            return _compile(node)
    value_of = _compile(node)

    def number(scope: Scope, indices: Sequence[int]) -> Any:
        value = value_of(scope, indices)
        if isinstance(value, _NUMBERS) and abs(value) <= MAX_NUMBER:
            return value
        raise Unknown

    return number


def _compile_number_field(path: str) -> Closure:
    def number(scope: Scope, indices: Sequence[int]) -> Any:  # noqa: ARG001
        value = scope.get(path)
        if isinstance(value, _NUMBERS) and abs(value) <= MAX_NUMBER:
            return value
        raise Unknown

    return number


def _compile_arithmetic(operation: Callable[[Any, Any], Any], left: Closure, right: Closure) -> Closure:
    return lambda scope, indices: operation(left(scope, indices), right(scope, indices))


def _compile_comparison(left: ast.expr, op: ast.cmpop, right: ast.expr) -> Closure:
    if isinstance(op, ast.Is | ast.IsNot) and isinstance(right, ast.Constant) and right.value is None:
        return _compile_null_check(_spell_path(left), is_null=isinstance(op, ast.Is))
    comparison, left_of, right_of = COMPARISONS[type(op)], _compile(left), _compile(right)
    return lambda scope, indices: comparison(left_of(scope, indices), right_of(scope, indices))


def _compile_call(name: str, args: list[ast.expr]) -> Closure:
    if name == "is_list":
        return _compile_list_check(_spell_path(args[0]))
    parts = [_compile(arg) for arg in args]
    if name == "most":  # the largest of those that have a value
        return lambda scope, indices: max([0, *_collect_integers(parts, scope, indices)])
    function = FUNCTIONS[name]
    if len(parts) == 1:
        (only,) = parts
        return lambda scope, indices: function(only(scope, indices))
    return lambda scope, indices: function(*[part(scope, indices) for part in parts])


def _collect_integers(parts: list[Closure], scope: Scope, indices: Sequence[int]) -> list[int]:
    """The values of those parts that have an integer as their value."""
    values = []
    for part in parts:
        try:
            values.append(part(scope, indices))
        except NO_VALUE:
            continue
    return [value for value in values if isinstance(value, int)]


def evaluate(expression: Expression, scope: Scope, indices: Sequence[int]) -> Any:
    """Return the value of an expression; None where it has none."""
    try:
        return expression.value(scope, indices)
    except NO_VALUE:
        return None


def evaluate_integer(expression: Expression, scope: Scope, indices: Sequence[int]) -> int | None:
    """Return the value of an expression where that is an integer; None otherwise."""
    value = evaluate(expression, scope, indices)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def evaluate_count(expression: Expression, scope: Scope, indices: Sequence[int]) -> int:
    """Return a number of blocks; 0 where the expression has no value."""
    return max(evaluate_integer(expression, scope, indices) or 0, 0)


def is_violated(assumption: Expression, scope: Scope) -> bool:
    """Return whether an assumption is false. One without a value holds: the class never reads what it is about."""
    try:
        return not assumption.value(scope, ())
    except NO_VALUE:
        return False
