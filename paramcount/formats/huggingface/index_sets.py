"""Sets of block indices as the bits of integers: a million blocks are one number, and `i % 8 == 4` a pattern in it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from paramcount.formats.huggingface.expressions import INDICES, Expression, Scope, evaluate, parse, parse_node
from paramcount.model import block_ranges
from paramcount.model.errors import TooLarge

IndexSet = int
"""A set of block indices: bit n is set where block n belongs to it."""

Selector = Callable[[int, Scope, Sequence[int]], IndexSet]
"""A compiled guard: of `count` blocks of one axis, those where it holds, in a scope and for the outer indices."""

MAX_EVALUATED_BLOCKS = 4096
"""The most blocks that a guard is evaluated for one by one, where it is no pattern."""

MAX_PATTERN_BLOCKS = 2**22
"""The most blocks that a pattern selects from."""

_MAX_SCANNED_BITS = 512
"""The longest set that is iterated bit by bit; a longer one is halved, to pass over empty stretches at once."""


def all_indices(count: int) -> IndexSet:
    """The set of the first `count` indices. Raises TooLarge."""
    if count > MAX_PATTERN_BLOCKS:
        raise TooLarge(f"at most {MAX_PATTERN_BLOCKS:,} layers may differ from each other, not {count:,}")
    return (1 << count) - 1


def first_index(indices: IndexSet) -> int:
    """The lowest index of a set that is not empty."""
    return (indices & -indices).bit_length() - 1


def iterate(indices: IndexSet, start: int = 0) -> Iterator[int]:
    """Yield the indices of a set in ascending order, `start` added to each."""
    half = indices.bit_length() // 2
    if half > _MAX_SCANNED_BITS:
        yield from iterate(indices & all_indices(half), start)
        yield from iterate(indices >> half, start + half)
        return
    while indices:
        lowest = indices & -indices
        yield start + lowest.bit_length() - 1
        indices ^= lowest


def format_indices(indices: IndexSet) -> str:
    """The name of the blocks of a set: 0b100111 -> '0-2,5'. Raises TooLarge for too many runs."""
    if indices.bit_count() == 1:  # most sets
        return str(first_index(indices))
    edges = indices ^ indices << 1  # a bit where a run begins, and one after its end
    if edges.bit_count() > 2 * MAX_EVALUATED_BLOCKS:
        raise TooLarge(f"at most {MAX_EVALUATED_BLOCKS:,} runs of layers may alternate")
    bounds = iterate(edges)
    return block_ranges.format_runs([(start, end - 1) for start, end in zip(bounds, bounds, strict=True)])


def check_evaluated_blocks(count: int) -> None:
    """Raise TooLarge for more blocks than may be evaluated one by one."""
    if count > MAX_EVALUATED_BLOCKS:
        raise TooLarge(f"at most {MAX_EVALUATED_BLOCKS:,} layers may differ from each other, not {count:,}")


def indices_where(guard: Expression, axis: int, count: int, scope: Scope, outer: Sequence[int]) -> IndexSet:
    """Of the first `count` indices of an axis, those where a guard holds; `outer` are the indices of the blocks around.

    Raises TooLarge.
    """
    return compile_guard(guard.text, axis)(count, scope, outer)


@lru_cache(maxsize=2048)
def compile_guard(guard: str, axis: int) -> Selector:
    """Compile the selector of a guard; a config of many stages asks for the same ones at each."""
    return _compile(parse(guard).node, axis)


def _compile(node: ast.expr, axis: int) -> Selector:
    guard = parse_node(node)
    if axis not in guard.axes:
        return lambda count, scope, outer: all_indices(count) if guard.truth(scope, outer) else 0
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return _intersect([_compile(value, axis) for value in values])
        case ast.BoolOp(op=ast.Or(), values=values):
            return _unite([_compile(value, axis) for value in values])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            excluded = _compile(operand, axis)
            return lambda count, scope, outer: all_indices(count) & ~excluded(count, scope, outer)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _choose(_compile(test, axis), _compile(body, axis), _compile(orelse, axis))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compile_comparison(guard, left, op, right, axis)
    return _evaluate_each(guard)


def _intersect(parts: list[Selector]) -> Selector:
    def select(count: int, scope: Scope, outer: Sequence[int]) -> IndexSet:
        indices = all_indices(count)
        for part in parts:
            if not indices:
                break
            indices &= part(count, scope, outer)
        return indices

    return select


def _unite(parts: list[Selector]) -> Selector:
    def select(count: int, scope: Scope, outer: Sequence[int]) -> IndexSet:
        indices = 0
        for part in parts:
            indices |= part(count, scope, outer)
        return indices

    return select


def _choose(test: Selector, then: Selector, other: Selector) -> Selector:
    def select(count: int, scope: Scope, outer: Sequence[int]) -> IndexSet:
        condition = test(count, scope, outer)
        return condition & then(count, scope, outer) | all_indices(count) & ~condition & other(count, scope, outer)

    return select


def _evaluate_each(guard: Expression) -> Selector:
    def select(count: int, scope: Scope, outer: Sequence[int]) -> IndexSet:
        check_evaluated_blocks(count)
        indices = 0
        for index in range(count):
            if guard.truth(scope, (*outer, index)):
                indices |= 1 << index
        return indices

    return select


def _compile_comparison(guard: Expression, left: ast.expr, op: ast.cmpop, right: ast.expr, axis: int) -> Selector:
    """The selector of `kinds[i] == 'full'`, `i + 1 < e`, `i in e` or `(i + 1) % m == r`."""
    match left, right:
        case ast.Subscript(value=items, slice=ast.Name(id=name)), ast.Constant(value=str(word)) if (
            name == INDICES[axis] and isinstance(op, ast.Eq | ast.NotEq) and not parse_node(items).axes
        ):
            return _select_words(parse_node(items), word, is_equal=isinstance(op, ast.Eq))
    bound, fallback = parse_node(right), _evaluate_each(guard)
    if axis in bound.axes:
        return fallback
    if (shift := _find_shift(left, axis)) is not None:
        if isinstance(op, ast.In):
            return _select_members(bound, shift, fallback)
        return _select_ordered(op, bound, shift, fallback)
    match left:
        case ast.BinOp(left=dividend, op=ast.Mod(), right=divisor):
            shift, period = _find_shift(dividend, axis), parse_node(divisor)
            if shift is not None and axis not in period.axes and isinstance(op, ast.Eq | ast.NotEq):
                return _select_periodic(bound, period, shift, fallback, is_equal=isinstance(op, ast.Eq))
    return fallback


def _select_words(items_of: Expression, word: str, *, is_equal: bool) -> Selector:
    """The indices whose item of a list is a word, or is another one."""

    def select(count: int, scope: Scope, outer: Sequence[int]) -> IndexSet:
        items = evaluate(items_of, scope, outer)
        if not isinstance(items, list) or not items:
            return 0
        digits = ["1" if isinstance(item, str) and (item == word) is is_equal else "0" for item in items[:count]]
        return int("".join(reversed(digits)) or "0", 2)

    return select


def _select_members(items_of: Expression, shift: int, fallback: Selector) -> Selector:
    """The indices that, `shift` added, are members of a collection."""

    def select(count: int, scope: Scope, outer: Sequence[int]) -> IndexSet:
        items = evaluate(items_of, scope, outer)
        if not isinstance(items, list | set | dict):
            return fallback(count, scope, outer)
        digits = bytearray(b"0") * (count + 1)
        for item in items:
            if isinstance(item, int | float) and 0 <= item - shift < count and item == int(item):
                digits[-1 - int(item - shift)] = ord("1")
        return int(digits, 2)

    return select


def _find_shift(node: ast.expr, axis: int) -> int | None:
    """The number that is added to the axis's index: -1 of `i - 1`; None of anything but such a sum."""
    match node:
        case ast.Name(id=name) if name == INDICES[axis]:
            return 0
        case ast.BinOp(left=term, op=ast.Add(), right=ast.Constant(value=int(addend))):
            shift = _find_shift(term, axis)
            return None if shift is None else shift + addend
        case ast.BinOp(left=term, op=ast.Sub(), right=ast.Constant(value=int(addend))):
            shift = _find_shift(term, axis)
            return None if shift is None else shift - addend
    return None


def _as_integer(value: Any) -> int | None:
    return value if type(value) is int else None


def _select_ordered(op: ast.cmpop, bound: Expression, shift: int, fallback: Selector) -> Selector:
    """The indices that, `shift` added, are below, above, at, or not at a bound."""
    is_equal, is_unequal = isinstance(op, ast.Eq), isinstance(op, ast.NotEq)
    is_less, is_more = isinstance(op, ast.Lt | ast.LtE), isinstance(op, ast.Gt | ast.GtE)
    if not (is_equal or is_unequal or is_less or is_more):
        return fallback
    correction = isinstance(op, ast.LtE | ast.Gt) - shift  # i <= 3 is i < 4

    def select(count: int, scope: Scope, outer: Sequence[int]) -> IndexSet:
        limit = _as_integer(evaluate(bound, scope, outer))
        if limit is None:
            return fallback(count, scope, outer)
        limit += correction
        if is_less or is_more:
            below = all_indices(min(max(limit, 0), count))
            return below if is_less else all_indices(count) & ~below
        single = 1 << limit if 0 <= limit < count else 0
        return single if is_equal else all_indices(count) & ~single

    return select


def _select_periodic(
    remainder_of: Expression, period_of: Expression, shift: int, fallback: Selector, *, is_equal: bool
) -> Selector:
    """The indices that, `shift` added, leave a remainder or another one when divided by a period."""

    def select(count: int, scope: Scope, outer: Sequence[int]) -> IndexSet:
        remainder = _as_integer(evaluate(remainder_of, scope, outer))
        period = _as_integer(evaluate(period_of, scope, outer))
        if remainder is None or period is None or period < 1:
            return fallback(count, scope, outer)
        everything = all_indices(count)
        indices = 0
        if 0 <= remainder < period:
            indices = _repeat_bit((remainder - shift) % period, period, count) & everything
        return indices if is_equal else everything & ~indices

    return select


def _repeat_bit(start: int, period: int, count: int) -> IndexSet:
    """Every `period`-th index from `start` on, up to `count` and a little beyond."""
    if start >= count:
        return 0
    indices, width = 1 << start, period
    while width < count:
        indices |= indices << width
        width *= 2
    return indices
